// One snapshot of how things stand, as every surface renders it: terminal, tray, notifications. JSON keys are the command line's
// contract. Computed in one place (agent/status); no surface computes its own.

import type { AbsolutePath } from './ids.ts';
import type { ImportProgress } from './progress.ts';

export interface SourceStatus {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  /** When all that could be had from it was last saved (ISO 8601, UTC); null: never. */
  readonly lastSuccessAt: string | null;
  readonly complete: boolean;
  /** Photos; of a card or folder, which keep no list of them, files. */
  readonly onDevice: number;
  readonly iCloudOnly: number;
  readonly unknown: number;
  /** Of those on the device, in the library. */
  readonly saved: number;
  readonly overdue: boolean;
  /** Known only while an agent runs. */
  readonly connected?: boolean;
}

/** What the owner has to do, one thing each. */
export interface Need {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** An import under way: which one, or, where the agent runs it, of which device and how far it is. */
export type StatusJob =
  | { readonly kind: 'import' | 'adoption'; readonly importId: string }
  | ({
      readonly kind: 'import';
      readonly source: string;
      readonly name: string;
      /** To a drive; else photos are saved from it. */
      readonly isCopy?: true;
      /** By the rate so far; absent before anything can be said. */
      readonly leftMs?: number;
    } & Partial<ImportProgress>);

export interface Status {
  readonly state: 'neverSaved' | 'saving' | 'needsYou' | 'idle';
  readonly library: AbsolutePath;
  readonly sources: readonly SourceStatus[];
  readonly drives: readonly DriveStatus[];
  /** `safe`: proven on two physical disks. `elsewhere`: proven away from home too. */
  readonly photos: {
    readonly assets: number;
    readonly inLibrary: number;
    readonly safe: number;
    readonly elsewhere: number;
  };
  /** Nothing happens by itself until then (ISO 8601, UTC); null: until that is taken back. Absent: it is not paused. */
  readonly pausedUntil?: string | null;
  readonly jobs: readonly StatusJob[];
  readonly needsYou: readonly Need[];
  /** What is good to know and needs nothing. */
  readonly notes: readonly Need[];
  readonly agent: 'running' | 'notRunning';
  /** Connected now, and nobody has decided about it yet. Known only while an agent runs. */
  readonly newDevices: readonly NewDevice[];
  /** Whether there is an icon, and if not, why. Absent while no agent runs, and before it has tried. */
  readonly icon?: IconStatus;
  /** What the owner should have been shown and no desktop would take; the newest last. */
  readonly undelivered: readonly Need[];
}

export interface NewDevice {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  /** Absent of a phone that does not let us in before its owner said yes. */
  readonly newFiles?: number;
  /** What is new on it was worked out from a part of it. */
  readonly isEstimate?: true;
}

export type IconStatus = { readonly shown: true } | { readonly shown: false; readonly reason: Need };

export interface DriveStatus {
  readonly id: string;
  readonly name: string;
  /** As far as is known: the agent looks once a minute. */
  readonly connected: boolean;
  /** When all of the library was last on it and read back (ISO 8601, UTC); null: never. */
  readonly lastCopiedAt: string | null;
  readonly lastCheckedAt: string | null;
  /** Files of the library that are not on it. */
  readonly missing: number;
  readonly overdue: boolean;
  readonly isElsewhere: boolean;
  /** Files on it that are not as they should be. */
  readonly problems: number;
}
