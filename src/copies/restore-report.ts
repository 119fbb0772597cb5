// What came of giving photos back.

import { type AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';

export interface RestoreFailure {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** As `restore --json` prints it; counts of files. */
export interface RestoreReport {
  /** Written, read back and found to be what was saved; but for those in `unproven`. */
  readonly restored: number;
  /** Were there already, with the same bytes. */
  readonly already: number;
  /** Not given back. */
  readonly failed: number;
  /** Of those restored: nobody knows what their bytes should be. They are as they lie there. */
  readonly unproven: number;
  /** Of those restored: read back perhaps from this computer's memory, because the disk cannot be read past it. */
  readonly perhapsFromMemory: number;
  /** Of those restored: under another name, because another file has theirs. */
  readonly renamed: number;
  readonly bytes: number;
  readonly failures: readonly RestoreFailure[];
  readonly unprovenPaths: readonly string[];
  readonly from: AbsolutePath;
  readonly to: AbsolutePath;
  readonly dryRun?: true;
  readonly forApplePhotos?: ApplePhotosFacts;
  /** What ended it before its end. */
  readonly stopped?: RestoreFailure;
}

export interface ApplePhotosFacts {
  /** Folders to be imported, by name. */
  readonly folders: readonly string[];
  /** Files that Photos cannot take. */
  readonly notForPhotos: number;
  /** Files that are byte for byte another one of the same photo: not given twice. */
  readonly same: number;
}

/** More than these are counted only. */
const namedMax = 1000;

export class RestoreTally {
  restored = 0;
  already = 0;
  failed = 0;
  unproven = 0;
  perhapsFromMemory = 0;
  renamed = 0;
  /** Read so far, for the progress. */
  bytesRead = 0;
  bytes = 0;
  readonly failures: RestoreFailure[] = [];
  readonly unprovenPaths: string[] = [];

  fail(path: string, error: AgentError): void {
    this.failed += 1;
    if (this.failures.length < namedMax) this.failures.push(failureOf(path, error));
  }

  doubt(path: string): void {
    this.unproven += 1;
    if (this.unprovenPaths.length < namedMax) this.unprovenPaths.push(path);
  }

  report(of: {
    readonly from: AbsolutePath;
    readonly to: AbsolutePath;
    readonly dryRun: boolean;
    readonly forApplePhotos?: ApplePhotosFacts | undefined;
    readonly stop?: AgentError | undefined;
  }): RestoreReport {
    const { restored, already, failed, unproven, perhapsFromMemory, renamed, bytes, failures, unprovenPaths } = this;
    const { from, to, dryRun, forApplePhotos, stop } = of;
    return {
      ...{ restored, already, failed, unproven, perhapsFromMemory, renamed, bytes },
      ...{ failures, unprovenPaths, from, to },
      ...(dryRun ? { dryRun } : {}),
      ...(forApplePhotos === undefined ? {} : { forApplePhotos }),
      ...(isAgentError(stop) ? { stopped: failureOf('', stop) } : {}),
    };
  }
}

function failureOf(path: string, { code, message, remedy }: AgentError): RestoreFailure {
  return { path, code, message, remedy };
}
