// Who may import whom keeps the path of a byte readable and a Source out of reach of what writes; a rule that a typing error
// has switched off would not be missed.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot, temporaryFolder } from '../support/keepsake.ts';

const folders = [
  'domain',
  'platform',
  'sources',
  'detect',
  'library',
  'copies',
  'jobs',
  'notify',
  'dashboard',
  'agent',
  'cli',
] as const;
type Folder = (typeof folders)[number];

/** The design's list (style.md §2). What is not named here is forbidden. */
const allowed: Record<Folder, readonly (Folder | 'library/catalog')[]> = {
  domain: [],
  platform: ['domain'],
  sources: ['domain', 'platform'],
  library: ['domain', 'platform'],
  copies: ['domain', 'platform', 'library/catalog'],
  detect: ['domain', 'platform', 'sources'],
  jobs: ['domain', 'platform', 'sources', 'library', 'copies', 'detect'],
  notify: ['domain', 'platform', 'library/catalog'],
  dashboard: ['domain', 'platform', 'library/catalog'],
  agent: ['domain', 'platform', 'sources', 'detect', 'library', 'copies', 'jobs', 'notify', 'dashboard'],
  cli: ['domain', 'agent'],
};

interface Import {
  readonly from: Folder;
  readonly to: string;
  readonly path: string;
  readonly isAllowed: boolean;
}

const imports: Import[] = folders.flatMap((from) =>
  [...folders, 'library/catalog' as const]
    .filter((to) => to !== from && !(from === 'library' && to === 'library/catalog'))
    .flatMap((to) => {
      const isAllowed = allowed[from].some((each) => each === to || (to === 'library/catalog' && each === 'library'));
      // From the folder itself and from one below it: the rules name paths, and each depth is another path.
      return ['', 'deeper/'].map((below) => ({
        from,
        to,
        isAllowed,
        path: `src/${from}/${below}imports-${to.replace('/', '-')}.ts`,
      }));
    }),
);

let scratch: ReturnType<typeof temporaryFolder>;
/** Files about which the lint complained, by its rule. */
const complaints = new Map<string, string>();

beforeAll(() => {
  scratch = temporaryFolder();
  copyFileSync(join(projectRoot, 'biome.json'), join(scratch.path, 'biome.json'));
  symlinkSync(join(projectRoot, 'node_modules'), join(scratch.path, 'node_modules'));
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(scratch.path, path)), { recursive: true });
    writeFileSync(join(scratch.path, path), text);
  };
  for (const folder of [...folders, 'library/catalog']) put(`src/${folder}/thing.ts`, 'export const thing = 1;\n');
  for (const { to, path } of imports) {
    const up = '../'.repeat(path.split('/').length - 2);
    put(path, `import { thing } from '${up}${to}/thing.ts';\n\nexport const other = thing;\n`);
  }
  const args = ['lint', '--reporter=json', '--max-diagnostics=none', '--only=style/noRestrictedImports', 'src'];
  const biome = join(projectRoot, 'node_modules/@biomejs/biome/bin/biome');
  let output: string;
  try {
    output = execFileSync(process.execPath, [biome, ...args], {
      cwd: scratch.path,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch (error) {
    output = String((error as { stdout?: unknown }).stdout);
  }
  for (const { category, location } of JSON.parse(output).diagnostics as {
    category: string;
    location: { path: string | { file: string } };
  }[]) {
    const path = typeof location.path === 'string' ? location.path : location.path.file;
    complaints.set(path.slice(path.indexOf('src/')), category);
  }
});
afterAll(() => scratch[Symbol.dispose]());

test.for(folders)('src/%s may import what the design names and nothing else', (from) => {
  const judged = imports.filter((each) => each.from === from);
  const wrong = judged.filter(({ path, isAllowed }) => complaints.has(path) === isAllowed);
  expect(wrong.map(({ path, isAllowed }) => `${path} is ${isAllowed ? 'refused' : 'let through'}`)).toEqual([]);
});

test('The complaints come from the rule about imports', () => {
  expect(new Set(complaints.values())).toEqual(new Set(['lint/style/noRestrictedImports']));
});
