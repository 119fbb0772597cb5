// A partial that is kept too long fills the disk; one that goes too early has a large video copied from its start, forever.
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AbsolutePath, SourceId, SourcePath } from '../../../src/domain/ids.ts';
import {
  dropProgress,
  loadProgress,
  type StagingIdentity,
  saveProgress,
  stagedName,
  sweepIncoming,
} from '../../../src/library/incoming.ts';
import { hashOf, sourceId } from '../../contract/sample-plans.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

const nowMs = Date.parse('2026-11-23T12:00:00Z');
const dayMs = 24 * 3600 * 1000;
const identity: StagingIdentity = { sourceId, path: 'DCIM/a.mov' as SourcePath, sizeBytes: 9, modifiedAtNs: 5n };
const progress = { durableBytes: 5, headHash: hashOf('head') };

function scene(): Disposable & {
  readonly folder: AbsolutePath;
  names(): string[];
  put(name: string, ageMs?: number, source?: SourceId): Promise<string>;
} {
  const scratch = temporaryFolder();
  const folder = scratch.path as AbsolutePath;
  return {
    folder,
    names: () => readdirSync(folder).sort(),
    put: async (path, ageMs = 0, source = sourceId) => {
      const name = stagedName({ ...identity, path: path as SourcePath });
      writeFileSync(join(folder, name), 'bytes');
      await saveProgress(folder, name, { ...progress, sourceId: source, savedAtMs: nowMs - ageMs });
      return name;
    },
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

function recordOf(name: string): string {
  return name.replace('.part', '.resume');
}

test('An entry always has the same staged name, and in another state another one', () => {
  const names = [
    identity,
    { ...identity, sourceId: 'other' as SourceId },
    { ...identity, path: 'DCIM/b.mov' as SourcePath },
    { ...identity, sizeBytes: 10 },
    { ...identity, modifiedAtNs: -5n },
    { ...identity, path: 'DCIM/a.mov,9' as SourcePath },
  ].map(stagedName);
  expect(new Set(names).size).toBe(names.length);
  expect(stagedName({ ...identity })).toBe(names[0]);
  for (const name of names) expect(name).toMatch(/^[0-9a-f]{40}\.part$/);
});

test('How far a file had come is remembered until it is dropped', async () => {
  using at = scene();
  const name = await at.put('a');
  expect(await loadProgress(at.folder, name)).toEqual(progress);
  await dropProgress(at.folder, name);
  await dropProgress(at.folder, name);
  expect(await loadProgress(at.folder, name)).toBeUndefined();
  expect(at.names()).toEqual([name]);
});

test('A record without its partial means nothing', async () => {
  using at = scene();
  await saveProgress(at.folder, stagedName(identity), { ...progress, sourceId, savedAtMs: nowMs });
  expect(await loadProgress(at.folder, stagedName(identity))).toBeUndefined();
});

test.for([
  ['torn', (path: string) => truncateSync(path, 20)],
  ['empty', (path: string) => writeFileSync(path, '')],
  ['of zeros', (path: string) => writeFileSync(path, Buffer.alloc(100))],
  ['null', (path: string) => writeFileSync(path, 'null')],
  ['of someone else', (path: string) => writeFileSync(path, '{"hello":"world"}')],
  ['too large', (path: string) => writeFileSync(path, ' '.repeat(20_000) + readFileSync(path, 'utf8'))],
  [
    'negative',
    (path: string) => writeFileSync(path, readFileSync(path, 'utf8').replace('"durableBytes":5', '"durableBytes":-5')),
  ],
  [
    'at nothing',
    (path: string) => writeFileSync(path, readFileSync(path, 'utf8').replace('"durableBytes":5', '"durableBytes":0')),
  ],
  [
    'not a whole number',
    (path: string) => writeFileSync(path, readFileSync(path, 'utf8').replace('"durableBytes":5', '"durableBytes":5.5')),
  ],
] as const)('A record that is %s is none: the file is copied again, and the sweep takes both', async ([, damage]) => {
  using at = scene();
  const name = await at.put('a');
  damage(join(at.folder, recordOf(name)));
  expect(await loadProgress(at.folder, name)).toBeUndefined();
  await sweepIncoming({ folder: at.folder, nowMs });
  expect(at.names()).toEqual([]);
});

test('The sweep keeps fresh partials with their records and takes everything else', async () => {
  using at = scene();
  const fresh = await at.put('fresh', 13 * dayMs);
  await at.put('old', 15 * dayMs);
  const ahead = await at.put('clock was ahead', -2 * dayMs);
  await at.put('clock was far ahead', -400 * dayMs);
  writeFileSync(join(at.folder, stagedName({ ...identity, path: 'lone' as SourcePath })), 'no record');
  writeFileSync(join(at.folder, 'probe-abc-a'), '');
  writeFileSync(join(at.folder, `${recordOf(fresh)}.new`), '{');
  writeFileSync(join(at.folder, recordOf(stagedName({ ...identity, path: 'no partial' as SourcePath }))), '{}');
  mkdirSync(join(at.folder, 'folder/below'), { recursive: true });
  await sweepIncoming({ folder: at.folder, nowMs });
  expect(at.names()).toEqual([fresh, recordOf(fresh), ahead, recordOf(ahead)].sort());
  await sweepIncoming({ folder: at.folder, nowMs });
  expect(at.names()).toHaveLength(4);
});

test('What the journal refers to is kept, with or without a record', async () => {
  using at = scene();
  const lone = stagedName({ ...identity, path: 'lone' as SourcePath });
  writeFileSync(join(at.folder, lone), 'bytes');
  await at.put('old', 15 * dayMs);
  await sweepIncoming({ folder: at.folder, nowMs, keep: new Set([lone]), finishedSource: sourceId });
  expect(at.names()).toEqual([lone]);
});

test('A source that was saved in full leaves no partials, another one keeps its own', async () => {
  using at = scene();
  await at.put('mine');
  const other = await at.put('other', 0, 'folder-other' as SourceId);
  await sweepIncoming({ folder: at.folder, nowMs, finishedSource: sourceId });
  expect(at.names()).toEqual([other, recordOf(other)].sort());
});

test('An incoming folder that is not there is an error, not an empty one', async () => {
  using at = scene();
  await expect(sweepIncoming({ folder: join(at.folder, 'none') as AbsolutePath, nowMs })).rejects.toMatchObject({
    code: 'ENOENT',
  });
  expect(existsSync(join(at.folder, 'none'))).toBe(false);
});
