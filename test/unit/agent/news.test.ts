// What is lost between what happened and what its owner is told is not told at all.
import { expect, test } from 'vitest';
import type { AgentEvent } from '../../../src/agent/agent-state.ts';
import { type NewsContext, newsOf } from '../../../src/agent/news.ts';
import type { SourceId } from '../../../src/domain/ids.ts';

const id = 'mum' as SourceId;
const context: NewsContext = {
  ...{ wasConnected: false, isSettled: true, isAllSafe: true },
  kindOf: () => 'iphone',
  lastSuccessAgeMs: () => 1000,
};
const phone = { id, name: 'Mum', deviceKind: 'iphone' };
const failure = { code: 'LIBRARY_FULL', message: 'Full.', remedy: 'Make room.' };
const locked = { code: 'PHONE_LOCKED', message: 'Locked.', remedy: 'Unlock it.' };
const cloud = { code: 'ICLOUD_ONLY', message: '340 are only in iCloud.', remedy: 'Have them downloaded.' };
const report = { source: { id, kind: 'iphone', name: 'Mum' }, newPhotos: 3, failed: 0, deferred: 0 };
const ended = (change: object) =>
  ({ kind: 'importEnded', id, name: 'Mum', result: { imports: [{ ...report, ...change }] } }) as unknown as AgentEvent;
const copy = (change: object) =>
  ({
    kind: 'copyEnded',
    id: 'drive-b',
    name: 'Blue',
    isKnown: false,
    report: { copied: 5, complete: true, ...change },
  }) as unknown as AgentEvent;
const blue = { id: 'drive-b', name: 'Blue', deviceKind: 'drive' };

test.for([
  [
    'a phone arrives',
    { kind: 'arrived', device: { id, kind: 'iphone', name: 'Mum' } },
    [{ kind: 'arrived', byOwner: true, ...phone }],
  ],
  [
    'it arrives locked',
    { kind: 'arrived', device: { id, kind: 'iphone', name: 'Mum', advice: locked } },
    [
      { kind: 'arrived', byOwner: true, ...phone },
      { kind: 'waits', ...phone, why: locked, lastSuccessAgeMs: 1000 },
    ],
  ],
  [
    'all is saved',
    ended({}),
    [{ kind: 'saved', ...phone, newPhotos: 3, isComplete: true, isAllSafe: true, lastSuccessAgeMs: 1000 }],
  ],
  [
    'a file could not be read',
    ended({ failed: 1 }),
    [{ kind: 'saved', ...phone, newPhotos: 3, isComplete: false, isAllSafe: true, lastSuccessAgeMs: 1000 }],
  ],
  [
    'photos are only in iCloud',
    { ...ended({}), iCloudOnly: cloud },
    [
      {
        ...{ kind: 'saved', ...phone, newPhotos: 3, isComplete: true, isAllSafe: true, lastSuccessAgeMs: 1000 },
        onlyInICloud: cloud,
      },
    ],
  ],
  [
    'what is on a new phone was counted',
    { kind: 'announced', announcement: { id, name: 'Mum', contents: { newPhotos: 7, isEstimate: false } } },
    [{ kind: 'newDevice', ...phone, newPhotos: 7 }],
  ],
  [
    'what is on a new phone was worked out',
    { kind: 'announced', announcement: { id, name: 'Mum', contents: { newPhotos: 7, isEstimate: true } } },
    [{ kind: 'newDevice', ...phone, newPhotos: 7, isEstimate: true }],
  ],
  ['there is no room', ended({ stopped: failure }), [{ kind: 'stopped', ...phone, why: failure }]],
  [
    'it is locked in the middle',
    ended({ stopped: locked }),
    [{ kind: 'waits', ...phone, why: locked, lastSuccessAgeMs: 1000 }],
  ],
  [
    'it could not begin',
    { kind: 'importFailed', id, name: 'Mum', failure },
    [{ kind: 'stopped', ...phone, why: failure }],
  ],
  ['a drive is complete', copy({}), [{ kind: 'copied', files: 5, isComplete: true, ...blue }]],
  ['a drive is full', copy({ stopped: failure }), [{ kind: 'stopped', ...blue, why: failure }]],
  ['a drive is full as it was an hour ago', { ...copy({ stopped: failure }), isKnown: true }, []],
  [
    'what stays so is looked at',
    { kind: 'reminded', tell: [], keys: ['a'] },
    [{ kind: 'standing', tell: [], keys: ['a'] }],
  ],
  ['what stays so is not known', { kind: 'reminded', tell: [] }, []],
  [
    'there is no icon',
    { kind: 'iconChanged', icon: { shown: false, reason: { ...failure, code: 'ICON_NO_TRAY' } } },
    [{ kind: 'icon', isShown: false }],
  ],
  [
    'there is no desktop at all',
    { kind: 'iconChanged', icon: { shown: false, reason: { ...failure, code: 'ICON_NO_DESKTOP' } } },
    [],
  ],
] as const)('When %s', ([, event, news]) => {
  expect(newsOf(event as AgentEvent, context)).toEqual(news);
});

test('A phone that changes while it is here has not arrived again', () => {
  const event = { kind: 'arrived', device: { id, kind: 'iphone', name: 'Mum' } } as AgentEvent;
  expect(newsOf(event, { ...context, wasConnected: true })).toEqual([]);
  expect(newsOf(event, { ...context, isSettled: false })).toEqual([{ kind: 'arrived', byOwner: false, ...phone }]);
});

test('That saving ended because nothing is to be saved from it any more is told; what whoever wished it hears otherwise is not', () => {
  const stopped = {
    code: 'INTERRUPTED',
    message: 'Saving was stopped, as you wished.',
    remedy: 'There is nothing to do.',
  };
  expect(newsOf(ended({ stopped }), context)).toEqual([{ kind: 'stopped', ...phone, why: stopped }]);
  expect(newsOf({ ...ended({ stopped }), isKnown: true } as AgentEvent, context)).toEqual([]);
});
