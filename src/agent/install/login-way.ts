// What the three ways to start at login (systemd, a desktop's own list, launchd) have in common: what each says of itself.

import type { OwnFileState } from './own-file.ts';

export type LoginWay = 'systemd' | 'autostart' | 'launchd';

export interface LoginFile {
  readonly path: string;
  /** `packaged`: it came with a package, for everybody on this computer. */
  readonly state: Exclude<OwnFileState, 'missing'> | 'packaged';
}

/** How things stand with one way. */
export interface FoundParts {
  readonly files: readonly LoginFile[];
  /** The files are what this Keepsake would write. */
  readonly isCurrent: boolean;
  readonly isEnabled: boolean;
  readonly dailyCheck: boolean;
  /** As far as this way started it. `unknown`: who would know cannot be asked. */
  readonly agent: 'running' | 'starting' | 'stopped' | 'unknown';
  readonly pid?: number;
  /** What the agent last said of itself. */
  readonly says?: string;
  /** How it ended last, if by a fault: for whoever helps. */
  readonly trouble?: string;
}

export interface SetUp {
  /** A file was written or removed. */
  readonly isChanged: boolean;
  /** Files of others that were in the way, under their new names. */
  readonly keptAside: readonly string[];
  /** The unit of a package, which is used. */
  readonly packaged?: string;
  /** It cannot begin before the owner logs in the next time. */
  readonly isForNextLogin?: true;
}

export interface RemovedParts {
  readonly removed: readonly string[];
  readonly keptAside: readonly string[];
  /** Files under our names that are not ours. */
  readonly left: readonly string[];
  /** An agent was ended. */
  readonly stopped: boolean;
}
