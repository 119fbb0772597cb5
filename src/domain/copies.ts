// The words for copies of the library: where a file may lie, and what can be wrong with it there. No I/O.

import type { DriveId } from './ids.ts';

/** One place where files of the library lie: the library itself, or its copy on a drive. */
export type Place = 'library' | DriveId;

/**
 * What is wrong with one file at one place.
 * - `missing`: it is not there.
 * - `corrupt`: its bytes are not those that were saved, and nobody is known to have meant that.
 * - `unreadable`: the disk does not give it.
 * - `changed`: another program wrote a picture that is whole: both versions are kept.
 * - `unknown`: a file on a drive that Keepsake did not put there.
 */
export type FindingKind = 'missing' | 'corrupt' | 'unreadable' | 'changed' | 'unknown';

export const findingKinds = ['missing', 'corrupt', 'unreadable', 'changed', 'unknown'] as const satisfies FindingKind[];

/** What is physically behind a place: two partitions of one disk have one key, two shares of one NAS too. */
export type DiskKey = string;
