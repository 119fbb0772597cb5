// Real files from real phones and cameras, with what careful people say about them: whatever the unit tests prove,
// these decide. The files are not part of the repository: KEEPSAKE_TEST_MEDIA, or ../shared/media beside it.
import { existsSync } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MediaMetadata } from '../../src/domain/media.ts';
import { decideCaptureDate } from '../../src/library/capture-date.ts';
import { headBytesMax, identifyContent } from '../../src/library/metadata/content.ts';
import { type MetadataReader, openMetadataReader } from '../../src/library/metadata/read-metadata.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const media = process.env['KEEPSAKE_TEST_MEDIA'] ?? resolve(repository, '../shared/media');
const truthPath = join(media, 'truth.tsv');
const timeZone = 'America/New_York';
const signal = new AbortController().signal;

interface TruthRow {
  readonly path: string;
  readonly mime: string;
  readonly expected: string;
  readonly contentId: string;
  readonly strict: string;
}

/** No row where the folder is missing; the first test then says so. */
async function readTruth(): Promise<TruthRow[]> {
  if (!existsSync(truthPath)) return [];
  const [header = '', ...lines] = (await readFile(truthPath, 'utf8')).split('\n').filter((line) => line !== '');
  const columns = header.split('\t');
  return lines.map((line) => {
    const cells = line.split('\t');
    const cell = (column: string) => cells[columns.indexOf(column)] ?? '';
    const [path, mime, expected] = [cell('path'), cell('mime'), cell('expected')];
    return { path, mime, expected, contentId: cell('content_id'), strict: cell('strict') };
  });
}

const rows = await readTruth();
const strictMedia = rows.filter(({ mime, strict }) => strict === 'yes' && /^(image|video)\//.test(mime));
const others = rows.filter(({ mime }) => !/^(image|video)\//.test(mime));

async function identify(path: string) {
  await using file = await open(join(media, path));
  const { bytesRead, buffer } = await file.read(Buffer.alloc(headBytesMax), 0, headBytesMax, 0);
  return identifyContent(buffer.subarray(0, bytesRead), { name: basename(path), sizeBytes: (await file.stat()).size });
}

test('The media folder is there', (ctx) => {
  if (rows.length === 0 && process.env['CI'] !== 'true') ctx.skip(`no ${truthPath}`);
  expect(strictMedia.length, `rows in ${truthPath}`).toBeGreaterThan(0);
});

describe.skipIf(strictMedia.length === 0)('Strict rows of truth.tsv', () => {
  let reader: MetadataReader;
  beforeAll(() => {
    reader = openMetadataReader();
  });
  afterAll(() => reader[Symbol.asyncDispose]());

  test.for(strictMedia)('$path', async ({ path, mime, expected, contentId }) => {
    const content = await identify(path);
    const kind = mime.startsWith('image/') ? 'photo' : 'video';
    expect(content.kind).toBe(kind);
    if (content.kind !== 'photo' && content.kind !== 'video') return;

    const { size: sizeBytes } = await stat(join(media, path));
    const metadata = await reader.read(join(media, path), { mime: content.mime, sizeBytes, signal });
    expect(metadata.contentIdentifier ?? '').toBe(contentId);
    expectDate(metadata, kind, expected);
  });
});

/** To the second; a time with Z is compared as an instant, through the zone in which it is shown. */
function expectDate(metadata: MediaMetadata, kind: 'photo' | 'video', expected: string): void {
  if (expected === 'none') {
    expect(metadata.takenAt).toBeUndefined();
    expect(metadata.takenAtUtcMs).toBeUndefined();
    return;
  }
  const nowMs = Date.parse('2026-12-01T00:00:00Z');
  const decided = decideCaptureDate({ metadata, kind, fileName: 'x', modifiedAtMs: Number.NaN, nowMs, timeZone });
  if (decided.basis === 'undated') throw new Error('undated');
  expect(decided.basis).toBe(kind === 'photo' ? 'exif' : 'quicktime');
  if (!expected.endsWith('Z')) {
    expect(decided.local.slice(0, 19)).toBe(expected.slice(0, 19));
    return;
  }
  const instantMs = Date.parse(`${decided.local}Z`) - (decided.offsetMinutes ?? Number.NaN) * 60_000;
  expect(new Date(instantMs).toISOString().slice(0, 19)).toBe(expected.slice(0, 19));
  expect([-240, -300]).toContain(decided.offsetMinutes);
}

test.skipIf(others.length === 0).for(others)('$path ($mime) is no photo or video', async ({ path, mime }) => {
  const content = await identify(path);
  expect(content.kind).toBe(otherKind(path, mime));
});

function otherKind(path: string, mime: string): 'empty' | 'sidecar' | 'other' {
  if (mime === 'inode/x-empty') return 'empty';
  if (path.endsWith('.AAE') || path.endsWith('.xmp')) return 'sidecar';
  // Takeout's JSON lies beside its photo; albums and accounts have others.
  return /\.json$/.test(path) && /\.(jpe?g|mov|cr2)(\(\d\))?\.json$/i.test(path) ? 'sidecar' : 'other';
}
