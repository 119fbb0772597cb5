// Which copies of a library are attached now: looks for their marks on every disk and share that is mounted, and makes sure that
// each is on the filesystem it was begun on. Asks through children that can be left behind: a disk may hang.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { copyFolders, type DriveMarker, markerLengthMax, parseMarker } from '../copies/drive-marker.ts';
import { isNetworkFilesystem, visibleMounts } from '../detect/linux-mounts.ts';
import { runThrough } from '../detect/probe.ts';
import { isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, DriveId } from '../domain/ids.ts';
import { BoundedCommands } from '../platform/bounded-command.ts';
import { filesystemUuid, findMount, type Mount, readMounts } from '../platform/volume.ts';
import type { EnrolledDrive } from './drive-register.ts';

/** Places looked at; beyond, this machine has more mounts than a family's. */
const placesMax = 128;
const macVolumes = '/Volumes';

/** Below a place, or at it: one line for each copy, its folder and its mark, divided by NUL. */
const findScript = `
cd -P -- "$1" 2>/dev/null || exit 3
count=0
for marker in Keepsake/*/.keepsake/copy.json "$2"/.keepsake/copy.json; do
  [ -f "$marker" ] && ! [ -h "$marker" ] || continue
  printf '%s\\0' "$PWD/\${marker%/.keepsake/copy.json}"
  head -c ${markerLengthMax} -- "$marker"
  printf '\\0'
  count=$((count + 1))
  [ "$count" -lt 16 ] || break
done
`;

/**
 * - `impostor`: the mark was copied here from another disk.
 * - `ambiguous`: two attached disks are the same copy, block by block.
 * - `damaged`: its mark cannot be read.
 */
export type DriveProblem = 'impostor' | 'ambiguous' | 'damaged';

export interface FoundCopy {
  /** `<drive>/Keepsake/<library name>` */
  readonly root: AbsolutePath;
  readonly mount: Mount | undefined;
  readonly marker?: DriveMarker;
  readonly filesystemUuid?: string;
  readonly problem?: DriveProblem;
}

export class DriveLook {
  readonly #commands = new BoundedCommands();
  /** What was found when the same was mounted and known: at rest no program is started. */
  #last: { readonly of: string; readonly found: readonly FoundCopy[] } | undefined;

  /** All copies of any library that can be found. @throws the signal's reason. */
  async look(known: readonly EnrolledDrive[], signal: AbortSignal): Promise<readonly FoundCopy[]> {
    const mounts = visibleMounts(await readMounts());
    const of = JSON.stringify([mounts, known.map(({ id, root, folder }) => [id, root, folder])]);
    if (this.#last?.of === of) return this.#last.found;
    const places = new Map<string, string>();
    for (const mount of mounts) if (isOfDisk(mount)) places.set(mount.mountPoint, '');
    if (process.platform === 'darwin')
      for (const name of await readdir(macVolumes)) places.set(join(macVolumes, name), '');
    for (const { root, folder } of known) {
      places.set(root.slice(0, root.length - folder.length - 1) || '/', folder);
      for (const mount of mounts) {
        if (isOfDisk(mount) && !folder.startsWith('Keepsake/')) places.set(mount.mountPoint, folder);
      }
    }
    const asked = [...places].slice(0, placesMax).map(([place, folder]) => this.#askAt(place, folder, signal));
    const found = new Map<string, FoundCopy>();
    const answers = await Promise.all(asked);
    // A disk that hangs may answer next time.
    const isAnswered = answers.every((answer) => answer !== undefined);
    for (const each of answers.flatMap((answer) => answer ?? [])) {
      const mount = findMount(mounts, each.root);
      // The same folder seen through two mounts is one.
      const key = mount === undefined ? each.root : `${mount.deviceNumber}:${each.root.slice(mount.mountPoint.length)}`;
      if (!found.has(key)) found.set(key, await this.#identify({ ...each, mount }, signal));
    }
    // Of a disk that was pulled meanwhile, another one may have answered under the name that it had.
    const still = new Set((await readMounts()).map(keyOf));
    const copies = tellTwins([...found.values()].filter(({ mount }) => mount === undefined || still.has(keyOf(mount))));
    // Without a mount table (macOS), or while something changes, it is looked at each time.
    const isSettled = mounts.length > 0 && mounts.every((mount) => still.has(keyOf(mount)));
    this.#last = isSettled && isAnswered ? { of, found: copies } : undefined;
    return copies;
  }

  /** Something was written to a disk that a look would find. */
  forget(): void {
    this.#last = undefined;
  }

  async #askAt(
    place: string,
    folder: string,
    signal: AbortSignal,
  ): Promise<{ root: AbsolutePath; text: string }[] | undefined> {
    const args = ['-c', findScript, 'sh', place, folder === '' ? '/dev/null' : folder];
    const answer = await this.#commands.run(`copies ${place}`, { command: '/bin/sh', args }, signal);
    if (answer === 'stuck') return undefined;
    if (answer.exitCode !== 0) return [];
    const fields = answer.stdout.toString('utf8').split('\0');
    const copies: { root: AbsolutePath; text: string }[] = [];
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const root = (fields[index] ?? '').replace(/\/\//g, '/');
      if (root !== '' && !root.includes('\uFFFD'))
        copies.push({ root: root as AbsolutePath, text: fields[index + 1] ?? '' });
    }
    return copies;
  }

  async #identify(
    copy: { readonly root: AbsolutePath; readonly text: string; readonly mount: Mount | undefined },
    signal: AbortSignal,
  ): Promise<FoundCopy> {
    const { root, text, mount } = copy;
    let marker: DriveMarker;
    try {
      marker = parseMarker(copyFolders(root), text);
    } catch (error) {
      if (!isAgentError(error)) throw error;
      return { root, mount, problem: 'damaged' };
    }
    const uuid = mount === undefined ? undefined : await this.uuidOf(mount, signal);
    // A mark that names no filesystem was begun where there is none to name, on a share: on a disk it was copied there.
    const isImpostor = uuid !== undefined && uuid !== marker.filesystemUuid;
    return {
      ...{ root, mount, marker },
      ...(uuid === undefined ? {} : { filesystemUuid: uuid }),
      ...(isImpostor ? { problem: 'impostor' } : {}),
    };
  }

  /** Undefined: it has none, or its disk does not answer. */
  async uuidOf(mount: Mount, signal: AbortSignal): Promise<string | undefined> {
    try {
      return await filesystemUuid(mount, runThrough(this.#commands, `${mount.id}@${mount.deviceNumber}`, signal));
    } catch (error) {
      if (isAgentError(error, 'SOURCE_READ_FAILED')) return undefined;
      throw error;
    }
  }
}

function keyOf({ id, deviceNumber, mountPoint }: Mount): string {
  return `${id}@${deviceNumber} ${mountPoint}`;
}

/** Read-only by nature: programs that come as one file, discs. */
const unwritable = /^(squashfs|iso9660|udf|erofs|cramfs|fuse\.squashfuse|fuse\.[\w.-]*AppImage[\w.-]*)$/;

function isOfDisk({ deviceNumber, device, filesystem, mountPoint }: Mount): boolean {
  if (mountPoint.includes('\uFFFD') || unwritable.test(filesystem)) return false;
  return !deviceNumber.startsWith('0:') || device.startsWith('/') || isNetworkFilesystem(filesystem);
}

/** A drive that was cloned block by block cannot be told from its twin: neither is used until one is gone. */
function tellTwins(copies: readonly FoundCopy[]): readonly FoundCopy[] {
  const count = new Map<DriveId, number>();
  for (const { marker, problem } of copies) {
    if (marker !== undefined && problem === undefined) count.set(marker.id, (count.get(marker.id) ?? 0) + 1);
  }
  return copies.map((copy) =>
    copy.problem === undefined && copy.marker !== undefined && (count.get(copy.marker.id) ?? 0) > 1
      ? { ...copy, problem: 'ambiguous' }
      : copy,
  );
}
