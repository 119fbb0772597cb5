// The only place that knows everybody: builds the parts from configuration and environment and hands them to each other.

import { mkdir } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { type AttachedDevice, DeviceLook } from '../detect/attached-devices.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { ImportProgress } from '../jobs/import-progress.ts';
import type { Pace } from '../jobs/pace.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryTurn } from './adopt.ts';
import { backup, chooseSources, type Seams } from './backup.ts';
import { type Config, listKeys, loadConfig, setConfigValue } from './config.ts';
import type { AdoptWish, Keepsake } from './control.ts';
import { type Device, type DeviceRegister, openDeviceRegister, type SeenDevice } from './devices.ts';
import { defaultLibrary, type Environment, findPaths, makeStateFolders } from './paths.ts';
import { openPhones, type Phones } from './phones.ts';
import { readStatus } from './status.ts';

/** Keepsake in this process, and what an agent needs besides. */
export interface LocalKeepsake extends Keepsake {
  readonly clock: Clock;
  readonly register: DeviceRegister;
  config(): Promise<Config & { readonly library: AbsolutePath }>;
  /** `turn` and `pace` let an agent save cards meanwhile. */
  adopt(wish: AdoptWish, share?: { readonly turn: LibraryTurn; readonly pace: Pace }): ReturnType<Keepsake['adopt']>;
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
    if (connected.length > 0) {
      makeStateFolders(paths);
      await register.saw(connected);
    }
    return await phones.addLacking(await register.list(connected));
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
    status: async (library) =>
      readStatus({
        ...{ paths, clock, devices: await phones.addLacking(await register.list([])) },
        ...(await chooseLibrary(library)),
      }),
    adopt: async ({ library, ...wish }, share) => {
      const folder = resolve(workingFolder, wish.folder);
      const onProgress = (progress: ImportProgress) => wish.onProgress({ ...progress, sourceName: basename(folder) });
      const place = await chooseLibrary(library);
      const { adoptFolder } = await import('./adopt.ts'); // as below: who asks for something else starts quicker without
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
      const { settings, root } = await chooseLibrary(request.library);
      const wanted = await chooseSources({ request, workingFolder, devices: () => devices(request.signal) });
      return await backup({ request, settings, root, wanted, phones, paths, seams, sharedLog });
    },
  };
}

/** A disk that does not answer is left out after some seconds; this is for all of them together. */
const lookTimeoutMs = 60_000;
