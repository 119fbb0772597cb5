// An icon that asks each evening for what nobody needs is not looked at on the day it matters; one that keeps still about a phone that
// was not saved for weeks is worse.
import { expect, test } from 'vitest';
import { type AgentEvent, type AgentState, addToStatus, calmState, foldEvent } from '../../../src/agent/agent-state.ts';
import type { AbsolutePath, SourceId } from '../../../src/domain/ids.ts';
import type { Status } from '../../../src/domain/status.ts';
import { renderTray } from '../../../src/notify/tray/tray-menu.ts';

const nowMs = Date.UTC(2026, 2, 20, 19);
const hourMs = 3_600_000;
const id = 'mum' as SourceId;
const locked = { code: 'PHONE_LOCKED', message: "Mum's iPhone is locked.", remedy: 'Unlock it.' };
const denied = { code: 'PHONE_TRUST_DENIED', message: "Mum's iPhone was told not to.", remedy: 'Plug it in again.' };
const device = { id, kind: 'iphone', name: "Mum's iPhone" };
const arrives = (advice?: typeof locked) =>
  ({ kind: 'arrived', device: { ...device, ...(advice === undefined ? {} : { advice }) } }) as AgentEvent;
const fails = { kind: 'importFailed', id, name: device.name, failure: locked } as AgentEvent;

function statusWith(lastSuccessAgoMs: number | undefined): Status {
  const at = lastSuccessAgoMs === undefined ? null : new Date(nowMs - lastSuccessAgoMs).toISOString();
  return {
    ...{ state: 'idle', library: '/photos' as AbsolutePath, agent: 'running', drives: [], jobs: [], needsYou: [] },
    ...{ notes: [], newDevices: [], undelivered: [], photos: { assets: 3, inLibrary: 3, safe: 3, elsewhere: 0 } },
    sources: [
      {
        ...{ id, name: device.name, kind: 'iphone', lastSuccessAt: at, complete: true, onDevice: 3, iCloudOnly: 0 },
        ...{ unknown: 0, saved: 3, overdue: false },
      },
    ],
  };
}

/** What is shown at `nowMs` of what began so long before. */
function shown(state: AgentState, lastSuccessAgoMs: number | undefined) {
  const status = addToStatus(statusWith(lastSuccessAgoMs), state, nowMs);
  const { icon, headline } = renderTray({ status, nowMs, timeZone: 'UTC' });
  const codes = (of: Status['notes']) => of.map(({ code }) => code);
  return { icon, headline, state: status.state, needsYou: codes(status.needsYou), notes: codes(status.notes) };
}

const after = (durationMs: number, ...events: readonly AgentEvent[]) =>
  events.reduce((state, event) => foldEvent(state, event, nowMs - durationMs), calmState);

const leftAlone = {
  ...{ icon: 'safe', headline: 'All 3 photos are safe', state: 'idle', needsYou: [], notes: ['PHONE_LOCKED'] },
};
const asksFor = (code: string, message: string) => ({
  ...{ icon: 'needsYou', headline: message, state: 'needsYou', needsYou: [code], notes: [] },
});
const askedFor = asksFor('PHONE_LOCKED', "Mum's iPhone is locked.");

test('A locked phone that was saved yesterday is only charged: the icon says how the photos are', () => {
  expect(shown(after(3 * hourMs, arrives(locked)), 24 * hourMs)).toEqual(leftAlone);
  expect(shown(after(3 * hourMs, arrives(), fails), 47 * hourMs)).toEqual(leftAlone);
});

test('One that was not saved for two days, or never, is asked for once its owner had time to unlock it', () => {
  for (const age of [48 * hourMs, 400 * hourMs, undefined]) {
    expect(shown(after(59_000, arrives(locked)), age)).toEqual(leftAlone);
    expect(shown(after(60_000, arrives(locked)), age)).toEqual(askedFor);
    expect(shown(after(60_000, arrives(), fails), age)).toEqual(askedFor);
  }
});

test('What happens meanwhile does not begin the waiting anew; unlocking or leaving does', () => {
  const since = after(90_000, arrives(locked));
  const busy = foldEvent(
    foldEvent(since, { kind: 'copyBegan', id: 'drive-b' as SourceId, name: 'B' }, nowMs),
    arrives(locked),
    nowMs,
  );
  expect(shown({ ...busy, job: undefined }, undefined)).toEqual(askedFor);
  for (const between of [arrives(), { kind: 'left', id, name: device.name } as AgentEvent]) {
    const again = foldEvent(foldEvent(since, between, nowMs - 1000), arrives(locked), nowMs - 1000);
    expect(shown(again, undefined)).toEqual(leftAlone);
  }
});

test('What does not end by unlocking is told at once, however fresh the photos are', () => {
  expect(shown(after(0, arrives(denied)), hourMs)).toEqual(asksFor(denied.code, denied.message));
});

test('A new device is not said to have an exact number of files that were not counted', () => {
  const contents = { newFiles: 1200, newPhotos: 900, newBytes: 1, knownFiles: 5 };
  const status = (isEstimate: boolean) => {
    const announcement = { id, name: 'Anna', contents: { ...contents, isEstimate } };
    return addToStatus(statusWith(undefined), after(0, { kind: 'announced', announcement }), nowMs);
  };
  expect(status(true).needsYou[0]?.message).toBe('"Anna" is connected for the first time, with about 1,200 new files.');
  expect(status(false).needsYou[0]?.message).toBe('"Anna" is connected for the first time, with 1,200 new files.');
  expect(status(true).newDevices).toMatchObject([{ newFiles: 1200, isEstimate: true }]);
});
