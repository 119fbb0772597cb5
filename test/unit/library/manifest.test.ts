// The manifests are what a library is understood by without us, in decades: a line that cannot be read again is a photo
// whose name, date and origin are lost.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { AbsolutePath, RelativePath, SourcePath } from '../../../src/domain/ids.ts';
import {
  appendManifest,
  type ManifestHeader,
  manifestPath,
  manifestVersion,
  readManifest,
  writeChecksums,
} from '../../../src/library/manifest.ts';
import type { PlannedAsset } from '../../../src/library/planned-asset.ts';
import { duplicateOf, importId, plannedAsset, plannedResource, sampleSource } from '../../contract/sample-plans.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

const header: ManifestHeader = {
  version: manifestVersion,
  importId,
  source: sampleSource,
  startedAt: '2024-07-14T08:00:00.000Z',
};

function scene(): Disposable & { readonly folder: AbsolutePath; readonly path: AbsolutePath } {
  const scratch = temporaryFolder();
  const folder = scratch.path as AbsolutePath;
  return { folder, path: manifestPath(folder, importId), [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

async function readAll(path: AbsolutePath): Promise<PlannedAsset[]> {
  const plans: PlannedAsset[] = [];
  for await (const line of readManifest(path)) {
    expect(line.header).toEqual(header);
    plans.push(line.plan);
  }
  return plans;
}

/** What the lines of a plan come back as: one plan a file. `staged` is gone by then. */
function oneByOne(plan: PlannedAsset): PlannedAsset[] {
  return [
    ...plan.resources.map((resource) => ({
      ...plan,
      isNew: true,
      resources: [{ ...resource, staged: '' }],
      duplicates: [],
    })),
    ...plan.duplicates.map((copy) => ({
      ...plan,
      isNew: false,
      date: { basis: 'undated' as const },
      resources: [],
      duplicates: [{ ...copy, staged: '' }],
    })),
  ];
}

const day = '2024/2024-07-14';
const oddNames = [
  'a"b.jpg',
  "it's.jpg",
  'new\nline.jpg',
  'tab\tcr\r.jpg',
  'back\\slash.jpg',
  '\\xFF\\x5C.jpg',
  'u\u2028\u2029\u0085.jpg',
  'nul-less\u0001.jpg',
  '🙂é.jpg',
  '{"path":1}',
  ' ',
  '%0A.jpg',
];

test('What an import wrote comes back file by file, whatever the names and times', async () => {
  using at = scene();
  const plans = [
    plannedAsset(
      [
        plannedResource(`${day}/IMG_1.HEIC`, { modifiedAtNs: -(2n ** 63n) }),
        plannedResource(`${day}/IMG_1.MOV`, { role: 'pairedVideo' }),
      ],
      {
        ...{ liveId: 'L', camera: 'a|b|"c"', becomesPairedVideo: `${day}/IMG_1.MOV` as RelativePath, suffix: 12 },
        duplicates: [duplicateOf('IMG_E1.HEIC', 'same')],
      },
    ),
    plannedAsset([plannedResource('undated/x.jpg')], { date: { basis: 'undated' }, isNew: false }),
    ...oddNames.map((name, index) => ({
      ...plannedAsset([
        {
          ...plannedResource(`${day}/odd${index} \u2028.jpg`, { sourcePath: `DCIM/${name}` as SourcePath }),
          originalName: name,
        },
      ]),
    })),
  ];
  for (const plan of plans) await appendManifest(at.folder, header, [plan]);
  expect(await readAll(at.path)).toEqual(plans.flatMap(oneByOne));
});

test('Ten thousand lines, some longer than any block, come back', async () => {
  using at = scene();
  const plans = Array.from({ length: 10_000 }, (_, index) =>
    plannedAsset([
      plannedResource(`${day}/${index}.jpg`, {
        sourcePath: `D/${'ü'.repeat(index % 1000 === 0 ? 90_000 : index % 50)}.jpg` as SourcePath,
      }),
    ]),
  );
  await appendManifest(at.folder, header, plans);
  const back = await readAll(at.path);
  expect(back).toHaveLength(plans.length);
  expect(back[9000]?.resources[0]?.entry.path).toBe(plans[9000]?.resources[0]?.entry.path);
});

const [one, two, three] = ['a', 'b', 'c'].map((name) => plannedAsset([plannedResource(`${day}/${name}.jpg`)])) as [
  PlannedAsset,
  PlannedAsset,
  PlannedAsset,
];

test('A line that a crash cut off is left out, wherever it was cut, and the next import goes on behind it', async () => {
  for (const cut of [1, 2, 10, 100]) {
    using at = scene();
    await appendManifest(at.folder, header, [one, two]);
    truncateSync(at.path, statSync(at.path).size - cut);
    expect(await readAll(at.path)).toEqual(oneByOne(one));
    await appendManifest(at.folder, header, [three]);
    expect(await readAll(at.path)).toEqual([one, three].flatMap(oneByOne));
  }
});

test('A manifest cut within its first line is begun anew', async () => {
  for (const torn of ['', '{"version":1,"impo', JSON.stringify(header)]) {
    using at = scene();
    writeFileSync(at.path, torn);
    expect(await readAll(at.path)).toEqual([]);
    await appendManifest(at.folder, header, [one]);
    expect(await readAll(at.path)).toEqual(oneByOne(one));
  }
});

test.for([
  ['garbage in its middle', (lines: string[]): unknown => lines.splice(2, 0, 'garbage')],
  ['zeros in its middle', (lines: string[]): unknown => lines.splice(2, 0, '\0\0\0\0')],
  ['an empty line', (lines: string[]): unknown => lines.splice(1, 0, '')],
  ['half a line in its middle', (lines: string[]): unknown => (lines[1] = (lines[1] ?? '').slice(0, 100))],
  ['a line of something else', (lines: string[]): unknown => lines.splice(2, 0, '{"path":"x"}')],
  ['null for a line', (lines: string[]): unknown => lines.splice(2, 0, 'null')],
  [
    'a time that is none',
    (lines: string[]): unknown =>
      (lines[1] = (lines[1] ?? '').replace(/"modifiedAtNs":"\d+"/, '"modifiedAtNs":"soon"')),
  ],
  ['no header', (lines: string[]): unknown => lines.shift()],
  ['null for a header', (lines: string[]): unknown => (lines[0] = 'null')],
  [
    'a header without its time',
    (lines: string[]): unknown => (lines[0] = (lines[0] ?? '').replace('"startedAt"', '"x"')),
  ],
  ['a line without its hash', (lines: string[]): unknown => (lines[1] = (lines[1] ?? '').replace('"hash"', '"x"'))],
  [
    'a line of more than a mebibyte',
    (lines: string[]): unknown => lines.splice(2, 0, JSON.stringify('x'.repeat(1024 * 1024))),
  ],
] as const)('A manifest with %s is reported as damaged and kept', async ([, damage]) => {
  using at = scene();
  await appendManifest(at.folder, header, [one, two, three]);
  const lines = readFileSync(at.path, 'utf8').split('\n');
  damage(lines);
  writeFileSync(at.path, lines.join('\n'));
  await expect(readAll(at.path)).rejects.toMatchObject({
    code: 'LIBRARY_DAMAGED',
    message: expect.stringContaining(at.path),
  });
  await expect(writeChecksums(at.folder, importId)).rejects.toMatchObject({ code: 'LIBRARY_DAMAGED' });
  expect(readFileSync(at.path, 'utf8')).toBe(lines.join('\n'));
});

test('A manifest of a newer version is refused, not guessed', async () => {
  using at = scene();
  await appendManifest(at.folder, { ...header, version: manifestVersion + 1 }, [one]);
  await expect(readAll(at.path)).rejects.toMatchObject({ code: 'LIBRARY_TOO_NEW' });
});

test('An endless line is given up on, not held in memory', async () => {
  using at = scene();
  await appendManifest(at.folder, header, [one]);
  for (let turn = 0; turn < 30; turn += 1) appendFileSync(at.path, 'x'.repeat(1024 * 1024));
  await expect(readAll(at.path)).rejects.toMatchObject({ code: 'LIBRARY_DAMAGED' });
});

test('A line that the program itself can write is not longer than what it reads', async () => {
  using at = scene();
  // 64 folders deep with names of 255 bytes, each byte escaped by the source and again by JSON.
  const deepest = Array.from({ length: 64 }, () => '\\xFF'.repeat(255)).join('/') as SourcePath;
  const plan = plannedAsset([plannedResource(`${day}/a.jpg`, { sourcePath: deepest })]);
  await appendManifest(at.folder, header, [plan]);
  expect(await readAll(at.path)).toEqual(oneByOne(plan));
});

test('sha256sum checks the library without us, odd names included', async () => {
  using scratch = temporaryFolder();
  const imports = join(scratch.path, '.keepsake/imports') as AbsolutePath;
  mkdirSync(imports, { recursive: true });
  const resources = ['a b.jpg', 'ünï \u2028.jpg', '-n.jpg', "it's%5C.jpg"].map((name) =>
    plannedResource(`${day}/${name}`),
  );
  for (const { path } of resources) {
    mkdirSync(dirname(join(scratch.path, path)), { recursive: true });
    writeFileSync(join(scratch.path, path), path); // the bytes that plannedResource hashed
  }
  await appendManifest(imports, header, [plannedAsset(resources, { duplicates: [duplicateOf('d.jpg', 'x')] })]);
  await writeChecksums(imports, importId);
  const list = join(imports, `${importId}.sha256`);
  const command = process.platform === 'darwin' ? ['shasum', '-a', '256'] : ['sha256sum'];
  const output = execFileSync(command[0] ?? '', [...command.slice(1), '-c', list], {
    cwd: scratch.path,
    encoding: 'utf8',
  });
  expect(output.match(/: OK$/gm)).toHaveLength(resources.length);
  writeFileSync(join(scratch.path, resources[0]?.path ?? ''), 'another');
  expect(() =>
    execFileSync(command[0] ?? '', [...command.slice(1), '-c', list], { cwd: scratch.path, stdio: 'pipe' }),
  ).toThrow();
});

test('An import of nothing, or of duplicates only, leaves no list of checksums', async () => {
  using at = scene();
  await writeChecksums(at.folder, importId);
  expect(readdirSync(at.folder)).toEqual([]);
  await appendManifest(at.folder, header, [plannedAsset([], { duplicates: [duplicateOf('d.jpg', 'x')] })]);
  await writeChecksums(at.folder, importId);
  expect(readdirSync(at.folder)).toEqual([`${importId}.jsonl`]);
});
