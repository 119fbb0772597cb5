// What happens, as far as the owner may be told of it: the agent's events without what only machines need. In, for the policy that
// decides what is said.

import type { OverdueLevel } from './overdue.ts';
import type { Need } from './status.ts';

export type NewsKind = 'iphone' | 'card' | 'folder' | 'drive';

interface About {
  readonly id: string;
  readonly name: string;
  readonly deviceKind: NewsKind;
}

export type News =
  /** `byOwner`: just now. Else it was there when Keepsake started. */
  | ({ readonly kind: 'arrived'; readonly byOwner: boolean } & About)
  | { readonly kind: 'left'; readonly id: string }
  | ({
      readonly kind: 'progress';
      /** To be saved, or copied, all in all: photos; of a drive, files. */
      readonly amount: number;
      readonly elapsedMs: number;
      readonly leftMs: number;
    } & About)
  | ({
      readonly kind: 'saved';
      readonly newPhotos: number;
      /** Everything it shows is in the library. */
      readonly isComplete: boolean;
      /** Every photo there is, not only these, is proven on two disks. */
      readonly isAllSafe: boolean;
      /** Before this. Absent: never, or unknown. */
      readonly lastSuccessAgeMs?: number;
      /** So many photos of it are only in iCloud, and that is news. */
      readonly onlyInICloud?: Need;
    } & About)
  | ({ readonly kind: 'copied'; readonly files: number; readonly isComplete: boolean } & About)
  /** Saving from it, or copying to it, did not come to its end. */
  | ({ readonly kind: 'stopped'; readonly why: Need } & About)
  /** It is connected and its owner has to do something on it first. */
  | ({ readonly kind: 'waits'; readonly why: Need; readonly lastSuccessAgeMs?: number } & About)
  /** Nobody has decided about it. */
  | ({ readonly kind: 'newDevice'; readonly newPhotos?: number; readonly isEstimate?: true } & About)
  | { readonly kind: 'decided'; readonly id: string; readonly isWanted: boolean }
  /** What stays so until somebody does something: what is to be told of it now, and all there is of it. */
  | { readonly kind: 'standing'; readonly tell: readonly Standing[]; readonly keys: readonly string[] }
  /** The owner asked to save now. `what` is begun; if it is empty, nothing is connected. */
  | { readonly kind: 'asked'; readonly ids: readonly string[] }
  | { readonly kind: 'ejected'; readonly name: string; readonly id: string; readonly failure?: Need }
  /** Whether this desktop shows the icon. */
  | { readonly kind: 'icon'; readonly isShown: boolean }
  /** The owner asked for something by a click, and it could not be done. */
  | { readonly kind: 'refused'; readonly why: Need }
  /** About once a minute. */
  | { readonly kind: 'minute' };

/** A fact with its words, and what can be done about it with a click. */
export interface Standing {
  readonly key: string;
  readonly level: OverdueLevel;
  readonly sentence: Need;
  /** What it is about. */
  readonly name?: string;
  readonly phone?: string;
  /** A drive that is attached. */
  readonly attachedDrive?: string;
}
