// What was decided but not yet recorded. Later decisions must see it as if it were in the catalogue, so it is indexed by
// everything that is looked up.

import type { AssetId } from '../domain/ids.ts';
import { folderOf, stemKeyOf } from './catalog/sqlite-catalog.ts';
import type { PlannedAsset } from './planned-asset.ts';
import { foldName } from './portable-name.ts';
import type { StagedCandidate } from './staging.ts';

export type Spelling = 'asIs' | 'ascii';

/** A planned asset, and how to plan it again if one of its names is taken by the time it is published. */
export interface Draft {
  readonly plan: PlannedAsset;
  readonly candidates: readonly StagedCandidate[];
  /** The same plan under the next free suffix at or above `from`, in ASCII if the disk refused the name as it is. */
  readonly rename: (from: number, spelling: Spelling) => Promise<PlannedAsset>;
}

/** One press of the shutter, as `CatalogStore.findAssetByExposure` looks for it. */
export interface Exposure {
  readonly camera: string;
  readonly local: string;
  readonly stem: string;
}

function exposureKey({ camera, local, stem }: Exposure): string {
  return JSON.stringify([camera, local, stem]);
}

export class Batch<D extends Pick<Draft, 'plan'> = Draft> {
  readonly startedAtMonotonicMs: number;
  readonly drafts: D[] = [];
  fileCount = 0;
  sizeBytes = 0;
  readonly #hashes = new Set<string>();
  readonly #liveIds = new Set<string>();
  readonly #exposures = new Set<string>();
  readonly #keys = new Set<string>();
  readonly #assets = new Set<AssetId>();
  readonly #paths = new Set<string>();
  readonly #stems = new Map<string, AssetId>();

  constructor(startedAtMonotonicMs: number) {
    this.startedAtMonotonicMs = startedAtMonotonicMs;
  }

  add(draft: D): void {
    const { plan } = draft;
    this.drafts.push(draft);
    this.fileCount += plan.resources.length + plan.duplicates.length;
    for (const { sizeBytes } of plan.resources) this.sizeBytes += sizeBytes;
    for (const { entry } of [...plan.resources, ...plan.duplicates]) {
      this.#keys.add(`${folderOf(entry.path)}/${entry.key}`);
    }
    // What only names duplicates adds nothing that another decision could turn on: a folder full of copies of photos must
    // not cost a commit for each.
    if (plan.resources.length === 0) return;
    this.#assets.add(plan.assetId);
    if (plan.liveId !== undefined) this.#liveIds.add(plan.liveId);
    if (plan.camera !== undefined && plan.date.basis !== 'undated') {
      this.#exposures.add(exposureKey({ camera: plan.camera, local: plan.date.local, stem: plan.stem }));
    }
    for (const { path, hash } of plan.resources) {
      this.#hashes.add(hash);
      this.#paths.add(foldName(path));
      this.#stems.set(stemKeyOf(path), plan.assetId);
    }
  }

  /** True if a decision that turns on any of these would have to look in here. */
  mentions(query: { hash?: string; liveId?: string; exposure?: Exposure; folder?: string; key?: string }): boolean {
    const { hash, liveId, exposure, folder, key } = query;
    return (
      (hash !== undefined && this.#hashes.has(hash)) ||
      (liveId !== undefined && this.#liveIds.has(liveId)) ||
      (exposure !== undefined && this.#exposures.has(exposureKey(exposure))) ||
      (key !== undefined && this.#keys.has(`${folder}/${key}`))
    );
  }

  hasAsset(assetId: AssetId): boolean {
    return this.#assets.has(assetId);
  }

  isPathTaken(path: string): boolean {
    return this.#paths.has(foldName(path));
  }

  isStemTaken(stemKey: string, except: AssetId): boolean {
    const owner = this.#stems.get(stemKey);
    return owner !== undefined && owner !== except;
  }
}
