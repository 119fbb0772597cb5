// The only place that knows everybody: builds the parts from configuration and environment and hands them to each other.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { type AttachedDevice, DeviceLook } from '../detect/attached-devices.ts';
import { AgentError } from '../domain/errors.ts';
import type { AbsolutePath, LibraryId } from '../domain/ids.ts';
import type { ImportProgress } from '../jobs/import-progress.ts';
import type { ImportReport } from '../jobs/import-report.ts';
import { assertApart, assertNotInCloud } from '../jobs/import-safety.ts';
import type { Pace } from '../jobs/pace.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import { openKnownLibraries } from '../library/known-libraries.ts';
import { parseLayout } from '../library/layout.ts';
import { openLibrary, readLibraryId } from '../library/library.ts';
import { openMetadataReader } from '../library/metadata/read-metadata.ts';
import { recoverLibrary } from '../library/recovery.ts';
import { openRoom } from '../library/room.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { StepObserver } from '../platform/durable-write.ts';
import { type Log, openLog } from '../platform/log.ts';
import { statOrUndefined } from '../platform/volume.ts';
import { type FolderSource, openFolderSource } from '../sources/folder/folder-source.ts';
import type { LibraryTurn } from './adopt.ts';
import { type Config, listKeys, loadConfig, setConfigValue } from './config.ts';
import type { AdoptWish, BackupRequest, BackupResult, Keepsake } from './control.ts';
import { type Device, type DeviceRegister, openDeviceRegister } from './devices.ts';
import { openLibraryCatalog } from './open-catalog.ts';
import {
  catalogPath,
  defaultLibrary,
  type Environment,
  findPaths,
  type KeepsakePaths,
  makeStateFolders,
} from './paths.ts';
import { readStatus } from './status.ts';

/** What tests replace. The product uses the defaults. */
export interface Seams {
  readonly clock?: Clock;
  readonly observeStep?: StepObserver;
  readonly batchFilesMax?: number;
  readonly checkpointBytes?: number;
  readonly wrapSource?: (source: FolderSource) => FolderSource;
}

/** Keepsake in this process, and what an agent needs besides. */
export interface LocalKeepsake extends Keepsake {
  readonly clock: Clock;
  readonly register: DeviceRegister;
  config(): Promise<Config & { readonly library: AbsolutePath }>;
  /** `turn` and `pace` let an agent save cards meanwhile. */
  adopt(wish: AdoptWish, share?: { readonly turn: LibraryTurn; readonly pace: Pace }): ReturnType<Keepsake['adopt']>;
  /** What is connected now. */
  look(signal: AbortSignal): Promise<readonly AttachedDevice[]>;
}

/** @param sharedLog of an agent; without one each backup opens the log for itself. */
export function composeKeepsake(environment: Environment, seams: Seams = {}, sharedLog?: Log): LocalKeepsake {
  const paths = findPaths(environment);
  const clock = seams.clock ?? systemClock;
  const workingFolder = environment['INIT_CWD'] ?? process.cwd();
  const register = openDeviceRegister(paths.devices, () => clock.nowMs());
  const deviceLook = new DeviceLook();
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
    const connected = await look(signal);
    if (connected.length > 0) {
      makeStateFolders(paths);
      await register.saw(connected);
    }
    return await register.list(connected);
  };
  const find = async (id: string): Promise<Device> => {
    const found = (await register.list(await look(AbortSignal.timeout(lookTimeoutMs)))).find((each) => each.id === id);
    if (found === undefined) throw new Error(`device ${id} was there a moment ago`);
    return found;
  };
  return {
    paths,
    clock,
    register,
    config,
    look,
    devices,
    setConfig: async (key, values) => {
      await mkdir(dirname(paths.config), { recursive: true, mode: 0o700 });
      const isPath = key === 'library' || listKeys.includes(key);
      await setConfigValue(paths.config, key, isPath ? values.map((value) => resolve(workingFolder, value)) : values);
    },
    status: async (library) =>
      readStatus({ paths, clock, devices: await register.list([]), ...(await chooseLibrary(library)) }),
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
      return backup({ request, settings, root, wanted, paths, seams, sharedLog });
    },
  };
}

/** A disk that does not answer is left out after some seconds; this is for all of them together. */
const lookTimeoutMs = 60_000;

interface WantedSource {
  readonly folder: string;
  /** The owner's name for it, and that nobody named its path. */
  readonly device?: Device;
}

/** What the owner named, as a path or as a device; else every connected device that photos are saved from. */
async function chooseSources(options: {
  readonly request: BackupRequest;
  readonly workingFolder: string;
  readonly devices: () => Promise<readonly Device[]>;
}): Promise<readonly WantedSource[]> {
  const { request, workingFolder } = options;
  if (request.sources.length === 0) {
    const enrolled = (await options.devices()).filter(({ decision }) => decision === 'always');
    const connected = enrolled.flatMap((device) =>
      device.root === undefined ? [] : [{ folder: device.root, device }],
    );
    if (connected.length > 0) return connected;
    throw new AgentError(
      'SOURCE_MISSING',
      enrolled.length === 0
        ? 'Nothing was named to save photos from.'
        : 'None of the cards and folders that photos are saved from is connected.',
      { remedy: 'Connect one, or name a folder or a card: keepsake backup FOLDER' },
    );
  }
  const wanted: WantedSource[] = [];
  let known: readonly Device[] | undefined;
  for (const text of request.sources) {
    const folder = resolve(workingFolder, text);
    if (existsSync(folder)) {
      wanted.push({ folder });
      continue;
    }
    known ??= await options.devices();
    const device = known.find(({ id, name }) => id === text || name === text);
    if (device === undefined)
      wanted.push({ folder }); // opening it says that there is no such folder
    else if (device.root !== undefined) wanted.push({ folder: device.root, device });
    else {
      throw new AgentError('SOURCE_MISSING', `"${device.name}" is not connected.`, {
        remedy: 'Connect it, then save again.',
      });
    }
  }
  return wanted;
}

interface BackupJob {
  readonly request: BackupRequest;
  readonly settings: Config;
  readonly root: AbsolutePath;
  readonly wanted: readonly WantedSource[];
  readonly paths: KeepsakePaths;
  readonly seams: Seams;
  readonly sharedLog: Log | undefined;
}

async function backup(job: BackupJob): Promise<BackupResult> {
  const { request, settings, root, paths, seams } = job;
  const clock = seams.clock ?? systemClock;
  const sources: { source: FolderSource; isDevice: boolean }[] = [];
  for (const { folder, device } of job.wanted) {
    const opened = await openFolderSource(folder);
    await assertApart(opened, root); // before anything is written: the library may not exist yet
    const source = device === undefined ? opened : { ...opened, name: device.name };
    sources.push({ source: seams.wrapSource?.(source) ?? source, isDevice: device !== undefined });
  }
  if (!settings.allowCloudFolder) await assertNotInCloud(root);
  if (request.dryRun) return preview({ ...job, sources: sources.map(({ source }) => source) });
  makeStateFolders(paths);
  await using openedLog = openLog({ folder: paths.logs, level: settings.logLevel, shared: job.sharedLog });
  const { log } = openedLog;
  await using library = await openLibrary({
    root,
    known: openKnownLibraries(paths.knownLibraries),
    createAnew: request.createAnew,
  });
  using catalog = await openLibraryCatalog({ library, paths, log, signal: request.signal });
  await recoverLibrary({ library, catalog, clock, log, signal: request.signal });
  await using metadata = openMetadataReader();
  const room = await openRoom(library.folders.root, settings.reserveBytes);
  const imports: ImportReport[] = [];
  const { runImport } = await import('../jobs/import-job.ts');
  for (const { source, isDevice } of sources) {
    const report = await runImport({
      source,
      library,
      catalog,
      layout: parseLayout(settings.layout),
      metadata,
      room,
      clock,
      log,
      timeZone: settings.timeZone,
      onProgress: (progress) => request.onProgress({ ...progress, sourceName: source.name }),
      observeStep: seams.observeStep ?? (() => undefined),
      mustFit: (request.mustFit ?? isDevice) && !catalog.hasEntriesOf(source.id),
      batchFilesMax: seams.batchFilesMax,
      checkpointBytes: seams.checkpointBytes,
      signal: request.signal,
    });
    imports.push(report);
    if (report.stopped !== undefined && report.stopped.code !== 'SOURCE_GONE') break;
  }
  return { library: library.folders.root, imports, copies: [], missingProgram: metadata.unavailable };
}

/** Makes nothing, not even the library: without one, everything is new. */
async function preview(
  job: Omit<BackupJob, 'wanted'> & { readonly sources: readonly FolderSource[] },
): Promise<BackupResult> {
  const { request, root, paths, seams } = job;
  const id = await readLibraryId(root);
  const path = id === undefined ? undefined : catalogPath(paths, id);
  using catalog =
    id === undefined || path === undefined || (await statOrUndefined(path)) === undefined
      ? openCatalog({ path: ':memory:', libraryId: '' as LibraryId })
      : openCatalog({ path, libraryId: id, readOnly: true });
  const imports: ImportReport[] = [];
  const { previewImport } = await import('../jobs/preview-job.ts');
  for (const source of job.sources) {
    const onProgress = (progress: ImportProgress) => request.onProgress({ ...progress, sourceName: source.name });
    imports.push(
      await previewImport({ source, catalog, clock: seams.clock ?? systemClock, onProgress, signal: request.signal }),
    );
  }
  return { library: root, imports, copies: [] };
}
