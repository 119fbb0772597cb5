// The agent's events as news for its owner. Pure.

import type { News, NewsKind } from '../domain/news.ts';
import type { Need } from '../domain/status.ts';
import type { AgentEvent, Failure } from './agent-state.ts';

/** What was so before the event, and what is so now. */
export interface NewsContext {
  readonly wasConnected: boolean;
  /** Keepsake has been running for a while: what arrives now is plugged in by somebody. */
  readonly isSettled: boolean;
  /** Of a device that is or was connected. */
  kindOf(id: string): string | undefined;
  /** Before the event. */
  lastSuccessAgeMs(id: string): number | undefined;
  /** Every photo is proven on two disks. */
  readonly isAllSafe: boolean;
}

export function newsOf(event: AgentEvent, context: NewsContext): readonly News[] {
  switch (event.kind) {
    case 'arrived': {
      const { id, name, kind, advice } = event.device;
      const about = { id, name, deviceKind: newsKind(kind) };
      return [
        ...(context.wasConnected ? [] : [{ kind: 'arrived' as const, byOwner: context.isSettled, ...about }]),
        ...(advice === undefined ? [] : [waits(about, advice, context)]),
      ];
    }
    case 'driveArrived':
      return [{ kind: 'arrived', byOwner: context.isSettled, id: event.id, name: event.name, deviceKind: 'drive' }];
    case 'left':
    case 'driveLeft':
      return [{ kind: 'left', id: event.id }];
    case 'announced': {
      const { id, name, contents } = event.announcement;
      return [
        {
          ...{ kind: 'newDevice', id, name, deviceKind: newsKind(context.kindOf(id)) },
          ...(contents === undefined ? {} : { newPhotos: contents.newPhotos }),
          ...(contents?.isEstimate === true ? { isEstimate: true as const } : {}),
        },
      ];
    }
    case 'decided':
      return [{ kind: 'decided', id: event.id, isWanted: event.isWanted }];
    case 'importProgress': {
      const { id, progress, elapsedMs, leftMs } = event;
      if (progress.phase !== 'saving' || leftMs === undefined) return [];
      const deviceKind = isDrive(id) ? 'drive' : newsKind(context.kindOf(id));
      const amount = progress.photosTotal ?? progress.filesTotal;
      return [{ kind: 'progress', id, name: progress.sourceName, deviceKind, amount, elapsedMs, leftMs }];
    }
    case 'importEnded':
      return event.isKnown === true ? [] : saved(event, context);
    case 'importFailed':
      return [stopped({ ...event, deviceKind: newsKind(context.kindOf(event.id)) }, event.failure, context)];
    case 'copyEnded': {
      const { id, name, report, isKnown } = event;
      if (report === undefined || isKnown) return [];
      const about = { id, name, deviceKind: 'drive' as const };
      if (report.stopped !== undefined) return [stopped(about, report.stopped, context)];
      return [{ kind: 'copied', files: report.copied, isComplete: report.complete, ...about }];
    }
    case 'copyFailed':
      return [stopped({ id: event.id, name: event.name, deviceKind: 'drive' }, event.failure, context)];
    case 'reminded':
      return event.keys === undefined ? [] : [{ kind: 'standing', tell: event.tell, keys: event.keys }];
    case 'asked':
      return [{ kind: 'asked', ids: event.ids }];
    case 'ejected': {
      const { id, name, failure } = event;
      return [{ kind: 'ejected', id, name, ...(failure === undefined ? {} : { failure: needOf(failure) }) }];
    }
    case 'refused':
      return [{ kind: 'refused', why: needOf(event.failure) }];
    case 'iconChanged':
      // Without a desktop there is nobody to be told.
      if (!event.icon.shown && event.icon.reason.code === 'ICON_NO_DESKTOP') return [];
      return [{ kind: 'icon', isShown: event.icon.shown }];
    case 'importBegan':
    case 'copyBegan':
    case 'jobEnded':
    case 'partTroubled':
    case 'undelivered':
      return [];
  }
}

type About = { readonly id: string; readonly name: string; readonly deviceKind: NewsKind };

function saved(event: Extract<AgentEvent, { readonly kind: 'importEnded' }>, context: NewsContext): readonly News[] {
  const { id, name } = event;
  const [report] = event.result.imports;
  if (report === undefined) return [];
  const about = { id, name, deviceKind: newsKind(report.source.kind) };
  if (report.stopped !== undefined) return [stopped(about, report.stopped, context)];
  const { newPhotos, failed, deferred } = report;
  const lastSuccessAgeMs = context.lastSuccessAgeMs(id);
  return [
    {
      // What is only in iCloud does not count: all that is on the phone is saved.
      ...{ kind: 'saved', ...about, newPhotos, isComplete: failed + deferred === 0, isAllSafe: context.isAllSafe },
      ...(lastSuccessAgeMs === undefined ? {} : { lastSuccessAgeMs }),
      ...(event.iCloudOnly === undefined ? {} : { onlyInICloud: event.iCloudOnly }),
    },
  ];
}

/** What a phone needs its owner for is no failure. */
function stopped({ id, name, deviceKind }: About, failure: Failure, context: NewsContext): News {
  const about = { id, name, deviceKind };
  if (failure.code.startsWith('PHONE_')) return waits(about, failure, context);
  return { kind: 'stopped', ...about, why: needOf(failure) };
}

function waits(about: About, why: Failure, context: NewsContext): News {
  const lastSuccessAgeMs = context.lastSuccessAgeMs(about.id);
  return {
    ...{ kind: 'waits', ...about, why: needOf(why) },
    ...(lastSuccessAgeMs === undefined ? {} : { lastSuccessAgeMs }),
  };
}

function needOf({ code, message, remedy }: Failure): Need {
  return { code, message, remedy };
}

function isDrive(id: string): boolean {
  return id.startsWith('drive-');
}

function newsKind(kind: string | undefined): NewsKind {
  return kind === 'iphone' || kind === 'card' || kind === 'drive' ? kind : 'folder';
}
