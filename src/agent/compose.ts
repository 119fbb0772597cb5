// The only place that knows everybody: builds the parts from configuration and environment and hands them to each other.

import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AgentError } from '../domain/errors.ts';
import type { AbsolutePath, LibraryId } from '../domain/ids.ts';
import { runImport } from '../jobs/import-job.ts';
import type { ImportProgress } from '../jobs/import-progress.ts';
import type { ImportReport } from '../jobs/import-report.ts';
import { assertApart, assertNotInCloud } from '../jobs/import-safety.ts';
import { previewImport } from '../jobs/preview-job.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import { openKnownLibraries } from '../library/known-libraries.ts';
import { parseLayout } from '../library/layout.ts';
import { openLibrary, readLibraryId } from '../library/library.ts';
import { openMetadataReader } from '../library/metadata/read-metadata.ts';
import { recoverLibrary } from '../library/recovery.ts';
import { openRoom } from '../library/room.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { StepObserver } from '../platform/durable-write.ts';
import { openLog } from '../platform/log.ts';
import { statOrUndefined } from '../platform/volume.ts';
import { type FolderSource, openFolderSource } from '../sources/folder/folder-source.ts';
import { findMountedCards } from '../sources/folder/mounted-cards.ts';
import { type Config, loadConfig, setConfigValue } from './config.ts';
import { openLibraryCatalog } from './open-catalog.ts';
import {
  catalogPath,
  defaultLibrary,
  type Environment,
  findPaths,
  type KeepsakePaths,
  makeStateFolders,
} from './paths.ts';
import { readStatus, type Status } from './status.ts';

/** What tests replace. The product uses the defaults. */
export interface Seams {
  readonly clock?: Clock;
  readonly observeStep?: StepObserver;
  readonly batchFilesMax?: number;
  readonly checkpointBytes?: number;
  readonly wrapSource?: (source: FolderSource) => FolderSource;
}

export interface BackupRequest {
  /** Folders, as the owner wrote them. Naming one is consent. */
  readonly sources: readonly string[];
  /** `--library`; undefined: from the configuration, else the default place. */
  readonly library?: string | undefined;
  readonly createAnew: boolean;
  readonly dryRun: boolean;
  readonly onProgress: (progress: ImportProgress & { readonly sourceName: string }) => void;
  readonly signal: AbortSignal;
}

export interface BackupResult {
  readonly library: AbsolutePath;
  readonly imports: readonly ImportReport[];
  readonly copies: readonly [];
  /** Files that needed a program this machine lacks to tell when they were taken. */
  readonly missingProgram?: 'exiftool' | undefined;
}

/** What the command line can ask for. */
export interface Keepsake {
  readonly paths: KeepsakePaths;
  /** @throws AgentError for what cannot start; what stops an import midway is in its report. */
  backup(request: BackupRequest): Promise<BackupResult>;
  /** Camera cards that are mounted now and that this user may read. */
  findCards(): Promise<readonly string[]>;
  status(library?: string): Promise<Status>;
  /** The configuration in force, defaults filled in. */
  config(): Promise<Config & { readonly library: AbsolutePath }>;
  setConfig(key: string, value: string): Promise<void>;
}

export function composeKeepsake(environment: Environment, seams: Seams = {}): Keepsake {
  const paths = findPaths(environment);
  const workingFolder = environment['INIT_CWD'] ?? process.cwd();
  const config = async () => {
    const loaded = await loadConfig(paths.config);
    return { ...loaded, library: loaded.library ?? defaultLibrary(environment) };
  };
  const chooseLibrary = async (override: string | undefined) => {
    const settings = await config();
    const root = override === undefined ? settings.library : (resolve(workingFolder, override) as AbsolutePath);
    return { settings, root };
  };
  return {
    paths,
    config,
    setConfig: async (key, value) => {
      await mkdir(dirname(paths.config), { recursive: true, mode: 0o700 });
      await setConfigValue(paths.config, key, key === 'library' ? resolve(workingFolder, value) : value);
    },
    findCards: findMountedCards,
    status: async (library) =>
      readStatus({ paths, clock: seams.clock ?? systemClock, ...(await chooseLibrary(library)) }),
    backup: async (request) => {
      const { settings, root } = await chooseLibrary(request.library);
      const folders = request.sources.map((path) => resolve(workingFolder, path));
      return backup({ request, settings, root, folders, paths, seams });
    },
  };
}

interface BackupJob {
  readonly request: BackupRequest;
  readonly settings: Config;
  readonly root: AbsolutePath;
  readonly folders: readonly string[];
  readonly paths: KeepsakePaths;
  readonly seams: Seams;
}

async function backup(job: BackupJob): Promise<BackupResult> {
  const { request, settings, root, paths, seams } = job;
  const clock = seams.clock ?? systemClock;
  if (job.folders.length === 0) {
    throw new AgentError('SOURCE_MISSING', 'Nothing was named to save photos from.', {
      remedy: 'Name a folder or a card: keepsake backup FOLDER',
    });
  }
  const sources: FolderSource[] = [];
  for (const folder of job.folders) {
    const source = await openFolderSource(folder);
    await assertApart(source, root); // before anything is written: the library may not exist yet
    sources.push(seams.wrapSource?.(source) ?? source);
  }
  if (!settings.allowCloudFolder) await assertNotInCloud(root);
  if (request.dryRun) return preview({ ...job, sources });
  makeStateFolders(paths);
  await using openedLog = openLog({ folder: paths.logs, level: settings.logLevel });
  const { log } = openedLog;
  await using library = await openLibrary({
    root,
    known: openKnownLibraries(paths.knownLibraries),
    createAnew: request.createAnew,
  });
  using catalog = await openLibraryCatalog({ library, paths, log });
  await recoverLibrary({ library, catalog, clock, log, signal: request.signal });
  await using metadata = openMetadataReader();
  const room = await openRoom(library.folders.root, settings.reserveBytes);
  const imports: ImportReport[] = [];
  for (const source of sources) {
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
async function preview(job: BackupJob & { readonly sources: readonly FolderSource[] }): Promise<BackupResult> {
  const { request, root, paths, seams } = job;
  const id = await readLibraryId(root);
  const path = id === undefined ? undefined : catalogPath(paths, id);
  using catalog =
    id === undefined || path === undefined || (await statOrUndefined(path)) === undefined
      ? openCatalog({ path: ':memory:', libraryId: '' as LibraryId })
      : openCatalog({ path, libraryId: id, readOnly: true });
  const imports: ImportReport[] = [];
  for (const source of job.sources) {
    const onProgress = (progress: ImportProgress) => request.onProgress({ ...progress, sourceName: source.name });
    imports.push(
      await previewImport({ source, catalog, clock: seams.clock ?? systemClock, onProgress, signal: request.signal }),
    );
  }
  return { library: root, imports, copies: [] };
}
