// Makes the package for npm, `keepsake-VERSION.tgz`. Works in a copy, so that two of them can be made at once and a checkout stays
// as it is.
//
// With it goes a shrinkwrap: an install from the package then gets the very versions that were tested, as `npm ci` does. (Why not
// `npm pack` in the checkout: .npmrc turns the scripts of packages off, and npm then skips our `prepack` too, without a word.)

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const project = resolve(import.meta.dirname, '../..');
/** What the package is made of, or by. */
const needed = ['bin', 'docs', 'icons', 'launchd', 'packaging', 'src', 'systemd', 'README.md'];
const settings = ['tsconfig.json', 'tsconfig.build.json'];

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly [key: string]: unknown;
}

interface LockFile {
  readonly version: string;
  readonly packages: Readonly<Record<string, LockedPackage>>;
  readonly [key: string]: unknown;
}

/** `to`: an existing folder. `version`: instead of the one in package.json. Returns the package's path. */
export async function packForNpm({ to, version }: { readonly to: string; readonly version?: string }): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'keepsake-pack-'));
  try {
    for (const name of [...needed, ...settings]) {
      cpSync(join(project, name), join(copy, name), { recursive: true, preserveTimestamps: true, force: true });
    }
    symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'));
    const manifest: Record<string, unknown> = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
    delete manifest['devDependencies']; // else they are missed in the shrinkwrap
    if (version !== undefined) manifest['version'] = version;
    manifest['files'] = [...(manifest['files'] as readonly string[]), 'npm-shrinkwrap.json']; // some npm leave it out else
    write(join(copy, 'package.json'), manifest);
    write(join(copy, 'npm-shrinkwrap.json'), shrinkwrap(String(manifest['version'])));
    mkdirSync(to, { recursive: true });
    const { stdout } = await promisify(execFile)(
      'npm',
      ['pack', '--json', '--ignore-scripts=false', '--foreground-scripts=false', '--pack-destination', resolve(to)],
      { cwd: copy, maxBuffer: 1e7 },
    );
    return join(resolve(to), packedName(stdout));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** package-lock.json without what only development needs. */
function shrinkwrap(version: string): LockFile {
  const lock: LockFile = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
  const installed = pathsInstalled(lock);
  const packages = Object.entries(lock.packages).flatMap(([path, { devDependencies, ...rest }]) => {
    if (!installed.has(path)) return [];
    return [[path, path === '' ? { ...rest, version } : rest] as const];
  });
  return { ...lock, version, packages: Object.fromEntries(packages) };
}

/**
 * The paths of what the program and its libraries depend on. Not what the lock file's `dev` says: of a library of ours that would
 * go well with TypeScript if it is there, npm concludes that we may need all of it.
 */
function pathsInstalled({ packages }: LockFile): ReadonlySet<string> {
  const paths = new Set(['']);
  for (const path of paths) {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = packages[path] ?? {};
    const peers = Object.keys(peerDependencies ?? {}).filter((name) => !peerDependenciesMeta?.[name]?.optional);
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
      // As Node.js looks for it: beside, and then outwards.
      for (let from = path; ; from = from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/')))) {
        const found = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
        if (found in packages) paths.add(found);
        if (found in packages || from === '') break;
      }
    }
  }
  return paths;
}

function packedName(answer: string): string {
  const listed: unknown = JSON.parse(answer.slice(answer.search(/^[[{]/m))); // what prepack printed comes before it
  const first: unknown = Array.isArray(listed) ? listed[0] : Object.values(listed as object)[0];
  if (typeof first === 'object' && first !== null && 'filename' in first) return String(first.filename);
  throw new Error(`npm pack answered: ${answer}`);
}

function write(path: string, value: object): void {
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
}
