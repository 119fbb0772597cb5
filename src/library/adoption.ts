// Makes files that lie in the library already a part of it, where they are: decides which asset each belongs to, and records
// it under the path it has. Writes nothing but the manifest and the catalogue; no photo is moved, renamed or written to.
//
// It journals first, as an import does, though nothing is published: asset ids are random, so a crash between `manifest` and
// `record` would leave lines that a later run, or an import of the same photos in between, contradicts with other ids.
// Recovery finishes what is journalled under the ids it has, before anyone else decides anything.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AgentError } from '../domain/errors.ts';
import type { AbsolutePath, AssetId, ContentHash, ImportId, LibraryId, RelativePath, SourceId } from '../domain/ids.ts';
import { type AssetKind, type CaptureDate, isOriginalRole, type ResourceRole } from '../domain/media.ts';
import type { Clock } from '../platform/clock.ts';
import type { StepObserver } from '../platform/durable-write.ts';
import { Batch } from './batch.ts';
import type { CatalogAsset, CatalogSource, CatalogStore } from './catalog/catalog-store.ts';
import { folderOf } from './catalog/sqlite-catalog.ts';
import { dateOfGroup } from './group-date.ts';
import { type ConfirmedGroup, confirmGroup, type GroupMember, nameParts } from './grouping.ts';
import { stagedName } from './incoming.ts';
import type { Library } from './library.ts';
import { appendManifest, manifestVersion } from './manifest.ts';
import {
  cameraOf,
  findByKey,
  findJoin,
  isRemoved,
  type Join,
  type Matchable,
  type Matching,
  primaryOf,
} from './matching.ts';
import type { PlannedAsset, PlannedResource } from './planned-asset.ts';
import { foldName } from './portable-name.ts';

export const adoptedKind = 'adopted';

/** All adoptions of a library are one source, whose paths are the library's: halves met in two runs find each other. */
export function adoptedSourceId(libraryId: LibraryId): SourceId {
  return `${adoptedKind}-${libraryId}` as SourceId;
}

/** Locked by the process that adopts, for as long as it does: it lets go of the library itself between two batches. */
export function adoptionLockPath(ownFolder: AbsolutePath): string {
  return join(ownFolder, 'adopting');
}

/** A file of the library that the catalogue does not know, read and hashed. */
export interface AdoptedCandidate extends Matchable {
  readonly file: Matchable['file'] & { readonly libraryPath: RelativePath };
  readonly staged: { readonly hash: ContentHash; readonly headHash: ContentHash };
}

export type AdoptOutcome =
  | { readonly kind: 'adopted' }
  /** Recorded as well, as a further file of an asset that has these bytes. */
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'notMedia' }
  | { readonly kind: 'failed'; readonly error: AgentError };

export interface AdoptionOptions {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly importId: ImportId;
  readonly source: CatalogSource;
  readonly startedAtMs: number;
  readonly clock: Clock;
  /** IANA name: where instants without a zone are shown. */
  readonly timeZone: string;
  readonly observeStep: StepObserver;
  /** Told when the file is recorded, or will not be. */
  readonly report: (candidate: AdoptedCandidate, outcome: AdoptOutcome) => void;
}

type Member = GroupMember<AdoptedCandidate>;
type Group = ConfirmedGroup<AdoptedCandidate>;

interface Draft {
  readonly plan: PlannedAsset;
  readonly outcomes: readonly { readonly candidate: AdoptedCandidate; readonly kind: 'adopted' | 'duplicate' }[];
}

export class Adoption {
  readonly #options: AdoptionOptions;
  readonly #matching: Matching;
  #batch: Batch<Draft>;

  constructor(options: AdoptionOptions) {
    this.#options = options;
    this.#batch = new Batch(options.clock.monotonicMs());
    this.#matching = {
      catalog: matchingInPlace(options.catalog),
      settle: async (question) => {
        if (this.#batch.mentions(question)) await this.commit();
      },
    };
  }

  /** Takes the files of one candidate group. They are reported when they are recorded, by `commit` at the latest. */
  async add(candidates: readonly AdoptedCandidate[]): Promise<void> {
    const { groups, followers } = confirmGroup(this.#withOwnNames(candidates));
    // A movie whose still is met later in the folder is adopted now and becomes its paired video then: it lies where it
    // lies, so that there is no reason to hold it back as an import does.
    for (const group of groups) {
      const found = await findJoin(this.#matching, group);
      if (found !== undefined && takesMore(found.asset, group.members)) await this.#join(group.members, found);
      else this.#adoptNew(group);
    }
    for (const follower of followers) {
      const found = await findByKey(this.#matching, follower.candidate);
      if (found !== undefined && takesMore(found.asset, [follower]))
        await this.#join([follower], { ...found, primaryRole: follower.role });
      else this.#options.report(follower.candidate, { kind: 'notMedia' });
    }
  }

  /** Steps `journal`, `manifest` and `record`. What stops in between is finished by recovery. */
  async commit(): Promise<void> {
    const { drafts } = this.#batch;
    if (drafts.length === 0) return;
    const { library, catalog, importId, source, startedAtMs, observeStep, clock } = this.#options;
    const plans = drafts.map(({ plan }) => plan);
    await library.assertPresent();
    observeStep('journal');
    catalog.journal(importId, plans);
    observeStep('manifest');
    const startedAt = new Date(startedAtMs).toISOString();
    const header = { version: manifestVersion, importId, source, startedAt };
    const manifestBytes = await appendManifest(library.folders.imports, header, plans);
    observeStep('record');
    catalog.record(importId, plans, manifestBytes);
    this.#batch = new Batch(clock.monotonicMs());
    for (const { candidate, kind } of drafts.flatMap(({ outcomes }) => outcomes)) {
      this.#options.report(candidate, { kind });
    }
  }

  /**
   * Leaves out files whose name is another's but for case or the spelling of accents: the catalogue, and any disk that takes
   * the two for one, could hold only one of them.
   */
  #withOwnNames(candidates: readonly AdoptedCandidate[]): readonly AdoptedCandidate[] {
    const seen = new Set<string>();
    return candidates.filter((candidate) => {
      const path = candidate.file.libraryPath;
      const isTaken = seen.has(foldName(path)) || this.#batch.isPathTaken(path) || this.#isRecorded(path);
      seen.add(foldName(path));
      if (isTaken) this.#options.report(candidate, { kind: 'failed', error: sharedName() });
      return !isTaken;
    });
  }

  /** The name of a file that was removed is free for one that its owner has put there. */
  #isRecorded(path: RelativePath): boolean {
    const filed = this.#options.catalog.findFiled(path);
    return filed !== undefined && filed.removedBy === undefined;
  }

  #adoptNew(group: Group): void {
    const { clock, timeZone } = this.#options;
    const primary = primaryOf(group);
    const camera = cameraOf(primary);
    const liveId = primary.metadata.contentIdentifier;
    this.#plan({
      facts: {
        assetId: randomUUID() as AssetId,
        isNew: true,
        kind: group.kind,
        date: dateOfGroup(group, { nowMs: clock.nowMs(), timeZone }),
        folder: folderOf(primary.file.libraryPath) as RelativePath,
        stem: nameParts(primary.name).stem,
        suffix: 1,
        ...(liveId === undefined ? {} : { liveId }),
        ...(camera === undefined ? {} : { camera }),
      },
      members: group.members,
      present: new Set(),
    });
  }

  async #join(members: readonly Member[], target: Join): Promise<void> {
    const { asset, primaryRole, becomesPairedVideo } = target;
    if (this.#batch.hasAsset(asset.assetId)) await this.commit(); // what it was given there counts below
    const current = this.#options.catalog.getAsset(asset.assetId) ?? asset;
    const hasPrimary = becomesPairedVideo === undefined;
    const held = rolesByHash(current, hasPrimary);
    const roles = members.map(({ candidate, role }, index): Member => {
      const heldRole = held.get(candidate.staged.hash);
      if (heldRole !== undefined) return { candidate, role: heldRole }; // a second copy is for what the first is for
      if (index === 0 && primaryRole !== undefined) return { candidate, role: primaryRole };
      return { candidate, role: role === 'original' && hasPrimary ? 'alternate' : role };
    });
    const liveId = current.liveId ?? members[0]?.candidate.metadata.contentIdentifier;
    this.#plan({
      facts: {
        assetId: current.assetId,
        isNew: false,
        kind: hasPrimary ? current.kind : 'photo',
        date: current.date,
        folder: current.folder,
        stem: current.stem,
        suffix: current.suffix,
        ...(liveId === undefined ? {} : { liveId }),
        ...(current.camera === undefined ? {} : { camera: current.camera }),
        ...(hasPrimary ? {} : { becomesPairedVideo }),
      },
      members: roles,
      present: new Set(current.resources.filter(({ removedBy }) => removedBy === undefined).map(({ hash }) => hash)),
    });
  }

  #plan(wish: {
    readonly facts: {
      readonly assetId: AssetId;
      readonly isNew: boolean;
      readonly kind: AssetKind;
      readonly date: CaptureDate;
      readonly folder: RelativePath;
      readonly stem: string;
      readonly suffix: number;
    };
    readonly members: readonly Member[];
    /** What the library has of it already. */
    readonly present: ReadonlySet<ContentHash>;
  }): void {
    const { facts, members, present } = wish;
    this.#batch.add({
      plan: { ...facts, resources: members.map(resourceOf), duplicates: [] },
      outcomes: members.map(({ candidate }) => ({
        candidate,
        kind: present.has(candidate.staged.hash) ? 'duplicate' : 'adopted',
      })),
    });
  }
}

/**
 * A photo that was removed becomes part of the library again if its owner has put its very bytes there and wants them adopted. What
 * only belongs to it does not bring it back.
 */
function takesMore(asset: CatalogAsset, members: readonly Member[]): boolean {
  if (!isRemoved(asset)) return true;
  return members.some(({ candidate }) =>
    asset.resources.some(({ hash, role }) => hash === candidate.staged.hash && isOriginalRole(role)),
  );
}

/** What each of the asset's files is for, once its video, if it is to become one, is the moving half of a still. */
function rolesByHash(asset: CatalogAsset, hasPrimary: boolean): ReadonlyMap<ContentHash, ResourceRole> {
  return new Map(
    asset.resources.map(({ hash, role }) => [hash, role === 'original' && !hasPrimary ? 'pairedVideo' : role]),
  );
}

/**
 * The questions of `matching`, asked of the folders of the library too: what an import has filed there came from a folder of
 * another source, and a sidecar that the owner's editor put beside it belongs to it all the same.
 */
function matchingInPlace(catalog: CatalogStore): Matching['catalog'] {
  return {
    findOriginal: (hash) => catalog.findOriginal(hash),
    getAsset: (assetId) => catalog.getAsset(assetId),
    findAssetByExposure: (query) => catalog.findAssetByExposure(query),
    findAssetByLiveId: (query) =>
      catalog.findAssetByLiveId(query) ?? catalog.findFiledByLiveId({ folder: query.folder, liveId: query.liveId }),
    findAssetsByKey: (query) => {
      const adopted = catalog.findAssetsByKey(query);
      if (adopted.length > 0) return adopted;
      return catalog.findFiledByStem(foldName(query.folder === '' ? query.key : `${query.folder}/${query.key}`));
    },
  };
}

function resourceOf({ candidate, role }: Member): PlannedResource {
  const { file, staged } = candidate;
  const { sizeBytes, modifiedAtNs } = file.identity;
  return {
    role,
    path: file.libraryPath,
    hash: staged.hash,
    sizeBytes,
    modifiedAtNs,
    originalName: file.name,
    entry: { ...file.identity, key: file.key, headHash: staged.headHash },
    staged: stagedName(file.identity), // there is no such file: nothing was staged
    isInPlace: true,
  };
}

export function sharedName(): AgentError {
  return new AgentError('NAME_UNSUITABLE', 'Another file in this folder has the same name but for case or accents.', {
    remedy: 'Many disks cannot keep the two apart. Rename one of them, then run "keepsake adopt" again.',
  });
}
