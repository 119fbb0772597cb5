// Which asset of the catalogue a group of files belongs to, if any: the design's identity rules (docs/design.md, "Identity").
// Name and path are never identity; a shared Live Photo identifier, camera and moment, or bytes are.

import type { RelativePath } from '../domain/ids.ts';
import type { ResourceRole } from '../domain/media.ts';
import type { Batch } from './batch.ts';
import type { CatalogAsset, CatalogStore } from './catalog/catalog-store.ts';
import { folderOf } from './catalog/sqlite-catalog.ts';
import {
  type Candidate,
  type ConfirmedGroup,
  extensionOf,
  isEditedName,
  isRaw,
  isRawName,
  nameParts,
} from './grouping.ts';
import { makePortable } from './portable-name.ts';
import type { IncomingFile, StagedCandidate } from './staging.ts';

/** What has to be known of a file to find its asset, be it staged on its way in or lying in the library already. */
export interface Matchable extends Candidate {
  readonly file: Pick<IncomingFile, 'identity' | 'name' | 'key' | 'bornAtMs' | 'changedAtMs' | 'listed' | 'shelf'>;
  readonly staged: Pick<StagedCandidate['staged'], 'hash'>;
  readonly sidecarTakenAtMs?: number;
}

export interface Join {
  readonly asset: CatalogAsset;
  /** What the group's primary is for within that asset, where it differs from `original`. */
  readonly primaryRole?: ResourceRole;
  /** The asset was a lone video; the group's primary is its still. */
  readonly becomesPairedVideo?: RelativePath;
}

export interface Matching {
  readonly catalog: Pick<
    CatalogStore,
    'findOriginal' | 'getAsset' | 'findAssetsByKey' | 'findAssetByLiveId' | 'findAssetByExposure'
  >;
  /** Records what is pending if the question would have to look there. */
  readonly settle: (question: Parameters<Batch['mentions']>[0]) => Promise<void>;
}

type Group = ConfirmedGroup<Matchable>;

export function primaryOf<C extends Matchable>(group: ConfirmedGroup<C>): C {
  const primary = group.members[0]?.candidate;
  if (primary === undefined) throw new Error('a group has at least one file');
  return primary;
}

/** The camera body that took it, if the file names make, model and serial number. */
export function cameraOf({ metadata }: Matchable): string | undefined {
  const { make, model, cameraSerial } = metadata;
  return cameraSerial === undefined ? undefined : [make ?? '', model ?? '', cameraSerial].join('|');
}

/** True if the owner removed all of it. It is still known by its bytes, and nothing new is to be put beside it. */
export function isRemoved({ resources }: CatalogAsset): boolean {
  return resources.length > 0 && resources.every(({ removedBy }) => removedBy !== undefined);
}

/** May be one that was removed: by the bytes of an original, or because of what something is named after. */
export async function findJoin(matching: Matching, group: Group): Promise<Join | undefined> {
  return (
    (await findSameOriginal(matching, group)) ??
    (await findOtherHalf(matching, group)) ??
    (await findOtherSlot(matching, group)) ??
    (await findEdited(matching, group))
  );
}

/** An asset that holds one of the originals. A paired video saved alone before does not count: the pair is filed together. */
async function findSameOriginal({ catalog, settle }: Matching, group: Group): Promise<Join | undefined> {
  for (const { candidate, role } of group.members) {
    if (role !== 'original' && role !== 'alternate') continue;
    const { hash } = candidate.staged;
    await settle({ hash });
    const id = catalog.findOriginal(hash);
    const asset = id === undefined ? undefined : catalog.getAsset(id);
    if (asset !== undefined) return { asset };
  }
  return undefined;
}

/** The other half of a Live Photo, from the same folder of the same source, whatever its name. */
async function findOtherHalf({ catalog, settle }: Matching, group: Group): Promise<Join | undefined> {
  const primary = primaryOf(group);
  const liveId = primary.metadata.contentIdentifier;
  if (liveId === undefined) return undefined;
  await settle({ liveId });
  const { sourceId, path } = primary.file.identity;
  const id = catalog.findAssetByLiveId({ sourceId, folder: folderOf(path), liveId });
  const asset = id === undefined ? undefined : catalog.getAsset(id);
  // The other half of a photo that was removed is a photo of its own: its bytes were never removed.
  if (asset === undefined || asset.kind === group.kind || isRemoved(asset)) return undefined;
  if (group.kind === 'photo') {
    const video = asset.resources.find(({ role }) => role === 'original');
    return video === undefined ? undefined : { asset, becomesPairedVideo: video.path };
  }
  return asset.resources.some(({ role }) => role === 'pairedVideo') ? undefined : { asset, primaryRole: 'pairedVideo' };
}

/** RAW on one card, JPEG on the other: same camera body, same moment, same name. */
async function findOtherSlot({ catalog, settle }: Matching, group: Group): Promise<Join | undefined> {
  const primary = primaryOf(group);
  const camera = cameraOf(primary);
  const local = primary.metadata.takenAt?.local;
  if (group.kind !== 'photo' || camera === undefined || local === undefined) return undefined;
  const { stem } = makePortable(nameParts(primary.name));
  await settle({ exposure: { camera, local, stem } });
  const id = catalog.findAssetByExposure({ camera, local, stem });
  const asset = id === undefined ? undefined : catalog.getAsset(id);
  const other = asset?.resources.find(({ role }) => role === 'original');
  if (asset === undefined || isRemoved(asset) || other === undefined || isRawName(other.path) === isRaw(primary))
    return undefined;
  return asset.resources.some(({ role }) => role === 'alternate') ? undefined : { asset, primaryRole: 'alternate' };
}

/** An edit, thumbnail or small version that comes alone, after what it belongs to. */
async function findEdited(matching: Matching, group: Group): Promise<Join | undefined> {
  const primary = primaryOf(group);
  const role = lateRoleOf(primary);
  if (role === undefined || group.members.some((member) => member.role === 'pairedVideo')) return undefined;
  const join = await findByKey(matching, primary);
  const needsVideo = role === 'thumbnail' || role === 'lowResolution';
  return join === undefined || (needsVideo && join.asset.kind !== 'video') ? undefined : { ...join, primaryRole: role };
}

function lateRoleOf({ name, content }: Matchable): ResourceRole | undefined {
  if (isEditedName(name)) return content.kind === 'video' ? 'editedVideo' : 'edited';
  if (content.kind === 'photo' && extensionOf(name) === 'thm') return 'thumbnail';
  return content.kind === 'video' && ['lrv', 'lrf'].includes(extensionOf(name)) ? 'lowResolution' : undefined;
}

/** The asset from the same folder under the same candidate key: what a sidecar is named after. */
export async function findByKey({ catalog, settle }: Matching, candidate: Matchable): Promise<Join | undefined> {
  const { identity, key } = candidate.file;
  const folder = folderOf(identity.path);
  await settle({ folder, key });
  const assets = catalog
    .findAssetsByKey({ sourceId: identity.sourceId, folder, key })
    .map((id) => catalog.getAsset(id))
    .filter((asset) => asset !== undefined);
  const there = assets.filter((each) => !isRemoved(each));
  const among = there.length > 0 ? there : assets;
  const asset = among.find(({ kind }) => kind === 'photo') ?? among[0];
  return asset === undefined ? undefined : { asset };
}
