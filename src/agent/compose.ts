// The only place that knows everybody: builds the parts from configuration and environment and hands them to each other.

import { mkdir, realpath, rm } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { type AttachedDevice, DeviceLook } from '../detect/attached-devices.ts';
import { AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { ImportProgress } from '../domain/progress.ts';
import type { Need } from '../domain/status.ts';
import type { Pace } from '../jobs/pace.ts';
import { readLibraryId } from '../library/library.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import { statOrUndefined } from '../platform/volume.ts';
import type { LibraryTurn } from './adopt.ts';
import type { Seams } from './backup.ts';
import { type Config, listKeys, loadConfig, setConfigValue } from './config.ts';
import type { AdoptWish, DriveWish, Keepsake } from './control.ts';
import type { VerifyWish } from './copying.ts';
import { type Device, type DeviceRegister, openDeviceRegister, type SeenDevice } from './devices.ts';
import { openDriveRegister } from './drive-register.ts';
import { Drives, type DrivesSeen } from './drives.ts';
import { helperTargets } from './helper/helper-target.ts';
import { noteOfHelper } from './helper/helper-words.ts';
import { catalogPath, defaultLibrary, type Environment, findPaths, makeStateFolders } from './paths.ts';
import { clearPause, readPause, writePause } from './pause.ts';
import { openPhones, type Phones } from './phones.ts';
import type { Reminding } from './reminding.ts';

/** Keepsake in this process, and what an agent needs besides. */
export interface LocalKeepsake extends Keepsake {
  readonly clock: Clock;
  readonly register: DeviceRegister;
  config(): Promise<Config & { readonly library: AbsolutePath }>;
  /** `turn` and `pace` let an agent save cards meanwhile. */
  adopt(wish: AdoptWish, share?: { readonly turn: LibraryTurn; readonly pace: Pace }): ReturnType<Keepsake['adopt']>;
  verify(wish: VerifyWish, share?: { readonly turn: LibraryTurn; readonly pace: Pace }): ReturnType<Keepsake['verify']>;
  /** It is forgotten at once; what was noted of it goes in its turn. */
  forgetDrive(wish: DriveWish, share?: { readonly turn: LibraryTurn }): ReturnType<Keepsake['forgetDrive']>;
  /** The drives with copies of the library that are attached now. */
  seeDrives(signal: AbortSignal): Promise<DrivesSeen>;
  isPaused(): Promise<boolean>;
  /** That the owner wants the agent not to run until the next login. */
  noteStopped(isStopped: boolean): Promise<void>;
  /** Reads a little of what is due to be checked. True if nothing is due any more. */
  checkSome(signal: AbortSignal): Promise<boolean>;
  /** What the owner is to be told now; it counts as told. */
  remind(troubles?: readonly Need[]): Promise<Reminding>;
  /** The cards and folders that are connected now. */
  look(signal: AbortSignal): Promise<readonly AttachedDevice[]>;
  readonly phones: Phones;
}

/** @param sharedLog of an agent; without one each backup opens the log for itself. */
export function composeKeepsake(environment: Environment, seams: Seams = {}, sharedLog?: Log): LocalKeepsake {
  const paths = findPaths(environment);
  const clock = seams.clock ?? systemClock;
  const workingFolder = environment['INIT_CWD'] ?? process.cwd();
  const register = openDeviceRegister(paths.devices, () => clock.nowMs());
  const deviceLook = new DeviceLook();
  const phones = openPhones(environment, register);
  const driveRegister = openDriveRegister(paths.drives, () => clock.nowMs());
  const drives = new Drives({ register: driveRegister, nowMs: () => clock.nowMs() });
  const config = async () => {
    const loaded = await loadConfig(paths.config);
    return { ...loaded, library: loaded.library ?? defaultLibrary(environment) };
  };
  const chooseLibrary = async (override: string | undefined) => {
    const settings = await config();
    const root = override === undefined ? settings.library : (resolve(workingFolder, override) as AbsolutePath);
    return { settings, root };
  };
  const look = async (signal: AbortSignal) => {
    const { cardRoots, watchedFolders, library } = await config();
    return await deviceLook.look({ cardRoots, watchedFolders, ownRoots: [library] }, signal);
  };
  /** Looks, notes what is new, and lists everything. */
  const devices = async (signal = AbortSignal.timeout(lookTimeoutMs)) => {
    const connected: readonly SeenDevice[] = (await Promise.all([look(signal), phones.look(signal)])).flat();
    // One that is here by Wi-Fi alone was not plugged in: a guest's is not even noted.
    const pluggedIn = connected.filter(({ state }) => state !== 'needsCable');
    if (pluggedIn.length > 0) {
      makeStateFolders(paths);
      await register.saw(pluggedIn);
    }
    return await phones.addLacking(await register.list(connected));
  };
  /** The library that is there. @throws AgentError LIBRARY_MISSING */
  const presentLibrary = async (library: string | undefined) => {
    const { root } = await chooseLibrary(library);
    const id = await readLibraryId(root);
    if (id !== undefined) return { id, root: (await realpath(root)) as AbsolutePath };
    throw new AgentError('LIBRARY_MISSING', `There is no photo folder at "${root}" yet.`, {
      remedy: 'Save photos once: keepsake backup FOLDER',
    });
  };
  /** What work on the library is given, which has to be there: only saving begins one. @throws AgentError LIBRARY_MISSING */
  const work = async (library: string | undefined, signal: AbortSignal) => {
    const { settings } = await chooseLibrary(library);
    const { root } = await presentLibrary(library);
    const observeStep = seams.observeStep ?? (() => undefined);
    return { settings, root, paths, clock, sharedLog, signal, drives, observeStep };
  };
  /** Those that are attached. Who only wants to know in passing does not look for drives that nobody added. */
  const seeDrives = async (
    root: AbsolutePath,
    signal: AbortSignal,
    { inPassing = true }: { readonly inPassing?: boolean } = {},
  ): Promise<DrivesSeen> => {
    const id = await readLibraryId(root);
    if (inPassing && (await driveRegister.all()).length === 0) return { attached: [], unusable: [] };
    return id === undefined ? { attached: [], unusable: [] } : await drives.see(id, signal);
  };
  const status = async (library: string | undefined) => {
    const chosen = await chooseLibrary(library);
    const { unusable } = await seeDrives(chosen.root, AbortSignal.timeout(lookTimeoutMs)).catch(asUnusable);
    const { readStatus } = await import('./status.ts');
    const found = await readStatus({
      ...{ paths, clock, unusable, drives: driveRegister },
      devices: await phones.addLacking(await register.list([])),
      ...chosen,
    });
    const { settings } = chosen;
    if (helperTargets(settings).length === 0) return found;
    const { findHelperTrouble } = await import('./helper/tell-helper.ts');
    const needsYou = [...found.needsYou, ...(await findHelperTrouble({ paths, environment, settings, clock }))];
    return { ...found, needsYou, notes: [...found.notes, ...noteOfHelper(settings)] };
  };
  /** Of a drive of any library: an empty photo folder has none. */
  const findDriveRoot = async (text: string, signal: AbortSignal) => {
    const known = (await driveRegister.all()).find(
      ({ id, name }) => id === text || name === text || (text.length >= 4 && id.startsWith(text)),
    );
    if (known === undefined) return undefined;
    const { attached } = await drives.see(known.libraryId, signal);
    return attached.find(({ drive }) => drive.id === known.id)?.root;
  };
  const find = async (id: string): Promise<Device> => {
    const found = (await devices()).find((each) => each.id === id);
    if (found === undefined) throw new Error(`device ${id} was there a moment ago`);
    return found;
  };
  return {
    paths,
    clock,
    register,
    config,
    look,
    phones,
    devices,
    lacking: async () => [await phones.lacking()].filter((advice) => advice !== undefined),
    setConfig: async (key, values) => {
      await mkdir(dirname(paths.config), { recursive: true, mode: 0o700 });
      const isPath = key === 'library' || listKeys.includes(key);
      await setConfigValue(paths.config, key, isPath ? values.map((value) => resolve(workingFolder, value)) : values);
    },
    status,
    drives: async (library) => {
      const { drives: listed, library: root } = await status(library);
      return { drives: listed, unusable: (await seeDrives(root, AbortSignal.timeout(lookTimeoutMs))).unusable };
    },
    seeDrives: async (signal) => seeDrives((await config()).library, signal, { inPassing: false }),
    addDrive: async ({ path, name, isElsewhere, library }) => {
      const present = await presentLibrary(library);
      makeStateFolders(paths);
      const signal = AbortSignal.timeout(lookTimeoutMs);
      return await drives.add({
        ...{ name, isElsewhere, library: present, signal },
        path: resolve(workingFolder, path),
      });
    },
    forgetDrive: async ({ drive, library }, { turn } = { turn: (act) => act() }) => {
      const { settings, root } = await work(library, AbortSignal.timeout(lookTimeoutMs));
      const { id } = await presentLibrary(library);
      const forgotten = await drives.forget(id, drive); // at once: what is copied to it ends
      await turn(async () => {
        const signal = AbortSignal.timeout(lookTimeoutMs);
        const { withLibrary } = await import('./library-work.ts');
        // What was proven on it proves nothing any more.
        await withLibrary({ settings, root, paths, clock, sharedLog, signal }, async ({ catalog }) =>
          catalog.copies.forgetDrive(forgotten.id),
        );
      });
      return forgotten;
    },
    ejectDrive: async ({ drive, library }) => {
      const { id } = await presentLibrary(library);
      return await drives.eject(id, drive, AbortSignal.timeout(ejectTimeoutMs));
    },
    mirror: async (wish) => {
      const { mirrorLibrary } = await import('./copying.ts');
      return await mirrorLibrary({ ...(await work(wish.library, wish.signal)), wish });
    },
    verify: async (wish, share) => {
      const { verifyLibrary } = await import('./copying.ts');
      return await verifyLibrary({ ...(await work(wish.library, wish.signal)), ...share, wish });
    },
    remove: async ({ library, ...wish }) => {
      const { removePhotos } = await import('./remove.ts');
      return await removePhotos({ ...(await work(library, wish.signal)), wish, devices: () => register.list([]) });
    },
    restore: async (wish) => {
      const { restorePhotos } = await import('./restore.ts');
      return await restorePhotos(wish, {
        ...(await chooseLibrary(wish.library)),
        ...{ paths, workingFolder, sharedLog },
        findDriveRoot: (text) => findDriveRoot(text, wish.signal),
        devices: async () => (await register.list([])).map(({ id, name }) => ({ id, name })),
      });
    },
    safeToDelete: async (wish) => {
      const { safeToDelete } = await import('./safe-to-delete.ts');
      const known = await register.list([]);
      return await safeToDelete({ ...(await work(wish.library, wish.signal)), wish, devices: known });
    },
    pause: async (untilMs) => {
      makeStateFolders(paths);
      const nowMs = clock.nowMs();
      await writePause(paths.pause, { nowMs, ...(untilMs === undefined ? {} : { untilMs }) });
    },
    resume: () => clearPause(paths.pause),
    isPaused: async () => (await readPause(paths.pause, clock.nowMs())) !== undefined,
    noteStopped: async (isStopped) => {
      if (isStopped) await writeSmallFile(paths.stopped, `${new Date(clock.nowMs()).toISOString()}\n`, 0o600);
      else await rm(paths.stopped, { force: true });
    },
    checkSome: async (signal) => {
      const { root } = await chooseLibrary(undefined);
      if ((await readLibraryId(root)) === undefined) return true;
      const { checkSlice } = await import('./copying.ts');
      return await checkSlice(await work(undefined, signal));
    },
    remind: async (troubles = []) => {
      const { settings, root } = await chooseLibrary(undefined);
      const id = await readLibraryId(root);
      const path = id === undefined ? undefined : catalogPath(paths, id);
      if (id === undefined || path === undefined || (await statOrUndefined(path)) === undefined) return { tell: [] };
      const [{ openCatalog }, { remind }, { toldByCheck }] = await Promise.all([
        import('../library/catalog/sqlite-catalog.ts'),
        import('./reminding.ts'),
        import('./independent-check/check-memory.ts'),
      ]);
      using catalog = openCatalog({ path, libraryId: id, readOnly: true });
      return await remind({
        ...{ path: paths.reminders, catalog, troubles, nowMs: clock.nowMs(), timeZone: settings.timeZone },
        toldByCheck: await toldByCheck(paths, environment),
        devices: await register.list([]),
        drives: await drives.list(id),
      });
    },
    snooze: async (device, untilMs) => find(await register.snooze(device, untilMs)),
    adopt: async ({ library, ...wish }, share) => {
      const folder = resolve(workingFolder, wish.folder);
      const onProgress = (progress: ImportProgress) => wish.onProgress({ ...progress, sourceName: basename(folder) });
      const place = await chooseLibrary(library);
      const { adoptFolder } = await import('./adopt.ts');
      return await adoptFolder({ ...wish, ...place, ...share, folder, paths, seams, sharedLog, onProgress });
    },
    rebuild: async ({ library, signal }) => {
      const { rebuildLibrary } = await import('./rebuild.ts');
      return await rebuildLibrary({ ...(await chooseLibrary(library)), paths, clock, sharedLog, signal });
    },
    decide: async (request) => {
      await devices(); // a card that was just put in can be decided about without having looked at the list
      return await find(await register.decide(request));
    },
    rename: async (device, name) => find(await register.rename(device, name)),
    backup: async (request) => {
      const { backup, chooseSources } = await import('./backup.ts');
      const { settings, root } = await chooseLibrary(request.library);
      const wanted = await chooseSources({ request, workingFolder, devices: () => devices(request.signal) });
      const wantsCopies =
        request.copies !== false && !request.dryRun && (await readPause(paths.pause, clock.nowMs())) === undefined;
      const copyTargets = wantsCopies ? async () => (await seeDrives(root, request.signal)).attached : undefined;
      const { uses } = drives;
      return await backup({ request, settings, root, wanted, phones, paths, seams, sharedLog, uses, copyTargets });
    },
  };
}

/** Writing back what a slow stick still has to take. */
const ejectTimeoutMs = 10 * 60_000;

/** What is wrong with the list of drives is told, and costs nothing but the drives. */
function asUnusable(error: unknown): Pick<DrivesSeen, 'unusable'> {
  if (!isAgentError(error, 'STATE_DAMAGED', 'STATE_WRITE_FAILED', 'DRIVE_READ_FAILED')) throw error;
  const { code, message, remedy } = error;
  return { unusable: [{ root: '' as AbsolutePath, name: '', code, message, remedy }] };
}

/** A disk that does not answer is left out after some seconds; this is for all of them together. */
const lookTimeoutMs = 60_000;
