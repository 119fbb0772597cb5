// The drives that copies of the library go to: adds them, knows which are attached, says why one cannot be used, lets go of them.

import { randomUUID } from 'node:crypto';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { onDrive } from '../copies/drive-errors.ts';
import {
  type CopyFolders,
  copiesFolderName,
  copyFolders,
  type DriveMarker,
  readMarker,
  writeMarker,
} from '../copies/drive-marker.ts';
import { isBelow } from '../detect/linux-mounts.ts';
import { AgentError, type ErrorCode, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, DriveId, LibraryId } from '../domain/ids.ts';
import { makePortable } from '../library/portable-name.ts';
import { type DiskIdentity, identifyDisk, shareDisk } from '../platform/disk-identity.ts';
import { makeFolders } from '../platform/durable-write.ts';
import { ejectVolume } from '../platform/eject.ts';
import { isTimeMachineVolume } from '../platform/time-machine.ts';
import {
  findMount,
  isOnSystemVolume,
  type Mount,
  probeAbilities,
  readMounts,
  statOrUndefined,
} from '../platform/volume.ts';
import { hasCameraFolder } from '../sources/folder/folder-source.ts';
import { DriveLook, type DriveProblem, type FoundCopy } from './drive-look.ts';
import type { DriveRegister, EnrolledDrive } from './drive-register.ts';
import { DriveUses } from './drive-uses.ts';

/** Where systems mount what can be unplugged: an empty folder there is a drive that is missing. */
const mountRoots = ['/media', '/run/media', '/mnt', '/Volumes'];
/** Copies of libraries of one name on one drive. */
const namesMax = 100;
const nameCharsMax = 100;

export interface AttachedDrive {
  readonly drive: EnrolledDrive;
  /** The copy's own folder. */
  readonly root: AbsolutePath;
  readonly mount: Mount | undefined;
}

/** A disk with the mark of a copy of the library that cannot be used, and why. */
export interface UnusableDrive {
  readonly root: AbsolutePath;
  readonly name: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
}

export interface DrivesSeen {
  readonly attached: readonly AttachedDrive[];
  readonly unusable: readonly UnusableDrive[];
}

export interface AddedDrive {
  readonly id: DriveId;
  readonly name: string;
  readonly root: AbsolutePath;
  /** True if a copy of this library was there already: what is right in it is used. */
  readonly hadCopy: boolean;
  /** What is good to know of it. */
  readonly notes: readonly string[];
}

export interface DrivesOptions {
  readonly register: DriveRegister;
  readonly nowMs: () => number;
}

export class Drives {
  readonly #register: DriveRegister;
  readonly #nowMs: () => number;
  readonly #look = new DriveLook();
  /** Whoever reads or writes a drive begins a use of it. */
  readonly uses = new DriveUses();

  constructor({ register, nowMs }: DrivesOptions) {
    this.#register = register;
    this.#nowMs = nowMs;
  }

  async list(libraryId: LibraryId): Promise<readonly EnrolledDrive[]> {
    return (await this.#register.list(libraryId)).filter(({ state }) => state === 'enrolled');
  }

  /** Looks, and notes what is attached. A drive that bears the library's mark and is not known is taken back in. */
  async see(libraryId: LibraryId, signal: AbortSignal): Promise<DrivesSeen> {
    const known = await this.#register.list(libraryId);
    const roots = new Set(known.map(({ root }) => root));
    const found = (await this.#look.look(known, signal)).filter(
      ({ marker, root }) => marker?.libraryId === libraryId || (marker === undefined && roots.has(root)),
    );
    const attached: AttachedDrive[] = [];
    const unusable: UnusableDrive[] = [];
    for (const copy of found) {
      const { marker, root, mount } = copy;
      if (copy.problem !== undefined) unusable.push(describeProblem(copy, copy.problem));
      if (copy.problem !== undefined || marker === undefined) continue;
      let drive = known.find(({ id }) => id === marker.id);
      if (drive?.state === 'forgotten') continue;
      if (drive === undefined) {
        drive = await this.#describe(marker, copy);
        await this.#register.put(drive);
      }
      attached.push({ drive, root, mount });
    }
    if (known.length + attached.length > 0) {
      await this.#register.saw(
        libraryId,
        attached.map(({ drive, root }) => ({ id: drive.id, root })),
      );
    }
    return { attached, unusable };
  }

  /**
   * Makes a place for a copy of the library at `path`, or takes over the copy that is there.
   * @throws AgentError DRIVE_MISSING, DRIVE_UNSUITABLE, DRIVE_READ_ONLY, DRIVE_FULL, DRIVE_TOO_NEW.
   */
  async add(wish: {
    readonly path: string;
    readonly library: { readonly id: LibraryId; readonly root: AbsolutePath };
    readonly name?: string | undefined;
    readonly isElsewhere: boolean;
    readonly signal: AbortSignal;
  }): Promise<AddedDrive> {
    const { library, signal } = wish;
    const path = await this.#findPlace(wish.path);
    const mounts = await readMounts();
    const mount = findMount(mounts, path);
    const top = mount === undefined || mount.mountPoint === '/' ? path : mount.mountPoint;
    const disk = await identifyDisk(path);
    const notes = await this.#assertSuitable({ path, top, library: library.root, disk });
    const label = wish.name ?? (basename(top) || basename(path) || 'Drive');
    const uuid = mount === undefined ? undefined : await this.#look.uuidOf(mount, signal);
    const { folders, marker: old } = await this.#chooseFolder(path, library);
    // A mark from another disk stays behind: this disk gets a name of its own.
    const isSame = old !== undefined && (old.filesystemUuid === undefined || old.filesystemUuid === uuid);
    // Its mark is gone or cannot be read, and by its place and filesystem it is one that is known: it stays that one.
    const known =
      old !== undefined || uuid === undefined
        ? undefined
        : (await this.#register.list(library.id)).find(
            (drive) => drive.root === folders.root && drive.filesystemUuid === uuid,
          );
    const id = isSame ? old.id : (known?.id ?? (randomUUID() as DriveId));
    const now = new Date(this.#nowMs()).toISOString();
    const marker: DriveMarker = {
      ...{ id, libraryId: library.id, name: label, addedAt: isSame ? old.addedAt : now },
      ...(uuid === undefined ? {} : { filesystemUuid: uuid }),
    };
    await onDrive(label, async () => {
      await makeFolders({ root: path, folder: folders.incoming });
      await probeAbilities(folders.incoming); // it can be written, and that is known before it counts
      await writeMarker(folders, marker); // last: from here on it is a copy
    });
    this.#look.forget();
    const copy: FoundCopy = {
      ...{ root: folders.root, mount, marker },
      ...(uuid === undefined ? {} : { filesystemUuid: uuid }),
    };
    const drive = await this.#describe(marker, copy, disk);
    await this.#register.put({ ...drive, isElsewhere: wish.isElsewhere, attachedSince: now });
    return { id, name: label, root: folders.root, hadCopy: old !== undefined, notes };
  }

  /** Its files stay where they are. @throws AgentError DRIVE_UNKNOWN */
  async forget(libraryId: LibraryId, text: string): Promise<EnrolledDrive> {
    const drive = await this.find(libraryId, text);
    await this.#register.change(drive.id, { state: 'forgotten' });
    this.uses.endAsForgotten(drive);
    return drive;
  }

  /** @throws AgentError DRIVE_UNKNOWN, USAGE */
  async rename(libraryId: LibraryId, text: string, name: string): Promise<EnrolledDrive> {
    const drive = await this.find(libraryId, text);
    const wanted = name.normalize('NFC').trim();
    if (wanted === '' || wanted.length > nameCharsMax || /\p{Cc}/u.test(wanted)) {
      throw new AgentError('USAGE', 'That name cannot be used.', {
        remedy: `Choose one of 1 to ${nameCharsMax} letters, without line breaks.`,
      });
    }
    await this.#register.change(drive.id, { name: wanted });
    return { ...drive, name: wanted };
  }

  /**
   * What is copied to it in this process ends first, and what is checked on it comes to a rest.
   * @throws AgentError DRIVE_UNKNOWN, DRIVE_MISSING, DRIVE_BUSY, DRIVE_EJECT_FAILED.
   */
  async eject(libraryId: LibraryId, text: string, signal: AbortSignal): Promise<EnrolledDrive> {
    const drive = await this.find(libraryId, text);
    await this.uses.letGo(drive, signal, () => this.#eject(libraryId, drive, signal));
    return drive;
  }

  async #eject(libraryId: LibraryId, drive: EnrolledDrive, signal: AbortSignal): Promise<void> {
    const { attached } = await this.see(libraryId, signal);
    const here = attached.find((each) => each.drive.id === drive.id);
    if (here === undefined) throw missing(drive.name);
    if (here.mount === undefined || here.mount.mountPoint === '/') {
      throw new AgentError('DRIVE_EJECT_FAILED', `"${drive.name}" is not a drive that can be taken out.`, {
        remedy: 'There is nothing to do.',
      });
    }
    await ejectVolume({ mountPoint: here.mount.mountPoint, device: here.mount.device, signal });
  }

  /** By id, the beginning of one, its name, or a path on it. @throws AgentError DRIVE_UNKNOWN */
  async find(libraryId: LibraryId, text: string): Promise<EnrolledDrive> {
    const drives = await this.list(libraryId);
    const path = text.startsWith('/') ? await realpath(text).catch(() => text) : undefined;
    const fitting = drives.filter(
      ({ id, name, root }) =>
        id === text ||
        name === text ||
        (text.length >= 4 && id.startsWith(text)) ||
        (path !== undefined && (path === root || isBelow(root, path) || isBelow(path, root))),
    );
    const exact = fitting.find(({ id }) => id === text) ?? (fitting.length === 1 ? fitting[0] : undefined);
    if (exact !== undefined) return exact;
    const message =
      fitting.length === 0 ? `No drive "${text}" was added for copies.` : `Several drives are called "${text}".`;
    throw new AgentError('DRIVE_UNKNOWN', message, {
      remedy: 'Look at the list and use the id in it: keepsake drives list',
    });
  }

  async #findPlace(path: string): Promise<AbsolutePath> {
    const facts = await statOrUndefined(path);
    if (facts === undefined) {
      throw new AgentError('DRIVE_MISSING', `There is no folder "${path}".`, {
        remedy: 'Connect the drive, and look under which folder this computer shows it.',
      });
    }
    if (!facts.isDirectory()) throw unsuitable(`"${path}" is a file, not a folder.`, 'Name the folder of the drive.');
    return (await realpath(path)) as AbsolutePath;
  }

  async #assertSuitable(place: {
    readonly path: AbsolutePath;
    readonly top: string;
    readonly library: AbsolutePath;
    readonly disk: DiskIdentity;
  }): Promise<readonly string[]> {
    const { path, top, library, disk } = place;
    const another = 'Choose another drive.';
    if (path === library || isBelow(path, library) || isBelow(library, path)) {
      throw unsuitable(`"${path}" and your photo folder lie in one another.`, 'Name a folder on another drive.');
    }
    const isBelowMounts = mountRoots.some((folder) => path.startsWith(folder + sep));
    if (isBelowMounts && (await isOnSystemVolume(path))) {
      throw new AgentError('DRIVE_MISSING', `No drive is connected at "${path}".`, {
        remedy: 'Connect the drive, and try again.',
      });
    }
    if ((await stat(path)).dev === (await stat(library)).dev) {
      throw unsuitable(
        `"${path}" is on the same disk as your photo folder: whatever happens to one happens to the other.`,
        'Name a folder on another drive.',
      );
    }
    if (await isTimeMachineVolume(top)) {
      throw unsuitable(
        `"${basename(top)}" belongs to Time Machine, which deletes from it what it no longer needs.`,
        another,
      );
    }
    if ((await statOrUndefined(join(path, '.keepsake', 'library.json'))) !== undefined) {
      throw unsuitable(`"${path}" is a photo folder of Keepsake itself.`, another);
    }
    if (await hasCameraFolder(top)) {
      throw unsuitable(`"${basename(top)}" is a camera card: photos are saved from it, not to it.`, another);
    }
    const notes: string[] = [];
    const own = await identifyDisk(library);
    if (disk.kind !== 'unknown' && own.kind !== 'unknown' && shareDisk(disk.key, own.key)) {
      notes.push('It is another part of the disk that your photo folder is on. It does not count as a second place.');
    }
    if (disk.kind === 'network') {
      notes.push('It is reached through the network: what is read back may come from the memory of its server.');
    }
    return notes;
  }

  /** The copy of this library that is there, or a free name for one. */
  async #chooseFolder(
    path: AbsolutePath,
    library: { readonly id: LibraryId; readonly root: AbsolutePath },
  ): Promise<{ readonly folders: CopyFolders; readonly marker: DriveMarker | undefined }> {
    const parent = join(path, copiesFolderName);
    const names = await readdir(parent).catch((): string[] => []); // none yet
    for (const name of names.slice(0, namesMax)) {
      const folders = copyFolders(join(parent, name));
      const marker = await readMarker(folders).catch((error: unknown) => {
        if (isAgentError(error, 'DRIVE_DAMAGED')) return undefined;
        throw error;
      });
      if (marker?.libraryId === library.id) return { folders, marker };
    }
    const { stem } = makePortable({ stem: basename(library.root) || 'Photos', tail: '' });
    for (let suffix = 1; suffix <= namesMax; suffix += 1) {
      const folders = copyFolders(join(parent, suffix === 1 ? stem : `${stem}~${suffix}`));
      const facts = await lstat(folders.root).catch(() => undefined);
      if (facts === undefined) return { folders, marker: undefined };
      // One whose mark cannot be read, or that was copied by hand: what is right in it is used.
      const isOthers = (await readMarker(folders).catch(() => undefined)) !== undefined;
      if (facts.isDirectory() && !isOthers) return { folders, marker: undefined };
    }
    throw unsuitable(`"${parent}" has ${namesMax} copies of that name.`, 'Choose another drive.');
  }

  async #describe(marker: DriveMarker, copy: FoundCopy, disk?: DiskIdentity): Promise<EnrolledDrive> {
    const { root, mount } = copy;
    const identity = disk ?? (await identifyDisk(root));
    const now = new Date(this.#nowMs()).toISOString();
    const top = mount?.mountPoint ?? dirname(dirname(root));
    return {
      ...{ id: marker.id, libraryId: marker.libraryId, name: marker.name, state: 'enrolled' },
      ...(copy.filesystemUuid === undefined ? {} : { filesystemUuid: copy.filesystemUuid }),
      ...{ filesystem: identity.filesystem, diskKey: identity.key, diskKind: identity.kind },
      ...{ folder: relative(top, root), root, isElsewhere: false, addedAt: marker.addedAt, lastSeenAt: now },
    };
  }
}

function unsuitable(message: string, remedy: string): AgentError {
  return new AgentError('DRIVE_UNSUITABLE', message, { remedy });
}

export function missing(name: string): AgentError {
  return new AgentError('DRIVE_MISSING', `The drive "${name}" is not connected.`, {
    remedy: 'Connect it, then try again.',
  });
}

function describeProblem({ root, marker }: FoundCopy, problem: DriveProblem): UnusableDrive {
  const name = marker?.name ?? basename(root);
  const place = dirname(dirname(root));
  switch (problem) {
    case 'impostor':
      return {
        ...{ root, name, code: 'DRIVE_IMPOSTOR' },
        message: `The disk at "${place}" says that it is "${name}", and it is another one. It is not used.`,
        remedy: `If you copied that drive onto this one and want to use this one too: keepsake drives add ${place}`,
      };
    case 'ambiguous':
      return {
        ...{ root, name, code: 'DRIVE_AMBIGUOUS' },
        message: `Two disks that are connected say that they are "${name}". Neither is used.`,
        remedy: 'Take one of them out.',
      };
    case 'damaged':
      return {
        ...{ root, name, code: 'DRIVE_DAMAGED' },
        message: `On the disk at "${place}" it cannot be read which copy it is. It is not used.`,
        remedy: `To use it again, with what is right in it: keepsake drives add ${place}`,
      };
  }
}
