// How far an import or a copy is.

import type { DriveId, SourceId } from './ids.ts';

export interface ImportProgress {
  readonly phase: 'looking' | 'saving';
  readonly files: number;
  readonly filesTotal: number;
  /** How many photos and videos those files are, as far as names tell. Absent before the source was looked through. */
  readonly photosTotal?: number;
  readonly bytes: number;
  readonly bytesTotal: number;
  /** The file under way. */
  readonly name: string;
}

export type SourceProgress = ImportProgress & {
  readonly sourceName: string;
  /** What photos are saved from, or the drive that is copied to. Absent: neither is known by an id. */
  readonly about?: { readonly source: SourceId } | { readonly drive: DriveId };
};
