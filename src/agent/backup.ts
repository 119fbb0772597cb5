// One backup: finds what the owner named, opens it when its turn comes, and saves what is new on it into the library.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, ImportId, LibraryId } from '../domain/ids.ts';
import type { ImportProgress } from '../domain/progress.ts';
import { type ImportReport, ImportTally, reportImport } from '../jobs/import-report.ts';
import { assertApart, assertNotInCloud } from '../jobs/import-safety.ts';
import type { PhotosChoices } from '../jobs/photos-guide.ts';
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
import { type FolderSource, openFolderSource, photosLibraryName } from '../sources/folder/folder-source.ts';
import type { Source } from '../sources/source.ts';
import type { Config } from './config.ts';
import type { BackupRequest, BackupResult } from './control.ts';
import type { Device } from './devices.ts';
import type { DriveUses } from './drive-uses.ts';
import type { AttachedDrive } from './drives.ts';
import type { OpenLibraryWork } from './library-work.ts';
import { openLibraryCatalog } from './open-catalog.ts';
import { catalogPath, type KeepsakePaths, makeStateFolders } from './paths.ts';
import type { Phones } from './phones.ts';

/** What tests replace. The product uses the defaults. */
export interface Seams {
  readonly clock?: Clock;
  readonly observeStep?: StepObserver;
  readonly batchFilesMax?: number;
  readonly checkpointBytes?: number;
  readonly wrapSource?: (source: FolderSource) => FolderSource;
}

/** A folder; a card or watched folder, by the owner's name for it and not by its path; or a phone, which has none. */
export type WantedSource =
  | { readonly folder: string; readonly device?: Device }
  | { readonly folder?: undefined; readonly device: Device };

/** What the owner named, as a path or as a device; else every connected device that photos are saved from. */
export async function chooseSources(options: {
  readonly request: BackupRequest;
  readonly workingFolder: string;
  readonly devices: () => Promise<readonly Device[]>;
}): Promise<readonly WantedSource[]> {
  const { request, workingFolder } = options;
  if (request.sources.length === 0) {
    const enrolled = (await options.devices()).filter(({ decision }) => decision === 'always');
    const connected = enrolled.filter((device) => device.connected).map(wantedDevice);
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
    else if (device.connected) wanted.push(wantedDevice(device));
    else {
      throw new AgentError('SOURCE_MISSING', `"${device.name}" is not connected.`, {
        remedy: 'Connect it, then save again.',
      });
    }
  }
  return wanted;
}

function wantedDevice(device: Device): WantedSource {
  return device.root === undefined ? { device } : { folder: device.root, device };
}

export interface BackupJob {
  readonly request: BackupRequest;
  readonly settings: Config;
  readonly root: AbsolutePath;
  readonly wanted: readonly WantedSource[];
  readonly phones: Phones;
  readonly paths: KeepsakePaths;
  readonly seams: Seams;
  readonly sharedLog: Log | undefined;
  readonly uses: DriveUses;
  /** The drives to copy to afterwards; undefined: none is wanted. */
  readonly copyTargets?: (() => Promise<readonly AttachedDrive[]>) | undefined;
}

export async function backup(job: BackupJob): Promise<BackupResult> {
  const { request, settings, root, paths, seams } = job;
  const clock = seams.clock ?? systemClock;
  const sources: OpenableSource[] = [];
  for (const wanted of job.wanted) sources.push(await prepare(job, wanted));
  if (!settings.allowCloudFolder) await assertNotInCloud(root);
  if (request.dryRun) return await preview({ ...job, sources });
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
  for (const each of sources) {
    let source: Source;
    try {
      source = await each.open();
    } catch (error) {
      // One phone that is locked does not keep the others' photos from being saved.
      if (sources.length === 1 || !isAgentError(error)) throw error;
      imports.push(notBegun(each, error));
      continue;
    }
    await using opened = source;
    const report = await runImport({
      source: opened,
      library,
      catalog,
      layout: parseLayout(settings.layout),
      metadata,
      room,
      clock,
      log,
      timeZone: settings.timeZone,
      onProgress: (progress) =>
        request.onProgress({ ...progress, sourceName: source.name, about: { source: source.id } }),
      photos: {
        scratch: paths.scratch,
        choices: choicesFor(each.device, request),
      },
      observeStep: seams.observeStep ?? (() => undefined),
      mustFit: (request.mustFit ?? each.device !== undefined) && !catalog.hasEntriesOf(source.id),
      batchFilesMax: seams.batchFilesMax,
      checkpointBytes: seams.checkpointBytes,
      signal: request.signal,
    });
    imports.push(report);
    if (stopsOthers(report)) break;
  }
  const result = { library: library.folders.root, imports, missingProgram: metadata.unavailable };
  try {
    return { ...result, copies: await copyAfterwards(job, { library, catalog, log, clock, imports }) };
  } catch (error) {
    // What was saved is reported whatever becomes of its copies.
    if (request.signal.aborted || !isAgentError(error)) throw error;
    const { code, message, remedy } = error;
    return { ...result, copies: [], copyFailure: { code, message, remedy } };
  }
}

/** What is in the library goes to the drives that are attached, unless the library itself stopped the import. */
async function copyAfterwards(
  { request, seams, uses, copyTargets }: BackupJob,
  open: OpenLibraryWork & { readonly clock: Clock; readonly imports: readonly ImportReport[] },
): Promise<BackupResult['copies']> {
  if (copyTargets === undefined || open.imports.some(stopsOthers)) return [];
  const targets = await copyTargets();
  if (targets.length === 0) return [];
  const { copyTo } = await import('./copying.ts');
  const { clock } = open;
  const observeStep = seams.observeStep ?? (() => undefined);
  const wish = { acceptChanges: false, onProgress: request.onProgress };
  return await copyTo({ clock, observeStep, wish, uses, signal: request.signal }, open, targets);
}

interface OpenableSource {
  readonly name: string;
  readonly device: Device | undefined;
  readonly origin: Pick<Source, 'kind'> & { readonly id: string };
  open(): Promise<Source>;
}

/** A folder is looked at before anything is written, since the library may not exist yet; a phone when its turn comes. */
async function prepare({ phones, request, root, seams }: BackupJob, wanted: WantedSource): Promise<OpenableSource> {
  const { folder, device } = wanted;
  if (folder === undefined) {
    const origin = { id: device.id, kind: 'iphone' } as const;
    return { name: device.name, device, origin, open: () => phones.open(device, request.signal) };
  }
  if (photosLibraryName.test(folder)) return await preparePhotosLibrary(folder, root);
  const opened = await openFolderSource(folder);
  // Pulled since it was seen there: what lies at its place now, an empty folder or another card, is not it.
  if (device !== undefined && opened.id !== device.id) throw gone(device.name);
  await assertApart(opened, root);
  const named = device === undefined ? opened : { ...opened, name: device.name };
  const source = seams.wrapSource?.(named) ?? named;
  return { name: source.name, device, origin: source, open: async () => source };
}

/** What a Mac's Photos keeps its photos in. Opened as a folder, its reduced copies would be taken for photos. */
async function preparePhotosLibrary(folder: string, root: AbsolutePath): Promise<OpenableSource> {
  const { openPhotosLibrarySource } = await import('../sources/photos-library/photos-library-source.ts');
  const source = await openPhotosLibrarySource(folder);
  await assertApart(await openFolderSource(folder), root);
  return { name: source.name, device: undefined, origin: source, open: async () => source };
}

function choicesFor(device: Device | undefined, { keepRecentlyDeleted = false }: BackupRequest): PhotosChoices {
  const { hiddenPhotos = 'save', sharedPhotos = 'ask' } = device ?? {};
  return { hidden: hiddenPhotos, shared: sharedPhotos, keepRecentlyDeleted };
}

function gone(name: string): AgentError {
  return new AgentError('SOURCE_GONE', `"${name}" is no longer connected.`, {
    remedy: 'Connect it again: what is missing is then saved. Nothing was lost.',
  });
}

/** The report of an import that never was: its source could not be opened. */
function notBegun({ name, origin }: OpenableSource, stop: AgentError): ImportReport {
  const source = { id: origin.id as Source['id'], kind: origin.kind, name };
  return reportImport({
    ...{
      importId: '' as ImportId,
      source,
      tally: new ImportTally(),
      durationMs: 0,
      newPhotos: 0,
      complete: false,
      stop,
    },
  });
}

/** What is wrong with one source says nothing about the next; what is wrong with the library does. */
function stopsOthers({ stopped }: ImportReport): boolean {
  return stopped !== undefined && stopped.code !== 'SOURCE_GONE' && !stopped.code.startsWith('PHONE_');
}

/** Makes nothing, not even the library: without one, everything is new. */
async function preview(
  job: Omit<BackupJob, 'wanted'> & { readonly sources: readonly OpenableSource[] },
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
  for (const each of job.sources) {
    await using source = await each.open();
    const onProgress = (progress: ImportProgress) => request.onProgress({ ...progress, sourceName: source.name });
    imports.push(
      await previewImport({
        ...{ source, catalog, onProgress, clock: seams.clock ?? systemClock },
        choices: choicesFor(each.device, request),
        signal: request.signal,
      }),
    );
  }
  return { library: root, imports, copies: [] };
}
