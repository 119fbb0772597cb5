// What can be asked of Keepsake, whoever asks: the command line in its own process, or through the agent that is running.

import type { CopyReport } from '../copies/copy-report.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { SourceProgress } from '../domain/progress.ts';
import type { DriveStatus, Status } from '../domain/status.ts';
import type { ImportReport } from '../jobs/import-report.ts';
import type { AdoptResult } from './adopt.ts';
import type { Config } from './config.ts';
import type { MirrorResult, MirrorWish, VerifyResult, VerifyWish } from './copying.ts';
import type { Advice, Device } from './devices.ts';
import type { AddedDrive, UnusableDrive } from './drives.ts';
import type { KeepsakePaths } from './paths.ts';
import type { RebuildResult } from './rebuild.ts';
import type { RemoveResult, RemoveWish } from './remove.ts';
import type { RestoreResult, RestoreWish } from './restore.ts';
import type { SafeToDelete, SafeToDeleteWish } from './safe-to-delete.ts';

export interface BackupRequest {
  /**
   * Folders as the owner wrote them, or ids of devices. Naming one is consent. None: every connected device that photos are
   * saved from.
   */
  readonly sources: readonly string[];
  /** `--library`; undefined: from the configuration, else the default place. */
  readonly library?: string | undefined;
  readonly createAnew: boolean;
  readonly dryRun: boolean;
  /** Save what the phone has under "Recently Deleted" too, this once. */
  readonly keepRecentlyDeleted?: boolean | undefined;
  /** Nothing is begun of a source that was never saved if all of it does not fit. For what nobody watches. */
  readonly mustFit?: boolean | undefined;
  /** Then copy to the drives that are attached, unless copying is paused. */
  readonly copies?: boolean | undefined;
  readonly onProgress: (progress: SourceProgress) => void;
  readonly signal: AbortSignal;
}

export interface BackupResult {
  readonly library: AbsolutePath;
  readonly imports: readonly ImportReport[];
  readonly copies: readonly CopyReport[];
  /** Why nothing was copied, or not all; what was saved is saved. */
  readonly copyFailure?: { readonly code: string; readonly message: string; readonly remedy: string };
  /** Files that needed a program this machine lacks to tell when they were taken. */
  readonly missingProgram?: 'exiftool' | undefined;
}

/** What the owner decided about a device. `ask`: nothing yet. */
export type Decision = 'ask' | 'always' | 'never' | 'retired';

export interface DecideRequest {
  /** Id, the beginning of one, or a name only one device has. */
  readonly device: string;
  readonly decision: Exclude<Decision, 'ask'>;
  /** Of an iPhone; undefined: as decided before. */
  readonly hiddenPhotos?: 'save' | 'leave' | undefined;
  readonly sharedPhotos?: 'save' | 'leave' | undefined;
  /** Another device whose place this one takes: it is retired, and its name goes on. */
  readonly replaces?: string | undefined;
}

export interface AdoptWish {
  /** As the owner wrote it. */
  readonly folder: string;
  readonly library?: string | undefined;
  readonly createAnew: boolean;
  readonly dryRun: boolean;
  readonly onProgress: (progress: SourceProgress) => void;
  readonly signal: AbortSignal;
}

export interface RebuildWish {
  readonly library?: string | undefined;
  readonly signal: AbortSignal;
}

export interface DriveWish {
  /** Id, the beginning of one, its name, or a path on it. */
  readonly drive: string;
  readonly library?: string | undefined;
}

export interface AddDriveWish {
  /** As the owner wrote it. */
  readonly path: string;
  readonly name?: string | undefined;
  /** It is kept away from home. */
  readonly isElsewhere: boolean;
  readonly library?: string | undefined;
}

export interface DriveListing {
  readonly drives: readonly DriveStatus[];
  readonly unusable: readonly UnusableDrive[];
}

/** What the command line, the tray and the page can ask for. All methods throw AgentError for what cannot start. */
export interface Keepsake {
  readonly paths: KeepsakePaths;
  /** What stops an import midway is in its report. */
  backup(request: BackupRequest): Promise<BackupResult>;
  status(library?: string): Promise<Status>;
  /** Makes what lies in a folder of the library a part of it, where it is. What stops it midway is in the result. */
  adopt(wish: AdoptWish): Promise<AdoptResult>;
  /** Makes the catalogue anew from the library alone. */
  rebuild(wish: RebuildWish): Promise<RebuildResult>;
  /** Copies the library to the drives that are attached. What stops one of them midway is in its report. */
  mirror(wish: MirrorWish): Promise<MirrorResult>;
  /** Reads library and copies again, and puts right what is bad if that is wanted. */
  verify(wish: VerifyWish): Promise<VerifyResult>;
  drives(library?: string): Promise<DriveListing>;
  /** @throws AgentError DRIVE_MISSING, DRIVE_UNSUITABLE, DRIVE_READ_ONLY, DRIVE_FULL */
  addDrive(wish: AddDriveWish): Promise<AddedDrive>;
  /** What is on it stays. @throws AgentError DRIVE_UNKNOWN */
  forgetDrive(wish: DriveWish): Promise<{ readonly id: string; readonly name: string }>;
  /** @throws AgentError DRIVE_UNKNOWN, DRIVE_MISSING, DRIVE_BUSY, DRIVE_EJECT_FAILED */
  ejectDrive(wish: DriveWish): Promise<{ readonly id: string; readonly name: string }>;
  /** Takes photos out of the library and its copies, into their trash; or takes that back. */
  remove(wish: RemoveWish): Promise<RemoveResult>;
  /** Gives photos back. Works on a computer that knows nothing. What stops it midway is in the result. */
  restore(wish: RestoreWish): Promise<RestoreResult>;
  /** Whether what came from a device could be deleted there: copies are read again before it is said. */
  safeToDelete(wish: SafeToDeleteWish): Promise<SafeToDelete>;
  /** Nothing happens by itself until then; undefined: until it is taken back. */
  pause(untilMs: number | undefined): Promise<void>;
  resume(): Promise<void>;
  /** No reminders about this device until then. @throws AgentError DEVICE_UNKNOWN */
  snooze(device: string, untilMs: number): Promise<Device>;
  /** Everything that was ever connected, and what is connected now. */
  devices(): Promise<readonly Device[]>;
  /** What this computer lacks to notice every kind of device. */
  lacking(): Promise<readonly Advice[]>;
  /** @throws AgentError DEVICE_UNKNOWN */
  decide(request: DecideRequest): Promise<Device>;
  /** @throws AgentError DEVICE_UNKNOWN, USAGE */
  rename(device: string, name: string): Promise<Device>;
  /** The configuration in force, defaults filled in. */
  config(): Promise<Config & { readonly library: AbsolutePath }>;
  setConfig(key: string, values: readonly string[]): Promise<void>;
}
