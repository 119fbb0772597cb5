// What the checks of one run of doctor share: asked once, kept for all. Reads the files themselves and writes to none of them.

import { constants } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAgentError } from '../../domain/errors.ts';
import type { AbsolutePath, LibraryId } from '../../domain/ids.ts';
import type { Status } from '../../domain/status.ts';
import { openKnownLibraries } from '../../library/known-libraries.ts';
import { libraryFolders } from '../../library/library.ts';
import { statOrUndefined } from '../../platform/volume.ts';
import type { LocalKeepsake } from '../compose.ts';
import type { Config } from '../config.ts';
import type { Device } from '../devices.ts';
import { type EnrolledDrive, openDriveRegister } from '../drive-register.ts';
import { catalogPath, type Environment } from '../paths.ts';
import { type AgentAnswer, askAgent } from './ask-agent.ts';
import { type ListLook, readList } from './read-list.ts';
import { type TrialAnswer, tryDisk } from './trial.ts';

export interface DoctorLimits {
  /** Of one check. */
  readonly checkMs: number;
  /** For one disk: one that slept needs ten seconds to turn again. */
  readonly diskMs: number;
  /** For the agent: it may be saving, and looks at its list of photos for an answer. */
  readonly agentMs: number;
  /** For all of the list of photos: 1.2 s for 200,000 of them in memory (measured 2026-11); an old disk takes longer. */
  readonly listMs: number;
  /** How long the trial message is to be seen. */
  readonly messageMs: number;
}

export const usualLimits: DoctorLimits = {
  checkMs: 20_000,
  diskMs: 15_000,
  agentMs: 18_000,
  listMs: 60_000,
  messageMs: 4_000,
};

export interface DoctorOptions {
  readonly keepsake: LocalKeepsake;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** Show no trial message. */
  readonly quiet?: boolean;
  readonly limits?: DoctorLimits;
  /** Where Linux tells what is plugged in; undefined: there, unless another computer's iPhones are asked for. */
  readonly usbDevices?: string;
}

export interface DoctorContext extends DoctorOptions {
  readonly limits: DoctorLimits;
  readonly nowMs: number;
  /** What phones that nobody decided about call themselves, and their numbers: a report must not have them. */
  readonly strangers: Set<string>;
  /** Undefined: they cannot be read. */
  readonly settings: (Config & { readonly library: AbsolutePath }) | undefined;
  /** Of every library; undefined: what is known cannot be read. */
  readonly drives: readonly EnrolledDrive[] | undefined;
  readonly devices: readonly Device[] | undefined;
  readonly agent: () => Promise<AgentAnswer>;
  /** Undefined: there are no settings that say where it is. */
  readonly library: () => Promise<TrialAnswer | 'stuck' | 'failed' | undefined>;
  /** By its mark, else by what is remembered of the place; undefined: nothing was saved there yet. */
  readonly libraryId: () => Promise<LibraryId | undefined>;
  /** Undefined: there is none. `stuck`: it is not read in time. @throws AgentError CATALOG_DAMAGED, CATALOG_TOO_NEW, … */
  readonly list: () => Promise<ListLook | 'stuck' | undefined>;
}

/** @throws the signal's reason. */
export async function openContext(options: DoctorOptions): Promise<DoctorContext> {
  const { keepsake, environment, signal } = options;
  const { paths, clock } = keepsake;
  const limits = options.limits ?? usualLimits;
  const settings = await keepsake.config().catch(orUndefined);
  const drives = await openDriveRegister(paths.drives, () => clock.nowMs())
    .all()
    .catch(orUndefined);
  const devices = await keepsake.register.list([]).catch(orUndefined);
  const library = once(async () => {
    if (settings === undefined) return undefined;
    const { root, marker, incoming, own, catalogBackup } = libraryFolders(settings.library);
    return await tryDisk(
      { root, marker, folders: [incoming, own], alsoStat: [`${catalogBackup}/catalog.db` as AbsolutePath] },
      { timeoutMs: limits.diskMs, signal },
    );
  });
  const libraryId = once(async () => {
    const answer = await library();
    if (settings === undefined || answer === undefined) return undefined;
    const marked = typeof answer === 'object' ? idIn(answer.markerText) : undefined;
    // One that is away is none that was never begun. A disk that hangs is not asked for its real path.
    const root = typeof answer === 'object' ? (answer.realRoot as AbsolutePath) : settings.library;
    return marked ?? (await openKnownLibraries(paths.knownLibraries).idAt(root).catch(orUndefined));
  });
  const list = once(async () => {
    const id = await libraryId();
    const path = id === undefined ? undefined : catalogPath(paths, id);
    if (id === undefined || path === undefined || (await statOrUndefined(path)) === undefined) return undefined;
    return await readQuietly({ path, libraryId: id }, { timeoutMs: limits.listMs, signal });
  });
  const agent = once(async () => await askAgent(paths, environment, { timeoutMs: limits.agentMs, signal }));
  return {
    ...options,
    limits,
    nowMs: clock.nowMs(),
    strangers: new Set(),
    settings,
    drives,
    devices,
    library,
    libraryId,
    list,
    agent,
  };
}

/**
 * SQLite leaves two files beside a database that it only read, if they were not there. Where they are not, nobody has it open: a copy of
 * it says the same, and nothing is left behind.
 */
async function readQuietly(
  { path, libraryId }: { readonly path: string; readonly libraryId: LibraryId },
  patience: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ListLook | 'stuck'> {
  const read = async (at: string) => await readList({ path: at, libraryId }, patience);
  if ((await statOrUndefined(`${path}-wal`)) !== undefined) return await read(path);
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-doctor-')).catch(orUndefined); // its own check says so
  if (folder === undefined) return await read(path);
  try {
    const copy = join(folder, 'list.db');
    const isCopied = await copyFile(path, copy, constants.COPYFILE_FICLONE).then(
      () => true,
      () => false, // no room for it there
    );
    if (!isCopied) return await read(path);
    try {
      const look = await read(copy);
      if (look === 'stuck' || look.isWhole) return look;
    } catch (error) {
      if (!isAgentError(error)) throw error;
    }
    return await read(path); // somebody may have written to it while it was copied
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** It was begun where the settings say, and is not there: whatever disk is there now is another one. */
export async function isLibraryAway(context: DoctorContext, { state }: TrialAnswer): Promise<boolean> {
  return (state === 'noFolder' || state === 'noMarker') && (await context.libraryId()) !== undefined;
}

/** The status of an agent that answers. */
export async function statusOf(context: DoctorContext): Promise<Status | undefined> {
  const answer = await context.agent();
  return answer.kind === 'answered' ? answer.status : undefined;
}

/** What cannot be read, for whatever reason, is a finding of the check that is about it; the others go on. */
function orUndefined(): undefined {
  return undefined;
}

/** As `library.json` and `copy.json` have it. */
export function idIn(markerText: string | undefined, key = 'id'): LibraryId | undefined {
  try {
    const value: unknown = JSON.parse(markerText ?? '');
    const id = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    return typeof id === 'string' && /^[\w-]{1,64}$/.test(id) ? (id as LibraryId) : undefined;
  } catch {
    return undefined;
  }
}

function once<Value>(ask: () => Promise<Value>): () => Promise<Value> {
  let asked: Promise<Value> | undefined;
  return () => {
    asked ??= ask();
    asked.catch(() => undefined); // whoever asks hears of it
    return asked;
  };
}
