import { basename, dirname, extname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { backupJson, incomingNames, keepsake, temporaryFolder, walk } from '../support/keepsake.ts';
import { type FiledFile, readManifests } from '../support/manifests.ts';
import { writeCameraFolder, writeLivePairs } from '../support/media/camera-folder.ts';
import type { TruthRow } from '../support/media/source-tree.ts';

const timeZone = 'America/New_York';
const seed = Number(process.env['KEEPSAKE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));

const trees: readonly [string, (root: string) => Promise<readonly TruthRow[]>][] = [
  ['a camera folder with every rule in it', (root) => writeCameraFolder(root, { seed })],
  ['20 Live Photos among decoys', (root) => writeLivePairs(root, { seed, count: 20 })],
];

// Without this, a machine with nothing but the project would not notice a rule that stopped working.
describe.each(trees)(`%s (seed ${seed})`, (_, write) => {
  test('is filed as its truth says, byte for byte, and is known the second time', async () => {
    using scratch = temporaryFolder();
    const [home, source, library] = ['home', 'card', 'library'].map((name) => join(scratch.path, name)) as [
      string,
      string,
      string,
    ];
    const truth = await write(source);
    await keepsake(['config', 'set', 'timeZone', timeZone], { home });
    const first = await backupJson([source], { home, library });
    expect(first.stderr).toBe('');
    const report = first.json.imports[0];
    expect(report).toMatchObject({ found: truth.length, known: 0, deferred: 0, failed: 0, complete: true });
    expect(await incomingNames(library)).toEqual([]);

    const filed = await readManifests(library);
    const onDisk = new Map((await walk(library)).map((file) => [file.path, file]));
    const bySource = new Map(filed.map((file) => [file.source.path, file]));
    const wrong = truth.flatMap((row) => {
      const problem = findProblem({ row, truth, bySource, notMedia: report?.notMediaPaths ?? [] });
      const file = bySource.get(row.path);
      const disk = file === undefined ? undefined : onDisk.get(file.path);
      const isWhole =
        file === undefined || (disk?.sha256 === row.sha256 && Math.abs(disk.modifiedAtMs - row.modifiedAtMs) < 1);
      return [...problem, ...(isWhole ? [] : [`${row.path}: bytes or time differ at ${file?.path}`])];
    });
    expect(wrong).toEqual([]);
    expect(onDisk.size).toBe(filed.length);

    const second = await backupJson([source], { home, library });
    const notMedia = report?.notMedia ?? 0;
    expect(second.json.imports[0]).toMatchObject({
      imported: 0,
      duplicates: 0,
      notMedia,
      known: truth.length - notMedia,
    });
    expect(new Map((await walk(library)).map((file) => [file.path, file]))).toEqual(onDisk);
  });
});

function findProblem(facts: {
  readonly row: TruthRow;
  readonly truth: readonly TruthRow[];
  readonly bySource: ReadonlyMap<string, FiledFile>;
  readonly notMedia: readonly string[];
}): readonly string[] {
  const { row, truth, bySource, notMedia } = facts;
  const { expected } = row;
  const file = bySource.get(row.path);
  const problems: string[] = [];
  const check = (condition: boolean, claim: string) => {
    if (!condition)
      problems.push(`${row.path} (${row.note}): ${claim}; filed at ${file?.path}, ${JSON.stringify(file?.captured)}`);
  };
  const isUnder = (day: string) => file !== undefined && dirname(file.path) === `${day.slice(0, 4)}/${day}`;
  // Of two files with the same bytes either may be the one that is kept.
  const twin = truth.find(
    (other) => other !== row && other.sha256 === row.sha256 && other.expected.kind === 'duplicateOf',
  );
  if (file === undefined && twin !== undefined && bySource.has(twin.path)) return [];
  switch (expected.kind) {
    case 'notMedia':
      check(file === undefined && notMedia.includes(row.path), 'must be listed and not copied');
      break;
    case 'duplicateOf':
      check(file === undefined || !bySource.has(expected.path), `must be known as ${expected.path}`);
      break;
    case 'filed':
      check(isUnder(expected.local.slice(0, 10)), `must lie under ${expected.local}`);
      check(file?.captured?.local?.slice(0, 19) === expected.local, `must be dated ${expected.local}`);
      check(
        expected.basis === undefined || file?.captured?.basis === expected.basis,
        `must have basis ${expected.basis}`,
      );
      if (expected.offsetMinutes !== undefined)
        check(file?.captured?.offsetMinutes === expected.offsetMinutes, 'offset');
      check(file?.role === 'original' || file?.role === 'alternate', 'must be an original');
      break;
    case 'filedUtc':
      check(isUnder(localDay(expected.utc)), `must lie under the local day of ${expected.utc}`);
      check(file?.captured?.basis === expected.basis, `must have basis ${expected.basis}`);
      break;
    case 'undatedOrFallback':
      check(file?.captured?.basis === expected.basis, `must have basis ${expected.basis}`);
      if (expected.basis === 'undated')
        check(file !== undefined && dirname(file.path) === 'undated', 'must lie in undated/');
      else
        check(isUnder(expected.basis === 'fileName' ? expected.day : localDay(expected.utc)), 'must lie under its day');
      break;
    case 'withAsset': {
      const asset = bySource.get(expected.assetPath);
      check(file !== undefined && file.asset.id === asset?.asset.id, `must belong to ${expected.assetPath}`);
      check(
        file !== undefined && asset !== undefined && dirname(file.path) === dirname(asset.path),
        'must lie beside it',
      );
      break;
    }
  }
  if (row.livePairWith !== undefined) {
    const other = bySource.get(row.livePairWith);
    check(file !== undefined && other !== undefined && stem(file.path) === stem(other.path), 'must share its stem');
  } else if (file?.role === 'pairedVideo') check(false, 'is nobody’s paired video');
  return problems;
}

function localDay(instant: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(new Date(instant));
}

function stem(path: string): string {
  return join(dirname(path), basename(path, extname(path)));
}
