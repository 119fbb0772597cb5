// What the owner removed from the library goes to the trash of the drive, and comes back from there when it is taken back.

import { join } from 'node:path';
import { isAgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { CopiesStore } from '../library/catalog/copies-store.ts';
import type { FileOfRemoval } from '../library/catalog/removal-records.ts';
import { type FileMove, type MoveOutcome, moveFiles } from '../platform/durable-move.ts';
import { makeFolders, type StepObserver } from '../platform/durable-write.ts';
import type { CopyTally } from './copy-report.ts';
import type { Drive } from './drive.ts';
import { asDriveError, endsDrive, onDrive } from './drive-errors.ts';

/** Between two flushes of their folders. */
const movesAtOnce = 300;

export interface FollowOptions {
  readonly drive: Drive;
  readonly copies: CopiesStore;
  readonly tally: CopyTally;
  /** A folder that nobody but its owner may look into. */
  readonly ownersOnly: string;
  readonly observeStep: StepObserver;
  readonly signal: AbortSignal;
}

/**
 * A crash at any moment is gone on with the next time: what is in its new place then is found there.
 * @throws AgentError for the drive; the signal's reason. A single file that cannot be moved is in the tally.
 */
export async function followRemovals(options: FollowOptions): Promise<void> {
  const { drive, copies, tally } = options;
  const live = ({ path }: FileOfRemoval) => join(drive.folders.root, path) as AbsolutePath;
  const trashed = ({ path, removedBy }: FileOfRemoval) => join(drive.folders.trash, removedBy, path) as AbsolutePath;
  const toRemove = copies.copiesToRemove(drive.id);
  await follow(options, toRemove, {
    move: (file) => ({ from: live(file), to: trashed(file) }),
    settle: ({ path, removedBy }, outcome) => {
      if (outcome.kind === 'missing') copies.forgetCopied(drive.id, [path]);
      else {
        // `taken`: it went there before a crash, and what has its name by now is another file.
        copies.markCopyRemoved(drive.id, path, removedBy);
        tally.removed += 1;
      }
      copies.clearFinding(drive.id, path);
    },
  });
  await follow(options, copies.copiesToBringBack(drive.id), {
    move: (file) => ({ from: trashed(file), to: live(file) }),
    // What is not in the trash any more, or has lost its name to another file, is copied again.
    settle: ({ path }, outcome) => {
      if (outcome.kind === 'moved') copies.markCopyRemoved(drive.id, path, undefined);
      else copies.forgetCopied(drive.id, [path]);
    },
  });
}

async function follow(
  options: FollowOptions,
  files: readonly FileOfRemoval[],
  how: {
    readonly move: (file: FileOfRemoval) => FileMove;
    readonly settle: (file: FileOfRemoval, outcome: MoveOutcome) => void;
  },
): Promise<void> {
  const { drive, tally, signal } = options;
  for (let first = 0; first < files.length; first += movesAtOnce) {
    signal.throwIfAborted();
    const some = files.slice(first, first + movesAtOnce);
    const outcomes = await moveOnDrive(options, some.map(how.move));
    for (const [index, file] of some.entries()) {
      const outcome = outcomes[index];
      if (outcome?.kind === 'failed') {
        const error = asDriveError(outcome.error, drive.name);
        if (!isAgentError(error) || endsDrive(error)) throw error;
        tally.fail(file.path, error);
      } else if (outcome !== undefined) how.settle(file, outcome);
    }
  }
}

async function moveOnDrive(
  { drive, ownersOnly, observeStep }: FollowOptions,
  moves: readonly FileMove[],
): Promise<readonly MoveOutcome[]> {
  const { root, own, trash } = drive.folders;
  const hidden = join(root, ownersOnly) as AbsolutePath;
  return await onDrive(drive.name, async () => {
    await drive.assertPresent();
    const outcomes = await moveFiles(moves, {
      hardLinks: drive.abilities.hardLinks,
      makeFolder: async (folder) =>
        folder.startsWith(`${trash}/`)
          ? await makeFolders({ root: own, folder, ownersOnly: trash })
          : await makeFolders({ root, folder, ownersOnly: hidden }),
      mayReplaceEmpty: true,
      observeStep,
    });
    await drive.assertPresent();
    return outcomes;
  });
}
