// What came of copying the library to one drive.

import type { AgentError } from '../domain/errors.ts';
import type { DriveId } from '../domain/ids.ts';

export interface CopyFailure {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** As `backup --json` prints it; counts of files. */
export interface CopyReport {
  readonly driveId: DriveId;
  readonly driveName: string;
  readonly copied: number;
  /** Were on the drive already, and are right. */
  readonly adopted: number;
  /** Followed where the owner moved them, without copying. */
  readonly moved: number;
  /** Of those copied and adopted: read again from the drive, byte for byte right. */
  readonly readBack: number;
  /** Of those: perhaps from this computer's memory, because the drive cannot be read past it. */
  readonly perhapsFromMemory: number;
  /** Put into the trash of the drive, because the owner removed them. */
  readonly removed: number;
  readonly failed: number;
  readonly bytes: number;
  readonly durationMs: number;
  /** True if the drive has all of the library now, each file proven once. */
  readonly complete: boolean;
  readonly failures: readonly CopyFailure[];
  /** Links and names that are no text: they are not copied. */
  readonly odd: readonly string[];
  /** What ended it before its end. */
  readonly stopped?: CopyFailure;
}

/** More than these are counted only. */
const failuresMax = 1000;

export class CopyTally {
  copied = 0;
  adopted = 0;
  moved = 0;
  readBack = 0;
  perhapsFromMemory = 0;
  removed = 0;
  failed = 0;
  bytes = 0;
  odd: readonly string[] = [];
  readonly #failures: CopyFailure[] = [];

  fail(path: string, { code, message, remedy }: AgentError): void {
    this.failed += 1;
    if (this.#failures.length < failuresMax) this.#failures.push({ path, code, message, remedy });
  }

  report(of: {
    readonly driveId: DriveId;
    readonly driveName: string;
    readonly durationMs: number;
    readonly stop?: AgentError | undefined;
  }): CopyReport {
    const { driveId, driveName, durationMs, stop } = of;
    const { copied, adopted, moved, readBack, perhapsFromMemory, removed, failed, bytes, odd } = this;
    return {
      ...{
        driveId,
        driveName,
        copied,
        adopted,
        moved,
        readBack,
        perhapsFromMemory,
        removed,
        failed,
        bytes,
        durationMs,
      },
      complete: stop === undefined && failed === 0,
      failures: this.#failures,
      odd,
      ...(stop === undefined
        ? {}
        : { stopped: { path: '', code: stop.code, message: stop.message, remedy: stop.remedy } }),
    };
  }
}
