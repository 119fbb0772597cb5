// The drives that the owner gave us for copies of the library. One small file in the state folder, as for devices: a decision
// cannot be made again from photos. A file that cannot be read is kept and reported.

import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, DriveId, LibraryId } from '../domain/ids.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import { instant, textUpTo } from '../platform/shapes.ts';

/** Someone who rotates more drives than this is not a family. */
const drivesMax = 100;

const schema = v.object({
  id: textUpTo(64),
  libraryId: textUpTo(64),
  name: textUpTo(200),
  /** `forgotten`: its mark on the drive no longer brings it back. */
  state: v.picklist(['enrolled', 'forgotten']),
  filesystemUuid: v.optional(v.string()),
  filesystem: v.string(),
  /** What is physically behind it. */
  diskKey: v.string(),
  diskKind: v.picklist(['disk', 'network', 'unknown']),
  /** Of the copy, below the root of its volume: `Keepsake/Photos`. */
  folder: v.string(),
  /** The copy's own folder, where it was seen last. */
  root: v.string(),
  isElsewhere: v.boolean(),
  addedAt: instant,
  lastSeenAt: instant,
  /** Since when it has been attached without a break. Absent: it is not. */
  attachedSince: v.optional(instant),
});
const fileSchema = v.object({ version: v.literal(1), drives: v.array(schema) });

type Stored = v.InferOutput<typeof schema>;

export interface EnrolledDrive extends Omit<Stored, 'id' | 'libraryId' | 'root'> {
  readonly id: DriveId;
  readonly libraryId: LibraryId;
  readonly root: AbsolutePath;
}

/** All methods throw AgentError STATE_DAMAGED, STATE_WRITE_FAILED. */
export interface DriveRegister {
  /** Those of a library; forgotten ones too. */
  list(libraryId: LibraryId): Promise<readonly EnrolledDrive[]>;
  all(): Promise<readonly EnrolledDrive[]>;
  /** Adds it, or puts it in the place of what was known of it. */
  put(drive: EnrolledDrive): Promise<void>;
  change(id: DriveId, facts: Partial<Omit<EnrolledDrive, 'id'>>): Promise<void>;
  /** Notes which are attached now, and where. Writes only what is news to the day. */
  saw(libraryId: LibraryId, attached: readonly { readonly id: DriveId; readonly root: AbsolutePath }[]): Promise<void>;
}

/** @param path state/drives.json; its folder must exist when something is written. */
export function openDriveRegister(path: AbsolutePath, nowMs: () => number): DriveRegister {
  let lastTurn: Promise<unknown> = Promise.resolve();
  /** One change after the other, each on what the last one wrote. */
  const change = (act: (drives: Stored[]) => void): Promise<void> => {
    const turn = lastTurn.then(async () => {
      const drives = await load(path);
      const before = JSON.stringify(drives);
      act(drives);
      if (JSON.stringify(drives) !== before) await save(path, drives);
    });
    lastTurn = turn.catch(() => undefined); // its own caller hears of it; the next change goes on
    return turn;
  };
  const all = async () => (await load(path)) as unknown as readonly EnrolledDrive[];
  return {
    all,
    list: async (libraryId) => (await all()).filter((drive) => drive.libraryId === libraryId),
    put: (drive) =>
      change((drives) => {
        const index = drives.findIndex(({ id }) => id === drive.id);
        if (index === -1 && drives.length >= drivesMax) throw tooMany();
        drives.splice(index === -1 ? drives.length : index, 1, { ...drive });
      }),
    change: (id, facts) =>
      change((drives) => {
        const found = drives.find((drive) => drive.id === id);
        if (found !== undefined) Object.assign(found, facts);
      }),
    saw: (libraryId, attached) =>
      change((drives) => {
        const now = new Date(nowMs()).toISOString();
        for (const drive of drives.filter((each) => each.libraryId === libraryId)) {
          const here = attached.find(({ id }) => id === drive.id);
          if (here === undefined) {
            delete drive.attachedSince;
            continue;
          }
          drive.root = here.root;
          drive.attachedSince ??= now;
          if (drive.lastSeenAt.slice(0, 10) !== now.slice(0, 10)) drive.lastSeenAt = now;
        }
      }),
  };
}

function tooMany(): AgentError {
  return new AgentError('STATE_DAMAGED', `Keepsake knows ${drivesMax} drives and cannot note another one.`, {
    remedy: 'Forget some that you no longer use: keepsake drives forget ID',
  });
}

async function load(path: AbsolutePath): Promise<Stored[]> {
  try {
    return v.parse(fileSchema, JSON.parse(await readFile(path, 'utf8'))).drives;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw new AgentError('STATE_DAMAGED', `"${path}" cannot be read.`, {
      remedy: 'Move that file away, and add your drives again: keepsake drives add. What is on them is used again.',
      cause: error,
    });
  }
}

async function save(path: AbsolutePath, drives: readonly Stored[]): Promise<void> {
  try {
    await writeSmallFile(path, `${JSON.stringify({ version: 1, drives }, undefined, 2)}\n`, 0o600);
  } catch (error) {
    throw new AgentError('STATE_WRITE_FAILED', `"${path}" could not be written.`, {
      remedy: 'Check that there is room on the disk of your home folder and that you may write there.',
      cause: error,
    });
  }
}
