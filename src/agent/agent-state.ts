// What goes on in the agent right now, folded from events: the half of the status that no database knows. Pure.

import type { CopyReport } from '../copies/copy-report.ts';
import type { SourceId } from '../domain/ids.ts';
import { isToBeUnlocked } from '../domain/phone-patience.ts';
import type { SourceProgress } from '../domain/progress.ts';
import type { IconStatus, Need, Status } from '../domain/status.ts';
import type { ImportReport } from '../jobs/import-report.ts';
import type { BackupResult } from './control.ts';
import type { SeenDevice } from './devices.ts';
import type { Reminding } from './reminding.ts';

/** A device nobody has decided about, and what is on it. */
export interface Announcement {
  readonly id: SourceId;
  readonly name: string;
  /** Not of a phone that does not let us in before its owner said yes. */
  readonly contents?: {
    /** Photos and videos and what belongs to them, that the library does not have. */
    readonly newFiles: number;
    /** Photos and videos that those files are, about. */
    readonly newPhotos: number;
    readonly newBytes: number;
    /** Files whose beginning, size and kind the library has from another device. */
    readonly knownFiles: number;
    readonly isEstimate: boolean;
  };
  /** The device most of them came from, if they are most of what is on it. */
  readonly replaces?: { readonly id: string; readonly name: string };
}

/** What the agent does beside importing; each goes on when another one fails. */
export type AgentPart = 'api' | 'watch' | 'phones' | 'schedule' | 'surfaces';

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

export type AgentEvent =
  | { readonly kind: 'arrived'; readonly device: SeenDevice }
  | { readonly kind: 'left'; readonly id: SourceId; readonly name: string; readonly deviceKind?: string }
  | { readonly kind: 'announced'; readonly announcement: Announcement }
  | { readonly kind: 'decided'; readonly id: SourceId; readonly isWanted: boolean }
  | { readonly kind: 'importBegan'; readonly id: SourceId; readonly name: string }
  | {
      readonly kind: 'importProgress';
      readonly id: SourceId;
      readonly progress: SourceProgress;
      /** Since the first file, and, once it can be said, until the last. */
      readonly elapsedMs: number;
      readonly leftMs?: number;
    }
  | {
      readonly kind: 'importEnded';
      readonly id: SourceId;
      readonly name: string;
      readonly result: BackupResult;
      /** So many photos of it are only in iCloud, and that is news. */
      readonly iCloudOnly?: Need;
      /** It was stopped by the wish of somebody who hears of it otherwise. */
      readonly isKnown?: boolean;
    }
  /** Nothing of it goes on any more. How it ended is told for itself, or is known to whoever wished that it ends. */
  | { readonly kind: 'jobEnded'; readonly id: SourceId }
  | { readonly kind: 'importFailed'; readonly id: SourceId; readonly name: string; readonly failure: Failure }
  | { readonly kind: 'driveArrived' | 'driveLeft' | 'copyBegan'; readonly id: SourceId; readonly name: string }
  | {
      readonly kind: 'copyEnded';
      readonly id: SourceId;
      readonly name: string;
      readonly report?: CopyReport;
      /** It was stopped as it was the time before, or by the wish of somebody who hears of it otherwise. */
      readonly isKnown: boolean;
    }
  | { readonly kind: 'copyFailed'; readonly id: SourceId; readonly name: string; readonly failure: Failure }
  /** What stays so until somebody does something was looked at. */
  | ({ readonly kind: 'reminded' } & Pick<Reminding, 'tell' | 'keys'>)
  /** The owner asked by a click to save now, from these; none: nothing is connected. */
  | { readonly kind: 'asked'; readonly ids: readonly SourceId[] }
  | { readonly kind: 'ejected'; readonly id: SourceId; readonly name: string; readonly failure?: Failure }
  /** What the owner asked for by a click could not be done. */
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'iconChanged'; readonly icon: IconStatus }
  /** Notices that no desktop would take; all there are. */
  | { readonly kind: 'undelivered'; readonly notices: readonly Need[] }
  | { readonly kind: 'partTroubled'; readonly part: AgentPart; readonly isInTrouble: boolean };

export interface AgentState {
  readonly connected: ReadonlyMap<SourceId, SeenDevice>;
  readonly announcements: ReadonlyMap<SourceId, Announcement>;
  /** The last import of each device, if it could not begin or was stopped. */
  readonly failures: ReadonlyMap<SourceId, Failure & { readonly name: string }>;
  /** Phones that could be saved from if they were unlocked, and since when. Of the wall clock. */
  readonly lockedSinceMs: ReadonlyMap<SourceId, number>;
  /** Parts that keep failing. */
  readonly troubles: ReadonlySet<AgentPart>;
  readonly job:
    | {
        readonly id: SourceId;
        readonly name: string;
        readonly progress?: SourceProgress;
        readonly leftMs?: number;
        /** To a drive; else photos are saved from it. */
        readonly isCopy?: true;
      }
    | undefined;
  /** Undefined: not known yet. */
  readonly icon: IconStatus | undefined;
  readonly undelivered: readonly Need[];
}

export const calmState: AgentState = {
  connected: new Map(),
  announcements: new Map(),
  failures: new Map(),
  lockedSinceMs: new Map(),
  troubles: new Set(),
  job: undefined,
  icon: undefined,
  undelivered: [],
};

/** @param nowMs when it happened, of the wall clock. */
export function foldEvent(state: AgentState, event: AgentEvent, nowMs: number): AgentState {
  const next = fold(state, event);
  const isLocked = (id: SourceId, { advice }: SeenDevice) =>
    advice?.code === phoneLocked || next.failures.get(id)?.code === phoneLocked;
  const locked = [...next.connected].flatMap(([id, device]) => (isLocked(id, device) ? [id] : []));
  return { ...next, lockedSinceMs: new Map(locked.map((id) => [id, state.lockedSinceMs.get(id) ?? nowMs])) };
}

const phoneLocked = 'PHONE_LOCKED';

function fold(state: AgentState, event: AgentEvent): AgentState {
  switch (event.kind) {
    case 'arrived':
      return { ...state, connected: withEntry(state.connected, event.device.id, event.device) };
    case 'left':
      return {
        ...state,
        connected: without(state.connected, event.id),
        announcements: without(state.announcements, event.id),
        // What it needed its owner for, it needs when it is here again.
        failures: isOfPhone(state.failures.get(event.id)) ? without(state.failures, event.id) : state.failures,
      };
    case 'announced': {
      const { announcement } = event;
      return { ...state, announcements: withEntry(state.announcements, announcement.id, announcement) };
    }
    case 'decided':
      return {
        ...state,
        announcements: without(state.announcements, event.id),
        failures: without(state.failures, event.id),
      };
    case 'importBegan':
      return { ...state, job: { id: event.id, name: event.name } };
    case 'importProgress':
      if (state.job?.id !== event.id) return state;
      return {
        ...state,
        job: {
          ...state.job,
          progress: event.progress,
          ...(event.leftMs === undefined ? {} : { leftMs: event.leftMs }),
        },
      };
    case 'importEnded': {
      const stopped = stopOf(event.result.imports);
      const failures =
        stopped === undefined || isByWish(event.result.imports)
          ? without(state.failures, event.id)
          : withEntry(state.failures, event.id, { ...stopped, name: event.name });
      return {
        ...state,
        job: jobAfter(state, event.id),
        failures,
        announcements: without(state.announcements, event.id),
      };
    }
    case 'driveArrived':
    case 'reminded':
    case 'asked':
    case 'ejected':
    case 'refused':
      return state;
    case 'jobEnded':
      return { ...state, job: jobAfter(state, event.id) };
    case 'iconChanged':
      return { ...state, icon: event.icon };
    case 'undelivered':
      return { ...state, undelivered: event.notices };
    case 'driveLeft':
      return { ...state, failures: without(state.failures, event.id) };
    case 'copyBegan':
      return { ...state, job: { id: event.id, name: event.name, isCopy: true } };
    case 'copyEnded': {
      const stopped = event.report?.stopped;
      const failures =
        stopped === undefined || stopped.code === 'INTERRUPTED'
          ? without(state.failures, event.id)
          : withEntry(state.failures, event.id, { ...stopped, name: event.name });
      return { ...state, job: jobAfter(state, event.id), failures };
    }
    case 'copyFailed':
    case 'importFailed':
      return {
        ...state,
        job: jobAfter(state, event.id),
        failures: withEntry(state.failures, event.id, { ...event.failure, name: event.name }),
      };
    case 'partTroubled': {
      const troubles = new Set(state.troubles);
      if (event.isInTrouble) troubles.add(event.part);
      else troubles.delete(event.part);
      return { ...state, troubles };
    }
  }
}

/** What the owner had done by hand may end beside a job of the agent. */
function jobAfter({ job }: AgentState, ended: SourceId): AgentState['job'] {
  return job?.id === ended ? undefined : job;
}

function isOfPhone(failure: Failure | undefined): boolean {
  return failure?.code.startsWith('PHONE_') === true;
}

/** The status that the catalogue gives, and what goes on now. @param nowMs of the wall clock. */
export function addToStatus(status: Status, state: AgentState, nowMs: number): Status {
  const { job } = state;
  const ofDevices: readonly (readonly [SourceId, Need])[] = [
    ...[...state.failures].map(([id, { code, message, remedy }]) => [id, { code, message, remedy }] as const),
    ...[...state.connected.values()].flatMap(({ id, advice }) =>
      // One nobody has said yes to is announced; what it would need comes after that.
      advice === undefined || state.announcements.has(id) || state.failures.has(id) ? [] : [[id, advice] as const],
    ),
  ];
  // A phone that is only charged needs nobody: what it would need is good to know.
  const isPressing = ([id, { code }]: (typeof ofDevices)[number]) => {
    const at = status.sources.find((source) => source.id === id)?.lastSuccessAt;
    const lastSuccessAgeMs = typeof at === 'string' ? nowMs - Date.parse(at) : Number.POSITIVE_INFINITY;
    return (
      code !== phoneLocked || isToBeUnlocked({ waitsMs: nowMs - (state.lockedSinceMs.get(id) ?? 0), lastSuccessAgeMs })
    );
  };
  const needs: Need[] = [
    ...ofDevices.filter(isPressing).map(([, need]) => need),
    ...[...state.troubles].map(describeTrouble),
    ...[...state.announcements.values()].map(describeNewDevice),
  ];
  const known = status.needsYou.filter(({ code }) => code !== 'INTERRUPTED' || job === undefined);
  const needsYou = [...known, ...needs];
  return {
    ...status,
    state: job !== undefined ? 'saving' : needsYou.length > 0 ? 'needsYou' : status.state,
    sources: status.sources.map((source) => ({ ...source, connected: state.connected.has(source.id as SourceId) })),
    jobs:
      job === undefined
        ? status.jobs
        : [
            {
              // First: there too is a name, of the file under way.
              ...job.progress,
              ...{ kind: 'import', source: job.id, name: job.name },
              ...(job.isCopy === undefined ? {} : { isCopy: job.isCopy }),
              ...(job.leftMs === undefined ? {} : { leftMs: job.leftMs }),
            },
          ],
    needsYou,
    notes: [...status.notes, ...ofDevices.filter((each) => !isPressing(each)).map(([, need]) => need)],
    agent: 'running',
    newDevices: [...state.announcements.values()].map(({ id, name, contents }) => ({
      ...{ id, name, kind: state.connected.get(id)?.kind ?? '' },
      ...(contents === undefined ? {} : { newFiles: contents.newFiles }),
      ...(contents?.isEstimate === true ? { isEstimate: true as const } : {}),
    })),
    undelivered: state.undelivered,
    ...(state.icon === undefined ? {} : { icon: state.icon }),
  };
}

function describeNewDevice({ id, name, contents }: Announcement): Need {
  const about = contents?.isEstimate === true ? 'about ' : '';
  const what = contents === undefined ? '' : `, with ${about}${contents.newFiles.toLocaleString('en')} new files`;
  return {
    code: 'NEW_DEVICE',
    message: `"${name}" is connected for the first time${what}.`,
    remedy: `To save its photos: keepsake enroll ${id}. Only this once: keepsake backup ${id}. Never: keepsake ignore ${id}.`,
  };
}

const undone: Readonly<Record<AgentPart, string>> = {
  api: 'Keepsake cannot be asked how things stand right now.',
  watch: 'Keepsake cannot notice cards and folders by itself right now.',
  phones: 'Keepsake cannot notice iPhones by itself right now.',
  schedule: 'Keepsake cannot look at folders at the set times right now.',
  surfaces: 'Keepsake cannot show its icon and its messages right now.',
};

export function describeTrouble(part: AgentPart): Need {
  return {
    code: 'AGENT_IMPAIRED',
    message: undone[part],
    remedy: 'It keeps trying. To be sure, restart the computer, and save by hand meanwhile: keepsake backup',
  };
}

/** What stopped an import before its end. */
export function stopOf(imports: readonly ImportReport[]): Failure | undefined {
  return imports.find(({ stopped }) => stopped !== undefined)?.stopped;
}

/** In a report, unlike in a status, this code is of what somebody wished to end: no failure. */
export function isByWish(imports: readonly ImportReport[]): boolean {
  return stopOf(imports)?.code === 'INTERRUPTED';
}

function withEntry<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key, value: Value): ReadonlyMap<Key, Value> {
  return new Map(map).set(key, value);
}

function without<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> {
  const rest = new Map(map);
  rest.delete(key);
  return rest;
}
