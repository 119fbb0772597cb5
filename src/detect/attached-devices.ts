// What is attached right now that photos can be saved from: camera cards by what is on them, and the folders the owner asked
// to be watched. Looks at the world each time; remembers only what a mount that hangs answered last. Never writes, never opens
// a file, and is never held up longer than a probe's time limit, whatever hangs.

import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, SourceId } from '../domain/ids.ts';
import { BoundedCommands, commandTimeoutMs } from '../platform/bounded-command.ts';
import { readMacVolume } from '../platform/mac-volume.ts';
import { filesystemUuid, findMount, type Mount, parseMountTable } from '../platform/volume.ts';
import { sourceIdOf } from '../sources/folder/folder-source.ts';
import type { SourceKind } from '../sources/source.ts';
import { type BlockDevice, readBlockDevice } from './block-device.ts';
import { findCandidates, isBelow, visibleMounts } from './linux-mounts.ts';
import { findGvfsCameras, type ProbeAnswer, probe, resolveFolder, runThrough } from './probe.ts';

const macVolumes = '/Volumes';
const watchedFoldersMax = 64;

export interface AttachedDevice {
  /** The same as openFolderSource(root).id. */
  readonly id: SourceId;
  /** A drive is none that photos are saved from: copies go to it. */
  readonly kind: SourceKind | 'drive';
  /** The volume's label, or the folder's name. Anything can be in it: whoever shows it makes it printable. */
  readonly name: string;
  readonly root: AbsolutePath;
  /** Of the reader or camera, where the system tells. */
  readonly model?: string;
  /** Of the volume. */
  readonly sizeBytes?: number;
  /** False for watched folders. */
  readonly isRemovable: boolean;
  /** Another one after it was taken out and put in again, even at the same place. */
  readonly mountId?: string;
  /** Changes when something at the top does. */
  readonly listing?: string;
}

export interface LookOptions {
  /** Where cards are mounted besides the usual places. As the mount table writes it: links are not followed. */
  readonly cardRoots: readonly AbsolutePath[];
  /** A phone app's or Dropbox's camera folder. */
  readonly watchedFolders: readonly AbsolutePath[];
  /** Library and copies: neither they nor what holds them are ever taken for a card. */
  readonly ownRoots: readonly AbsolutePath[];
}

/** What tests replace. */
export interface DeviceLookSeams {
  readonly platform?: NodeJS.Platform;
  readonly readMountTable?: () => Promise<string>;
  readonly sysRoot?: string;
  readonly probeTimeoutMs?: number;
}

type Asking = { readonly commands: BoundedCommands; readonly signal: AbortSignal };

export class DeviceLook {
  readonly #platform: NodeJS.Platform;
  readonly #readMountTable: () => Promise<string>;
  readonly #sysRoot: string;
  readonly #commands: BoundedCommands;
  /** What each place answered last: what is mounted there is still attached while it does not answer for a time. */
  readonly #answers = new Map<string, ProbeAnswer>();

  constructor(seams: DeviceLookSeams = {}) {
    this.#platform = seams.platform ?? process.platform;
    this.#readMountTable = seams.readMountTable ?? (() => readFile('/proc/self/mountinfo', 'utf8'));
    this.#sysRoot = seams.sysRoot ?? '/sys';
    this.#commands = new BoundedCommands(seams.probeTimeoutMs ?? commandTimeoutMs);
  }

  /** In the order of mounting, watched folders last. @throws the signal's reason. */
  async look(options: LookOptions, signal: AbortSignal): Promise<readonly AttachedDevice[]> {
    signal.throwIfAborted();
    const asking = { commands: this.#commands, signal };
    const mounts = this.#platform === 'linux' ? parseMountTable(await this.#readMountTable()) : [];
    // Most of the time nothing is plugged in, and then no program is started at all.
    const isIdle =
      this.#platform === 'linux' &&
      options.watchedFolders.length === 0 &&
      findCandidates(mounts, { cardRoots: options.cardRoots, ownRoots: [] }).cards.length === 0;
    const ownRoots = isIdle
      ? options.ownRoots
      : await Promise.all(options.ownRoots.map((root) => resolveFolder(root, asking)));
    const cards =
      this.#platform === 'darwin'
        ? await this.#lookAtMac(ownRoots, asking)
        : await this.#lookAtMounts(mounts, { ...options, ownRoots }, asking);
    const folders = await Promise.all(
      options.watchedFolders
        .slice(0, watchedFoldersMax)
        .map((path) => this.#lookAtFolder(path, { mounts, ownRoots, asking })),
    );
    // Two of one id cannot be told apart later: a copy of a card, block by block, or a folder named twice. The first counts.
    const found = new Map<SourceId, AttachedDevice>();
    for (const device of [...cards, ...folders]) {
      if (device !== undefined && !found.has(device.id)) found.set(device.id, device);
    }
    return [...found.values()];
  }

  async #lookAtMounts(
    mounts: readonly Mount[],
    options: { readonly cardRoots: readonly string[]; readonly ownRoots: readonly string[] },
    asking: Asking,
  ): Promise<readonly AttachedDevice[]> {
    const { cards, gvfs, system } = findCandidates(mounts, options);
    if (cards.length + gvfs.length === 0) return [];
    const systemDisks = new Set<string>();
    for (const mount of system) {
      for (const disk of (await readBlockDevice(mount, this.#sysRoot))?.disks ?? []) systemDisks.add(disk);
    }
    const looked = await Promise.all([
      ...cards.map(async (mount) => ({ mount, devices: [await this.#lookAtCard(mount, systemDisks, asking)] })),
      ...gvfs.map(async (mount) => ({ mount, devices: await this.#lookAtGvfs(mount, asking) })),
    ]);
    // A card that was pulled meanwhile left the folder that lay below it: that answered, not the card.
    const still = new Set(visibleMounts(parseMountTable(await this.#readMountTable())).map(mountKey));
    this.#forgetAllBut(new Set([...mounts.map(mountKey), ...still]));
    return looked
      .filter(({ mount }) => still.has(mountKey(mount)))
      .flatMap(({ devices }) => devices)
      .filter((device) => device !== undefined);
  }

  async #lookAtCard(
    mount: Mount,
    systemDisks: ReadonlySet<string>,
    asking: Asking,
  ): Promise<AttachedDevice | undefined> {
    const disk = await readBlockDevice(mount, this.#sysRoot);
    if (disk === undefined && !isImage(mount)) return undefined;
    if (disk?.isRemovable === false || disk?.disks.some((each) => systemDisks.has(each))) return undefined;
    const mountId = mountIdOf(mount, disk);
    const image = disk === undefined ? mount.device : undefined;
    const answer = await this.#probe(mountId, { path: mount.mountPoint, image }, asking);
    if (answer === undefined || answer.isOurs || !answer.hasCameraFolder) return undefined;
    const uuid = await this.#uuid(mount, asking);
    if (uuid === 'stuck') return undefined;
    return {
      ...describe({ kind: 'card', root: mount.mountPoint, mount, uuid }),
      mountId,
      isRemovable: true,
      listing: answer.listing,
      ...(disk?.model === undefined ? {} : { model: disk.model }),
      ...(disk?.sizeBytes === undefined ? {} : { sizeBytes: disk.sizeBytes }),
    };
  }

  async #lookAtGvfs(mount: Mount, asking: Asking): Promise<readonly (AttachedDevice | undefined)[]> {
    const mountId = mountIdOf(mount, undefined);
    const roots = await findGvfsCameras(mount.mountPoint, asking);
    const looking = roots.map(async (root) => {
      const answer = await this.#probe(`${mountId} ${root}`, { path: root }, asking);
      if (answer === undefined || !answer.hasCameraFolder || answer.isOurs) return undefined;
      return {
        ...describe({ kind: 'card', root, mount, uuid: undefined }),
        mountId,
        isRemovable: true,
        listing: answer.listing,
      };
    });
    return await Promise.all(looking);
  }

  async #lookAtFolder(
    path: string,
    known: { readonly mounts: readonly Mount[]; readonly ownRoots: readonly string[]; readonly asking: Asking },
  ): Promise<AttachedDevice | undefined> {
    const { mounts, ownRoots, asking } = known;
    const answer = await this.#probe(`folder ${path}`, { path }, asking);
    if (answer === undefined || answer.isOurs) return undefined;
    const { root } = answer;
    if (ownRoots.some((own) => own === root || isBelow(own, root) || isBelow(root, own))) return undefined;
    const mount = findMount(visibleMounts(mounts), root);
    const uuid = mount === undefined ? undefined : await this.#uuid(mount, asking);
    if (uuid === 'stuck') return undefined;
    // As openFolderSource decides it: a whole volume, other than the one its mount point lies on.
    const isVolumeRoot =
      mount?.mountPoint === root &&
      findMount(mounts, dirname(root))?.deviceNumber !== mount.deviceNumber &&
      root !== '/';
    const kind: SourceKind = isVolumeRoot && answer.hasCameraFolder ? 'card' : 'folder';
    const disk = mount === undefined ? undefined : await readBlockDevice(mount, this.#sysRoot);
    return {
      ...describe({ kind, root, mount, uuid }),
      ...(mount === undefined ? {} : { mountId: mountIdOf(mount, disk) }),
      isRemovable: false,
      listing: answer.listing,
    };
  }

  /** Never run on a Mac by us. */
  async #lookAtMac(ownRoots: readonly string[], asking: Asking): Promise<readonly AttachedDevice[]> {
    const names = (await readdir(macVolumes, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const looking = names.map(async ({ name }): Promise<AttachedDevice | undefined> => {
      const root = join(macVolumes, name);
      const volume = await readMacVolume(root, runThrough(this.#commands, root, asking.signal));
      // A folder that was left at a mount point belongs to another volume.
      if (volume === 'stuck' || volume === undefined || volume.mountPoint !== root || !volume.isRemovable)
        return undefined;
      if (ownRoots.some((own) => own === root || isBelow(own, root))) return undefined;
      const key = `${volume.deviceId} ${root}`;
      const answer = await this.#probe(key, { path: root }, asking);
      if (answer === undefined || answer.isOurs || !answer.hasCameraFolder) return undefined;
      return {
        ...describe({ kind: 'card', root, mount: undefined, uuid: volume.uuid }),
        isRemovable: true,
        mountId: key,
        listing: answer.listing,
        ...(volume.model === undefined ? {} : { model: volume.model }),
        ...(volume.sizeBytes === undefined ? {} : { sizeBytes: volume.sizeBytes }),
      };
    });
    return (await Promise.all(looking)).filter((device) => device !== undefined);
  }

  /** The last answer stands in while a place does not answer; one that never did is not there. */
  async #probe(
    key: string,
    place: { readonly path: string; readonly image?: string | undefined },
    asking: Asking,
  ): Promise<ProbeAnswer | undefined> {
    const answer = await probe(key, place, asking);
    if (answer === 'stuck') return this.#answers.get(key);
    if (answer === undefined) this.#answers.delete(key);
    else this.#answers.set(key, answer);
    return answer;
  }

  /** Asked anew each time: a mount's number tells nothing about which card is behind it. */
  async #uuid(mount: Mount, asking: Asking): Promise<string | undefined | 'stuck'> {
    try {
      return await filesystemUuid(mount, runThrough(this.#commands, mountKey(mount), asking.signal));
    } catch (error) {
      // Without its name it would be another source: it is noticed when it answers.
      if (isAgentError(error, 'SOURCE_READ_FAILED')) return 'stuck';
      throw error;
    }
  }

  #forgetAllBut(keys: ReadonlySet<string>): void {
    const isKept = (key: string) => key.startsWith('folder ') || keys.has(key.split(/[ #]/)[0] ?? '');
    for (const key of this.#answers.keys()) if (!isKept(key)) this.#answers.delete(key);
  }
}

function mountKey(mount: Mount): string {
  return `${mount.id}@${mount.deviceNumber}`;
}

/** The kernel gives a freed mount id to the very next mount, often of the next card: only with the disk's own number it is one. */
function mountIdOf(mount: Mount, disk: BlockDevice | undefined): string {
  return `${mountKey(mount)}#${disk?.sequence ?? ''}`;
}

/** FUSE mounts of an image file name it as their source. The probe makes sure that it is a file. */
function isImage(mount: Mount): boolean {
  return mount.filesystem.startsWith('fuse.') && mount.device.startsWith('/') && !mount.device.startsWith('/dev/');
}

function describe(facts: {
  readonly kind: SourceKind;
  readonly root: string;
  readonly mount: Mount | undefined;
  readonly uuid: string | undefined;
}): Pick<AttachedDevice, 'id' | 'kind' | 'name' | 'root'> {
  const { kind, root } = facts;
  return {
    id: sourceIdOf(facts),
    kind,
    name: basename(root) || root,
    root: root as AbsolutePath,
  };
}
