// Files staged groups in the library, each asset whole or not at all: decides what is new and what joins an asset that is
// there, chooses names, publishes and records in batches by the steps of platform/durable-write. Groups are added one at a
// time, in order. Nothing counts as imported before `record`.

import { randomUUID } from 'node:crypto';
import { lstat, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, AssetId, ImportId, RelativePath } from '../domain/ids.ts';
import { isOriginalRole, type ResourceRole } from '../domain/media.ts';
import type { Clock } from '../platform/clock.ts';
import {
  flushFolders,
  hashFile,
  makeFolders,
  publishFile,
  type StepObserver,
  writeError,
} from '../platform/durable-write.ts';
import type { FileThread } from '../platform/file-thread.ts';
import { nearestExisting } from '../platform/volume.ts';
import { Batch, type Draft, type Spelling } from './batch.ts';
import type { CatalogAsset, CatalogSource, CatalogStore } from './catalog/catalog-store.ts';
import { stemKeyOf } from './catalog/sqlite-catalog.ts';
import { dateOfGroup } from './group-date.ts';
import { type ConfirmedGroup, confirmGroup, type GroupMember, nameParts } from './grouping.ts';
import { type Layout, shelfFolders } from './layout.ts';
import type { Library } from './library.ts';
import { appendManifest, manifestVersion } from './manifest.ts';
import { cameraOf, findByKey, findJoin, isRemoved, type Join, type Matching, primaryOf } from './matching.ts';
import type { PlannedAsset, PlannedResource, SourceEntryRecord } from './planned-asset.ts';
import { foldName, joinName, makeAscii, makePortable, type NameParts } from './portable-name.ts';
import { unpublish } from './recovery.ts';
import { discard, type FileOutcome, type IncomingFile, type StagedCandidate, type StagedGroup } from './staging.ts';

/**
 * A batch is committed when it has this many files or bytes, or is this old: a folder flush and a commit then cost little
 * per file, few files are open (each until it is flushed), and what a kill undoes is soon copied again.
 */
const batchFilesMaxDefault = 300;
const batchBytesMax = 1024 * 1024 * 1024;
const batchAgeMsMax = 5000;
/** Videos that may belong to a still met later in the folder; beyond this they are filed on their own. */
const heldVideosMax = 1000;
const suffixMax = 9999;
/** Assets that get their names at the same time: what is asked of the disk then goes together. */
const publishedAtOnce = 16;
/** How often one asset may lose the race for a name to another program before that counts as a fault. */
const renamesMax = 20;

export interface IngestOptions {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly layout: Layout;
  readonly importId: ImportId;
  readonly source: CatalogSource;
  readonly startedAtMs: number;
  readonly clock: Clock;
  readonly fileThread: FileThread;
  /** IANA name: where instants without a zone are shown. */
  readonly timeZone: string;
  readonly observeStep: StepObserver;
  readonly report: (file: IncomingFile, outcome: FileOutcome) => void;
  /** For tests: a smaller batch. */
  readonly batchFilesMax?: number | undefined;
}

type Member = GroupMember<StagedCandidate>;
type Group = ConfirmedGroup<StagedCandidate>;
type AssetFacts = Omit<PlannedAsset, 'resources' | 'duplicates' | 'suffix'>;

export class Ingest {
  readonly #options: IngestOptions;
  readonly #matching: Matching;
  #batch: Batch;
  #held: Group[] = [];
  /** Folders that were looked at for this batch: they are on the library's own disk. */
  readonly #onOneVolume = new Set<RelativePath>();
  /** For this batch as well: see `#namesIn`. */
  readonly #namesByFolder = new Map<string, ReadonlySet<string> | undefined>();
  /** A commit began and did not end: the journal has its assets, and only recovery may finish them. */
  #isBroken = false;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#batch = new Batch(options.clock.monotonicMs());
    this.#matching = {
      catalog: options.catalog,
      settle: async (question) => {
        // Again if need be: what a failed flush held back goes into the next batch.
        while (this.#batch.mentions(question) && !this.#isBroken) await this.commit();
      },
    };
  }

  /** Takes a staged group. What staging settled is reported now, the rest when its batch is recorded. */
  async add(staged: StagedGroup): Promise<void> {
    for (const { file, outcome } of staged.settled) this.#options.report(file, outcome);
    const { groups, followers } = confirmGroup(staged.candidates);
    const hasStill = groups.some(({ kind }) => kind === 'photo');
    for (const group of groups) {
      const isSplitVideo =
        hasStill && group.kind === 'video' && primaryOf(group).metadata.contentIdentifier !== undefined;
      if (isSplitVideo && this.#held.length < heldVideosMax) this.#held.push(group);
      else await this.#file(group);
    }
    for (const follower of followers) await this.#fileFollower(follower);
    await this.#commitIfDue();
  }

  /** All groups of a folder were added: videos held back for a still of another name are filed now. */
  async endFolder(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    for (const group of held) await this.#file(group);
  }

  /** Publishes and records what was added. @throws AgentError for what stops an import; what was journalled is then recovery's. */
  async commit(): Promise<void> {
    if (this.#batch.drafts.length === 0 || this.#isBroken) return;
    const { whole, bad } = await sortByFlush(this.#batch.drafts);
    if (whole.length > 0) {
      this.#isBroken = true;
      const plans = await this.#publishAndRecord(whole);
      this.#isBroken = false;
      for (const [index, plan] of plans.entries()) this.#report(plan, whole[index]?.candidates ?? []);
    }
    this.#batch = new Batch(this.#options.clock.monotonicMs());
    this.#onOneVolume.clear();
    this.#namesByFolder.clear();
    for (const each of bad) await this.#fileWithout(each);
  }

  /** The durable steps from `journal` on. Returns what was published, in the order of `drafts`. */
  async #publishAndRecord(drafts: readonly Draft[]): Promise<readonly PlannedAsset[]> {
    const { library, catalog, importId, source, startedAtMs, observeStep, fileThread } = this.#options;
    await library.assertPresent();
    observeStep('journal');
    catalog.journal(
      importId,
      drafts.map(({ plan }) => plan),
    );
    const touched = new Set<AbsolutePath>();
    for (const folder of new Set(drafts.map(({ plan }) => plan.folder))) await this.#makeFolder(folder, touched);
    const plans = await this.#publish(drafts, touched);
    observeStep('flush-folder');
    await flushFolders(touched);
    await library.assertPresent();
    observeStep('manifest');
    const startedAt = new Date(startedAtMs).toISOString();
    const header = { version: manifestVersion, importId, source, startedAt };
    const manifestBytes = await appendManifest(library.folders.imports, header, plans);
    observeStep('record');
    catalog.record(importId, plans, manifestBytes);
    observeStep('unstage');
    await discard(
      library,
      drafts.flatMap(({ candidates }) => candidates),
      fileThread,
    );
    return plans;
  }

  /** Reports the files of an asset that did not reach the disk and files the others anew. @throws if that means the disk itself. */
  async #fileWithout({ draft, failures }: BadDraft): Promise<void> {
    const isBad = (candidate: StagedCandidate) => failures.has(candidate);
    const stop = [...failures.values()].find(
      ({ code }) => code !== 'LIBRARY_WRITE_FAILED' && code !== 'FILE_TOO_LARGE',
    );
    await discard(this.#options.library, stop === undefined ? draft.candidates.filter(isBad) : draft.candidates);
    if (stop !== undefined) throw stop;
    await this.add({
      candidates: draft.candidates.filter((candidate) => !isBad(candidate)),
      settled: [...failures].map(([{ file }, error]) => ({ file, outcome: { kind: 'failed', error } })),
    });
  }

  #report(plan: PlannedAsset, candidates: readonly StagedCandidate[]): void {
    const published = new Set(plan.resources.map(({ staged }) => staged));
    for (const { file, stagedName } of candidates) {
      const { sizeBytes } = file.identity;
      this.#options.report(file, published.has(stagedName) ? { kind: 'imported', sizeBytes } : { kind: 'duplicate' });
    }
  }

  async #commitIfDue(): Promise<void> {
    const { fileCount, sizeBytes, startedAtMonotonicMs } = this.#batch;
    const isOld = this.#options.clock.monotonicMs() - startedAtMonotonicMs > batchAgeMsMax;
    if (isOld || sizeBytes >= batchBytesMax || fileCount >= (this.#options.batchFilesMax ?? batchFilesMaxDefault))
      await this.commit();
  }

  async #file(group: Group): Promise<void> {
    const found = await findJoin(this.#matching, group);
    if (found === undefined) await this.#fileNewAsset(group);
    else if (isRemoved(found.asset)) await this.#fileBesideRemoved(group, found);
    else await this.#joinAsset(group.members, found);
  }

  /**
   * The photo, or what it is named after, was removed by its owner. What was removed is known. Bytes that never were are a photo to
   * be saved, for itself; only what is nothing without that photo is left on the source. It is not noted as known: should the
   * photo be taken back, it comes along the next time.
   */
  async #fileBesideRemoved(group: Group, { asset, primaryRole }: Join): Promise<void> {
    const removed = new Set<string>(asset.resources.map(({ hash }) => hash));
    const isKnown = ({ candidate }: Member) => removed.has(candidate.staged.hash);
    const known = group.members.filter(isKnown);
    const others = group.members.filter((member) => !isKnown(member));
    if (known.length > 0) await this.#joinAsset(known, { asset });
    const isPicture = (member: Member) =>
      pictureRoles.includes(member === group.members[0] ? (primaryRole ?? member.role) : member.role);
    if (!others.some(isPicture)) await this.#leave(others);
    else if (known.length === 0) await this.#fileNewAsset(group);
    else await this.add({ candidates: others.map(({ candidate }) => candidate), settled: [] });
  }

  async #leave(members: readonly Member[]): Promise<void> {
    const candidates = members.map(({ candidate }) => candidate);
    await discard(this.#options.library, candidates);
    for (const { file } of candidates) this.#options.report(file, { kind: 'duplicate' });
  }

  async #fileFollower(follower: Member): Promise<void> {
    const found = await findByKey(this.#matching, follower.candidate);
    if (found !== undefined && isRemoved(found.asset) && !holdsBytes(found.asset, follower))
      return await this.#leave([follower]);
    if (found !== undefined) return await this.#joinAsset([follower], { ...found, primaryRole: follower.role });
    await discard(this.#options.library, [follower.candidate]);
    this.#options.report(follower.candidate.file, { kind: 'notMedia', reason: 'orphanSidecar' });
  }

  async #fileNewAsset(group: Group): Promise<void> {
    const primary = primaryOf(group);
    const { clock, timeZone } = this.#options;
    const date = dateOfGroup(group, { nowMs: clock.nowMs(), timeZone });
    const camera = cameraOf(primary);
    const liveId = primary.metadata.contentIdentifier;
    const facts: AssetFacts = {
      assetId: randomUUID() as AssetId,
      isNew: true,
      kind: group.kind,
      date,
      folder: this.#options.layout.folderFor(date, primary.file.shelf),
      stem: makePortable(nameParts(primary.name)).stem,
      ...(liveId === undefined ? {} : { liveId }),
      ...(camera === undefined ? {} : { camera }),
    };
    await this.#plan({ facts, members: group.members, heldHashes: new Set(), suffix: 1 });
  }

  async #joinAsset(members: readonly Member[], target: Join): Promise<void> {
    const { asset, primaryRole, becomesPairedVideo } = target;
    if (this.#batch.hasAsset(asset.assetId)) await this.commit(); // what it was given there counts below
    const current = this.#options.catalog.getAsset(asset.assetId) ?? asset;
    const hasPrimary = becomesPairedVideo === undefined;
    const roles = members.map(({ candidate, role }, index): Member => {
      if (index === 0 && primaryRole !== undefined) return { candidate, role: primaryRole };
      return { candidate, role: role === 'original' && hasPrimary ? 'alternate' : role };
    });
    const liveId = current.liveId ?? members[0]?.candidate.metadata.contentIdentifier;
    const facts: AssetFacts = {
      assetId: current.assetId,
      isNew: false,
      kind: hasPrimary ? current.kind : 'photo',
      date: current.date,
      folder: current.folder,
      stem: current.stem,
      ...(liveId === undefined ? {} : { liveId }),
      ...(current.camera === undefined ? {} : { camera: current.camera }),
      ...(hasPrimary ? {} : { becomesPairedVideo }),
    };
    const heldHashes = new Set<string>(current.resources.map(({ hash }) => hash));
    await this.#plan({ facts, members: roles, heldHashes, suffix: current.suffix });
  }

  /** Splits the members into what is published and what the asset has, names the former, and adds the plan to the batch. */
  async #plan(wish: {
    readonly facts: AssetFacts;
    readonly members: readonly Member[];
    readonly heldHashes: Set<string>;
    readonly suffix: number;
  }): Promise<void> {
    const { facts, members, heldHashes } = wish;
    const fresh: Member[] = [];
    const duplicates: Member[] = [];
    for (const member of members) {
      const { hash } = member.candidate.staged;
      (heldHashes.has(hash) ? duplicates : fresh).push(member);
      heldHashes.add(hash);
    }
    const draft = async (from: number, spelling: Spelling): Promise<PlannedAsset> => {
      const named = await this.#chooseNames({ facts, members: fresh, from, spelling });
      const stem = facts.isNew && spelling === 'ascii' ? makeAscii({ stem: facts.stem, tail: '' }).stem : facts.stem;
      return {
        ...facts,
        stem,
        suffix: facts.isNew ? named.suffix : wish.suffix,
        resources: fresh.map((member, index) => resourceOf(member, named.paths[index] as RelativePath)),
        duplicates: duplicates.map(({ candidate }) => ({
          entry: entryOf(candidate),
          hash: candidate.staged.hash,
          staged: candidate.stagedName,
        })),
      };
    };
    this.#batch.add({
      plan: await draft(wish.suffix, 'asIs'),
      candidates: [...fresh, ...duplicates].map(({ candidate }) => candidate),
      rename: draft,
    });
  }

  /** The smallest suffix at or above `from` under which every name is free, one for all files. */
  async #chooseNames(wish: {
    readonly facts: AssetFacts;
    readonly members: readonly Member[];
    readonly from: number;
    readonly spelling: Spelling;
  }): Promise<{ suffix: number; paths: readonly RelativePath[] }> {
    const { facts, members } = wish;
    await this.#assertOneVolume(facts.folder);
    const names = members.map((member) => filedName(member, facts));
    const parts = withDistinctNames(wish.spelling === 'ascii' ? names.map(makeAscii) : names);
    for (let suffix = wish.from; suffix <= suffixMax; suffix += 1) {
      // An adopted photo may lie in the library's root.
      const start = facts.folder === '' ? '' : `${facts.folder}/`;
      const paths = parts.map((each) => `${start}${joinName(each, suffix)}` as RelativePath);
      let areFree = true;
      for (const [index, { candidate }] of members.entries()) {
        const path = paths[index] as RelativePath;
        areFree &&= await this.#isFree(path, { assetId: facts.assetId, staged: candidate.staged });
      }
      if (areFree) return { suffix, paths };
    }
    throw new AgentError('LIBRARY_UNSUITABLE', `"${facts.folder}" has ${suffixMax} photos of one name.`, {
      remedy: 'Rename some of the files on the source, then save again.',
    });
  }

  async #isFree(path: RelativePath, wish: { assetId: AssetId; staged: StagedBytes }): Promise<boolean> {
    const { assetId, staged } = wish;
    const { catalog, library } = this.#options;
    const stemKey = stemKeyOf(path);
    if (this.#batch.isPathTaken(path) || catalog.isPathTaken(path)) return false;
    if (this.#batch.isStemTaken(stemKey, assetId) || catalog.isStemTaken(stemKey, assetId)) return false;
    const names = await this.#namesIn(dirname(path));
    if (names !== undefined && !names.has(foldName(basename(path)))) return true;
    // A file that the catalogue does not know. That it cannot be looked at is met again, and reported, when publishing.
    const final = join(library.folders.root, path);
    return (await lstat(final).catch(() => undefined)) === undefined || (await holds(final, staged));
  }

  /**
   * What lies in a folder of the library, folded, as it was when this batch first asked: what came since is met when publishing. Undefined:
   * each name has to be asked for.
   */
  async #namesIn(folder: string): Promise<ReadonlySet<string> | undefined> {
    if (!this.#namesByFolder.has(folder)) {
      const there = await readdir(join(this.#options.library.folders.root, folder)).catch((error: unknown) =>
        systemErrorCode(error) === 'ENOENT' ? [] : undefined,
      );
      this.#namesByFolder.set(folder, there && new Set(there.map(foldName)));
    }
    return this.#namesByFolder.get(folder);
  }

  /** A year that is a link to another disk: names cannot be published across disks, and an unplugged one would lose them. */
  async #assertOneVolume(folder: RelativePath): Promise<void> {
    if (this.#onOneVolume.has(folder)) return;
    const { root } = this.#options.library.folders;
    const nearest = await nearestExisting(join(root, folder));
    if ((await stat(nearest)).dev === (await stat(root)).dev) {
      this.#onOneVolume.add(folder);
      return;
    }
    throw new AgentError('LIBRARY_UNSUITABLE', `"${nearest}" in your photo folder leads to another disk.`, {
      remedy:
        'Put that folder itself into your photo folder, or choose a photo folder on the other disk, then save again.',
    });
  }

  /** Adds the folders that have to be flushed to `touched`. */
  async #makeFolder(folder: RelativePath, touched: Set<AbsolutePath>): Promise<void> {
    const { library } = this.#options;
    const { root } = library.folders;
    await library.assertPresent(); // else it could be made where the disk was, on the system's own
    const ownersOnly = join(root, shelfFolders.hidden) as AbsolutePath;
    for (const parent of await makeFolders({ root, folder: join(root, folder) as AbsolutePath, ownersOnly }))
      touched.add(parent);
  }

  /**
   * Step `publish`: gives each asset all of its names, or, if another program took one meanwhile, all of the next suffix. Adds the folders
   * that have to be flushed to `touched`. Returns what was published, in the order of `drafts`.
   */
  async #publish(drafts: readonly Draft[], touched: Set<AbsolutePath>): Promise<readonly PlannedAsset[]> {
    const plans: PlannedAsset[] = [];
    for (let start = 0; start < drafts.length; start += publishedAtOnce) {
      const some = drafts.slice(start, start + publishedAtOnce);
      const results = await allOrNone(some.map(({ plan }) => this.#publishAs(plan, touched)));
      for (const result of results) if (result !== 'whole') await unpublish(this.#options.library, result.published);
      for (const [index, draft] of some.entries()) {
        const result = results[index];
        // One by one: each has to see the names that the one before it got.
        plans.push(result === 'whole' ? draft.plan : await this.#rename(draft, result?.isRefused ?? false, touched));
      }
    }
    return plans;
  }

  /** What it did publish of an asset that is not whole has to be taken back. */
  async #publishAs(plan: PlannedAsset, touched: Set<AbsolutePath>): Promise<'whole' | PublishedInPart> {
    const { library, observeStep, fileThread } = this.#options;
    const { root, incoming } = library.folders;
    const published: PlannedResource[] = [];
    for (const resource of plan.resources) {
      observeStep('publish');
      const staged = join(incoming, resource.staged) as AbsolutePath;
      const final = join(root, resource.path) as AbsolutePath;
      const { hardLinks } = library.abilities;
      const result = await publishFile({ staged, final, hardLinks, fileThread });
      if (result === 'published') published.push(resource);
      else if (result === 'refused' || !(await holds(final, resource)))
        return { published, isRefused: result === 'refused' };
      touched.add(dirname(final) as AbsolutePath);
    }
    return 'whole';
  }

  async #rename(draft: Draft, wasRefused: boolean, touched: Set<AbsolutePath>): Promise<PlannedAsset> {
    const { library, catalog, importId } = this.#options;
    let { plan } = draft;
    let isRefused = wasRefused;
    let spelling: Spelling = 'asIs';
    for (let attempt = 0; attempt < renamesMax; attempt += 1) {
      catalog.forgetJournal([plan.assetId]);
      if (isRefused) spelling = 'ascii';
      this.#namesByFolder.set(plan.folder, undefined); // it has what it did not have, or what counts as the same there
      plan = await draft.rename(isRefused ? plan.suffix : plan.suffix + attempt + 1, spelling);
      catalog.journal(importId, [plan]);
      const result = await this.#publishAs(plan, touched);
      if (result === 'whole') return plan;
      await unpublish(library, result.published);
      isRefused = result.isRefused;
    }
    throw new AgentError('LIBRARY_WRITE_FAILED', `No name for a photo could be had in "${plan.folder}".`, {
      remedy: 'Stop what else writes to your photo folder, and check its disk, then save again.',
    });
  }
}

interface PublishedInPart {
  readonly published: readonly PlannedResource[];
  /** The filesystem cannot hold a name of it; else somebody else has one. */
  readonly isRefused: boolean;
}

/** All results; if any fails, the first failure, when all of them have ended. */
async function allOrNone<Result>(all: readonly Promise<Result>[]): Promise<readonly Result[]> {
  await Promise.allSettled(all);
  return await Promise.all(all);
}

/** What is worth keeping without the photo it belongs to. */
const pictureRoles: readonly ResourceRole[] = ['original', 'alternate', 'pairedVideo', 'edited', 'editedVideo'];

function holdsBytes(asset: CatalogAsset, { candidate }: Member): boolean {
  return asset.resources.some(({ hash }) => hash === candidate.staged.hash);
}

type StagedBytes = Pick<PlannedResource, 'hash' | 'sizeBytes'>;

/**
 * True if the file has exactly these bytes, and certainly on the disk. So has one that an import published before a crash
 * after which the catalogue with its journal was lost: it is that photo, and needs no second name.
 */
async function holds(path: string, { hash, sizeBytes }: StagedBytes): Promise<boolean> {
  try {
    const facts = await lstat(path);
    if (!facts.isFile() || facts.size !== sizeBytes) return false;
    await using handle = await open(path, 'r');
    await handle.sync();
    return (await hashFile(path, new AbortController().signal)).hash === hash;
  } catch {
    return false; // what cannot be read is somebody else's: the photo gets another name
  }
}

interface BadDraft {
  readonly draft: Draft;
  readonly failures: ReadonlyMap<StagedCandidate, AgentError>;
}

/** Waits until the files to be published are on the disk, and sets aside what did not get there. */
async function sortByFlush(drafts: readonly Draft[]): Promise<{ whole: readonly Draft[]; bad: readonly BadDraft[] }> {
  const whole: Draft[] = [];
  const bad: BadDraft[] = [];
  for (const draft of drafts) {
    const published = new Set(draft.plan.resources.map(({ staged }) => staged));
    const failures = new Map<StagedCandidate, AgentError>();
    for (const candidate of draft.candidates) {
      if (!published.has(candidate.stagedName)) continue;
      await candidate.staged.flushed.catch((error: unknown) => {
        failures.set(candidate, writeError(error, 'A new file in your photo folder'));
      });
    }
    if (failures.size === 0) whole.push(draft);
    else bad.push({ draft, failures });
  }
  return { whole, bad };
}

/** The name of a member before its suffix. Originals share the asset's stem, so that a Live Photo's halves lie together. */
function filedName({ candidate, role }: Member, facts: AssetFacts): NameParts {
  const own = makePortable(nameParts(candidate.name));
  return isOriginalRole(role) ? { stem: facts.stem, tail: own.tail } : own;
}

/** Two files of one asset can come down to one name (`a.AAE`, `a.aae`): the later ones get a number of their own. */
function withDistinctNames(parts: readonly NameParts[]): readonly NameParts[] {
  const seen = new Set<string>();
  return parts.map((each) => {
    let distinct = each;
    for (let count = 2; seen.has(foldName(joinName(distinct, 1))); count += 1) {
      distinct = { stem: `${each.stem}-${count}`, tail: each.tail };
    }
    seen.add(foldName(joinName(distinct, 1)));
    return distinct;
  });
}

function entryOf({ file, staged }: StagedCandidate): SourceEntryRecord {
  return { ...file.identity, key: file.key, headHash: staged.headHash };
}

function resourceOf(
  { candidate, role }: { candidate: StagedCandidate; role: ResourceRole },
  path: RelativePath,
): PlannedResource {
  return {
    role,
    path,
    hash: candidate.staged.hash,
    sizeBytes: candidate.staged.sizeBytes,
    modifiedAtNs: candidate.file.identity.modifiedAtNs,
    originalName: candidate.name,
    entry: entryOf(candidate),
    staged: candidate.stagedName,
  };
}
