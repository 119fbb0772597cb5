// The one look into a mount or folder that may hang: a small shell, so that what hangs is a process that can be left behind.
// It costs about 10 ms of processor time, once a minute and place (95 ms for 20,000 files in one folder; measured 2026-11); a
// Node.js child would cost several times that.

import { normalize } from 'node:path';
import type { BoundedCommands, RunCommand } from '../platform/bounded-command.ts';
import { cameraFolders, gvfsCameraPrefixes } from '../sources/folder/camera-folders.ts';

export interface ProbeAnswer {
  /** Without links in it. */
  readonly root: string;
  /** Keepsake keeps a library or a copy here. */
  readonly isOurs: boolean;
  readonly hasCameraFolder: boolean;
  /** Changes when a name, size or time at the top does. */
  readonly listing: string;
}

/** Nothing but what POSIX has, and `find -printf` where it is known. Answers are divided by NUL: names hold anything else.
 * Every program below keeps the answer open (3), so that it has not ended while one of them still hangs. */
const probeScript = `
[ -z "$2" ] || [ -f "$2" ] || exit 4
cd -P -- "$1" 2>/dev/null && [ -r . ] || exit 3
shift 2
printf 'root\\0%s\\0' "$PWD"
exec 3>&1
for marker in .keepsake/library.json Keepsake/*/.keepsake/*.json; do
  if [ -e "$marker" ]; then printf 'ours\\0yes\\0'; break; fi
done
for folder; do
  if [ -d "$folder" ] && ! [ -h "$folder" ]; then printf 'camera\\0yes\\0'; break; fi
done
printf 'listing\\0'
{ find . ! -name . -prune -printf '%i %y %s %b %T@ %p\\0' 2>/dev/null || ls -ais; } | cksum
`;

/** The links in what exists of a path are followed; the rest stays as it is. */
const resolveScript = `
path=$1 rest=
until cd -P -- "$path" 2>/dev/null; do
  [ -n "$path" ] || exit 3
  rest=/\${path##*/}$rest path=\${path%/*}
done
printf '%s\\0' "$PWD$rest"
`;

/** Storages of cameras on the cable that have a folder of photos: at their top, or one below it for each of its cards. */
const gvfsScript = `
cd -P -- "$1" 2>/dev/null || exit 3
for device in ${gvfsCameraPrefixes.map((prefix) => `${prefix}*`).join(' ')}; do
  for storage in "$device" "$device"/*; do
    if [ -d "$storage/DCIM" ]; then printf '%s\\0' "$PWD/$storage"; fi
  done
done
`;

/** `stuck`: it does not answer; undefined: it is not there, or not for this user to read. */
export async function probe(
  key: string,
  place: {
    readonly path: string;
    /** What is mounted there says it is this file; if it is none, it is not there. */
    readonly image?: string | undefined;
  },
  { commands, signal }: { readonly commands: BoundedCommands; readonly signal: AbortSignal },
): Promise<ProbeAnswer | 'stuck' | undefined> {
  const args = ['-c', probeScript, 'sh', place.path, place.image ?? '', ...cameraFolders];
  const answer = await commands.run(`probe ${key}`, { command: '/bin/sh', args }, signal);
  if (answer === 'stuck') return 'stuck';
  return answer.exitCode === 0 ? parseProbe(answer.stdout) : undefined;
}

export function parseProbe(stdout: Buffer): ProbeAnswer | undefined {
  const fields = stdout.toString('utf8').split('\0');
  const facts = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2) facts.set(fields[index] ?? '', fields[index + 1] ?? '');
  const root = facts.get('root');
  const listing = facts.get('listing')?.trim();
  if (root === undefined || listing === undefined || listing === '' || root.includes('\uFFFD')) return undefined;
  return { root, isOurs: facts.has('ours'), hasCameraFolder: facts.has('camera'), listing };
}

/** Where `path` really is, or would be; as given where that cannot be found out. */
export async function resolveFolder(
  path: string,
  { commands, signal }: { readonly commands: BoundedCommands; readonly signal: AbortSignal },
): Promise<string> {
  const answer = await commands.run(
    `resolve ${path}`,
    { command: '/bin/sh', args: ['-c', resolveScript, 'sh', path] },
    signal,
  );
  if (answer === 'stuck' || answer.exitCode !== 0) return path;
  return normalize(answer.stdout.toString('utf8').split('\0')[0] || path);
}

/** Folders of cameras and phones below a gvfs mount. */
export async function findGvfsCameras(
  mountPoint: string,
  { commands, signal }: { readonly commands: BoundedCommands; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const answer = await commands.run(
    `gvfs ${mountPoint}`,
    { command: '/bin/sh', args: ['-c', gvfsScript, 'sh', mountPoint] },
    signal,
  );
  if (answer === 'stuck' || answer.exitCode !== 0) return [];
  const paths = answer.stdout.toString('utf8').split('\0').filter(Boolean);
  return paths.filter((path) => !path.includes('\uFFFD'));
}

/** For what takes a `RunCommand`: each question under a key of its own. */
export function runThrough(commands: BoundedCommands, key: string, signal: AbortSignal): RunCommand {
  return (command, args) => commands.run(`${key} ${command}`, { command, args }, signal);
}
