import { readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { backupJson, incomingNames, keepsake, temporaryFolder, walk } from '../support/keepsake.ts';
import { type FiledFile, readManifests } from '../support/manifests.ts';
import { findTestMedia } from '../support/requirements.ts';

interface Truth {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly expected: string;
  readonly basis: string;
  readonly contentId: string;
  readonly strict: boolean;
}

function readTruth(folder: string): readonly Truth[] {
  const [header, ...lines] = readFileSync(join(folder, 'truth.tsv'), 'utf8').trimEnd().split('\n');
  const columns = header?.split('\t') ?? [];
  return lines.map((line) => {
    const fields = line.split('\t');
    const field = (name: string) => fields[columns.indexOf(name)] ?? '';
    return {
      path: field('path'),
      sha256: field('sha256'),
      bytes: Number(field('bytes')),
      expected: field('expected'),
      basis: field('basis'),
      contentId: field('content_id'),
      strict: field('strict') === 'yes',
    };
  });
}

/** The local day of an instant, by a way of the test's own. */
function localDay(instant: string, timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(new Date(instant));
}

// Without this, real photos of real cameras could be filed under wrong days, torn from their halves, or left out.
describe.each(['Europe/Berlin', 'Pacific/Auckland'])('all of the real media, in %s', (timeZone) => {
  test('lies where the table of truth says, byte for byte, and is known the second time', async (context) => {
    const media = findTestMedia();
    if (media === undefined) return context.skip('needs the folder of real media (KEEPSAKE_TEST_MEDIA)');
    using scratch = temporaryFolder();
    const [home, library] = [join(scratch.path, 'home'), join(scratch.path, 'library')];
    const call = { home, library };
    await keepsake(['config', 'set', 'timeZone', timeZone], { home });
    const first = await backupJson([media], call);
    expect(first.exitCode).toBe(0);
    const report = first.json.imports[0];
    if (report === undefined) throw new Error('no report');
    expect(report.found).toBe(
      report.imported + report.known + report.duplicates + report.notMedia + report.deferred + report.failed,
    );
    expect(await incomingNames(library)).toEqual([]);

    const onDisk = await walk(library);
    const filed = await readManifests(library);
    const bySha = Map.groupBy(onDisk, ({ sha256 }) => sha256);
    const manifestOf = (path: string) => filed.find((file) => file.source.path === path);
    const wrong: string[] = [];
    const check = (condition: boolean, claim: string) => {
      if (!condition) wrong.push(claim);
    };
    const truth = readTruth(media);
    for (const row of truth) {
      const copies = bySha.get(row.sha256) ?? [];
      const line = manifestOf(row.path);
      if (row.bytes === 0) {
        check(report.notMediaPaths.includes(row.path), `${row.path} is empty and must be listed`);
        continue;
      }
      if (row.expected === 'n/a') {
        const withAsset = line !== undefined && filed.some((file) => isOriginalOf(file, line));
        const listed = report.notMediaPaths.includes(row.path) && copies.length === 0;
        check(withAsset || listed, `${row.path} must lie with its asset, or be listed and not copied`);
        if (/\.(AAE|xmp)$/.test(row.path)) check(withAsset, `${row.path} must lie with its asset`);
        continue;
      }
      check(copies.length > 0, `${row.path} must be in the library, byte for byte`);
      check(
        copies.every(({ sizeBytes }) => sizeBytes === row.bytes),
        `${row.path} must have its size`,
      );
      if (!row.strict) continue;
      if (row.expected === 'none') {
        check(
          ['fileName', 'mtime', 'undated'].includes(line?.captured?.basis ?? ''),
          `${row.path} must not claim a date of its own`,
        );
      } else {
        const day = row.expected.endsWith('Z') ? localDay(row.expected, timeZone) : row.expected.slice(0, 10);
        const isThere = copies.some(({ path }) => dirname(path) === `${day.slice(0, 4)}/${day}`);
        check(isThere, `${row.path} must lie under ${day}, lies at ${copies.map(({ path }) => path).join(', ')}`);
      }
    }
    for (const [id, rows] of Map.groupBy(
      truth.filter(({ contentId }) => contentId !== ''),
      ({ contentId }) => contentId,
    )) {
      const still = rows.find(({ path }) => !/\.mov$/i.test(path));
      const movie = rows.find(({ path }) => /\.mov$/i.test(path));
      if (still === undefined || movie === undefined) continue;
      const [one, other] = [bySha.get(still.sha256)?.[0]?.path ?? '', bySha.get(movie.sha256)?.[0]?.path ?? ''];
      check(stem(one) === stem(other), `Live Photo ${id} must be together: ${one}, ${other}`);
    }
    const decoys = ['dcim/100APPLE/IMG_3539.JPG', 'dcim/100APPLE/IMG_3539.MOV'].map(
      (path) => manifestOf(path)?.asset.id,
    );
    check(decoys[0] !== undefined && decoys[0] !== decoys[1], 'the decoys must be two assets');
    expect(wrong).toEqual([]);

    const second = await backupJson([media], call);
    expect(second.json.imports[0]).toMatchObject({
      imported: 0,
      duplicates: 0,
      known: report.imported + report.duplicates,
    });
    expect(await walk(library)).toEqual(onDisk);
  });
});

function stem(path: string): string {
  return join(dirname(path), basename(path, extname(path)));
}

function isOriginalOf(file: FiledFile, sidecar: FiledFile): boolean {
  return file.role === 'original' && file.asset.id === sidecar.asset.id && dirname(file.path) === dirname(sidecar.path);
}
