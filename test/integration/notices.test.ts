// A notice that is shown twice, answers for somebody else's, or holds up the agent is worse than none; one that is not shown must be known.
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Notice } from '../../src/domain/notice.ts';
import type { OwnerWish } from '../../src/domain/owner-wish.ts';
import type { NoticeMemory, NoticeService, ShownNotice } from '../../src/notify/notices/notice-desktop.ts';
import { openNoticeService } from '../../src/notify/notices/notice-service.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openSessionBus } from '../../src/platform/session-bus.ts';
import { temporaryFolder } from '../support/keepsake.ts';
import { startRecorder } from '../support/notification-recorder.ts';
import { patience } from '../support/patience.ts';
import { type Desktop, needDesktop, startDesktop } from '../support/private-desktop.ts';
import { serviceBefore } from '../support/session-stand-in.ts';

beforeEach((context) => needDesktop(context));

const question: Notice = {
  key: 'question:mum',
  title: "Mum's <i>iPhone</i> is here for the first time",
  body: 'Shall its photos be saved? <b>&\u202e',
  buttons: [
    { label: 'Save its photos', wish: { kind: 'decide', device: 'mum', decision: 'always' } },
    { label: 'Never', wish: { kind: 'decide', device: 'mum', decision: 'never' } },
  ],
  weight: 'lasting',
};
const done: Notice = { key: 'visit:mum', title: 'Mum', body: 'Done. 3 new photos.', buttons: [], weight: 'quiet' };

/** For tests of what hangs. Long enough for what does not, also on a busy computer. */
const soon = { answerTimeoutMs: 2000 };

function open(
  environment: Readonly<Record<string, string>>,
  options: { readonly answerTimeoutMs?: number; readonly memory?: NoticeMemory } = {},
): NoticeService & { readonly wishes: OwnerWish[] } {
  const wishes: OwnerWish[] = [];
  const service = openNoticeService({
    ...{ ...options, environment, clock: systemClock, log: pino({ level: 'silent' }), platform: 'linux' },
    onWish: (wish) => wishes.push(wish),
  });
  return Object.assign(service, { wishes });
}

/** The programs that are found are the process's own: these tests put a stand-in first. */
const path = process.env['PATH'];
afterEach(() => {
  process.env['PATH'] = path;
});
function standIn(folder: string, script: string): void {
  const program = join(folder, 'notify-send');
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  process.env['PATH'] = `${folder}:${path}`;
}
/** One that fails, as the real one does without a desktop. */
function withoutPrograms(folder: string): void {
  standIn(folder, 'echo "no desktop" >&2; exit 1');
}

/** What is stored of what is on the screen. */
function memory(noted: readonly ShownNotice[] = []): NoticeMemory & { noted: readonly ShownNotice[] } {
  const stored = {
    noted,
    load: async () => stored.noted,
    save: async (shown: readonly ShownNotice[]) => {
      stored.noted = shown;
    },
  };
  return stored;
}

async function showAtLast(notices: NoticeService, notice: Notice): Promise<void> {
  const isShown = async () =>
    await notices
      .show(notice)
      .then(() => true)
      .catch(() => false);
  await vi.waitUntil(isShown, patience);
}

async function busProcess(desktop: Desktop): Promise<number> {
  await using bus = await openSessionBus(desktop.environment, { timeoutMs: 5000 });
  const ofBus = { destination: 'org.freedesktop.DBus', path: '/', interface: 'org.freedesktop.DBus' };
  const question = { ...ofBus, member: 'GetConnectionUnixProcessID', signature: 's', body: [ofBus.destination] };
  const [id] = (await bus?.call(question, { timeoutMs: 5000 })) ?? [];
  if (typeof id !== 'number') throw new Error('there is no bus');
  return id;
}

/** Also true of one whose end nobody has asked about. */
function hasEnded(id: number): boolean {
  try {
    return readFileSync(`/proc/${id}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}

describe('On a desktop of the test', () => {
  test('texts are shown as they are, names do no harm, and a quiet notice makes no sound', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    await using notices = open(desktop.environment);
    await notices.show(question);
    await notices.show(done);
    expect(recorder.asked).toMatchObject([
      {
        ...{ app: 'Keepsake', title: "Mum's <i>iPhone</i> is here for the first time" },
        ...{ body: 'Shall its photos be saved? &lt;b&gt;&amp;?', actions: ['0', 'Save its photos', '1', 'Never'] },
        ...{ hints: { urgency: 1, 'desktop-entry': 'keepsake' }, expiresMs: 0, replaces: 0 },
      },
      {
        ...{ body: 'Done. 3 new photos.', actions: [], expiresMs: -1 },
        hints: { urgency: 0, transient: true, 'suppress-sound': true },
      },
    ]);
  });

  test('without buttons and markup, neither is sent', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop, { capabilities: ['body'] });
    await using notices = open(desktop.environment);
    await notices.show(question);
    expect(recorder.asked).toMatchObject([{ body: 'Shall its photos be saved? <b>&?', actions: [] }]);
  });

  test('one notice of a key takes the place of the one before, and goes when it is taken back', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    await using notices = open(desktop.environment);
    await notices.show({ ...done, body: 'Saving 3 photos.' });
    await notices.show(question);
    await notices.show(done);
    expect([...recorder.open.values()].map(({ body }) => body)).toEqual([
      'Done. 3 new photos.',
      'Shall its photos be saved? &lt;b&gt;&amp;?',
    ]);
    await notices.withdraw('visit:mum');
    await notices.withdraw('never shown');
    expect([...recorder.open.values()].map(({ title }) => title)).toEqual([question.title]);
  });

  test('a button does the thing, once; a click beside the buttons does nothing', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    await using notices = open(desktop.environment);
    await notices.show(question);
    recorder.press(1, 'default');
    recorder.press(2, '0');
    recorder.press(1, '7');
    recorder.press(1, ''); // no button's, although it counts as 0
    recorder.press(1, '1');
    await vi.waitUntil(() => notices.wishes.length > 0, patience);
    await vi.waitUntil(() => recorder.open.size === 0, patience);
    recorder.press(1, '1');
    await notices.show(done); // whatever was sent before has been heard
    expect(notices.wishes).toEqual([{ kind: 'decide', device: 'mum', decision: 'never' }]);
  });

  test('nobody else on the bus can press a button', async () => {
    await using desktop = await startDesktop({ display: false });
    await using _recorder = await startRecorder(desktop);
    await using notices = open(desktop.environment);
    await notices.show(question);
    const pretender = desktop.start('busctl', [
      ...['--user', 'emit', '/org/freedesktop/Notifications', 'org.freedesktop.Notifications'],
      ...['ActionInvoked', 'us', '1', '0'],
    ]);
    await new Promise((ended) => pretender.once('exit', ended));
    await notices.show(done);
    expect(notices.wishes).toEqual([]);
  });

  test('shown in a burst, there is one of each key, and it says the newest', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    await using notices = open(desktop.environment);
    const bodies = Array.from({ length: 50 }, (_, index) => `Saving ${index} photos.`);
    await Promise.all([...bodies.map((body) => notices.show({ ...done, body })), notices.show(question)]);
    expect([...recorder.open.values()].map(({ body }) => body)).toEqual([
      'Saving 49 photos.',
      'Shall its photos be saved? &lt;b&gt;&amp;?',
    ]);
  });

  test('more than anybody would read is not kept, and its buttons are no more', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    await using notices = open(desktop.environment);
    const keys = Array.from({ length: 60 }, (_, index) => `key ${index}`);
    const shown = await Promise.allSettled(keys.map((key) => notices.show({ ...question, key })));
    // One is being shown, 50 wait for it.
    expect(shown.map(({ status }) => status === 'fulfilled')).toEqual(keys.map((_, index) => index <= 50));
    for (let index = 0; index < 51; index += 1) await notices.show({ ...question, key: `more ${index}` });
    recorder.press(2, '0'); // 100 are remembered
    recorder.press(3, '1');
    await vi.waitUntil(() => notices.wishes.length > 0, patience);
    expect(notices.wishes).toEqual([{ kind: 'decide', device: 'mum', decision: 'never' }]);
  });

  test('that is let go of, nothing is shown any more, on any way', async () => {
    using folder = temporaryFolder();
    standIn(folder.path, `echo run >> "${join(folder.path, 'told')}"`);
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    const notices = open(desktop.environment);
    await notices.show(question);
    recorder.hang();
    const shown = Promise.allSettled([notices.show(done), notices.show({ ...done, key: 'waits' })]);
    await notices[Symbol.asyncDispose]();
    expect((await shown).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    expect(existsSync(join(folder.path, 'told'))).toBe(false);
  });

  test('taken back while it is being shown, it goes', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    await using notices = open(desktop.environment);
    const shown = notices.show(question);
    const waits = notices.show(done);
    await notices.withdraw(question.key);
    await notices.withdraw(done.key);
    await Promise.all([shown, waits]);
    await notices.show({ ...done, key: 'other' });
    await vi.waitUntil(() => recorder.open.size === 1, patience);
    expect([...recorder.open.values()].map(({ title }) => title)).toEqual(['Mum']);
  });

  test('a question that was taken back, answered or closed is not asked again by the next desktop', async () => {
    await using desktop = await startDesktop({ display: false });
    const first = await startRecorder(desktop);
    await using notices = open(desktop.environment);
    for (const key of ['taken back', 'answered', 'closed', 'gone in between', 'open'])
      await notices.show({ ...question, key, body: key });
    await notices.withdraw('taken back');
    first.press(2, '0');
    first.close(3);
    await vi.waitUntil(() => notices.wishes.length > 0, patience);
    await notices.show(done); // whatever was sent before has been heard
    await first[Symbol.asyncDispose]();
    await notices.withdraw('gone in between');
    await using second = await startRecorder(desktop, { firstId: 100 });
    await vi.waitUntil(() => second.asked.length > 0, patience);
    await notices.show({ ...done, key: 'last' });
    expect(second.asked.map(({ body }) => body)).toEqual(['open', done.body]);
  });

  test('that gives way to another while it shows, the other shows it, and has the buttons', async () => {
    await using desktop = await startDesktop({ display: false });
    await using first = await startRecorder(desktop, { mayBeReplaced: true });
    await using notices = open(desktop.environment);
    await notices.show(question);
    await using second = await startRecorder(desktop, { firstId: 1, replaces: true });
    await vi.waitUntil(() => second.asked.length > 0, patience);
    first.press(1, '0'); // the one before is still on the bus
    await notices.show({ ...question, body: 'Again.' });
    expect(notices.wishes).toEqual([]);
    expect(second.asked.map(({ replaces, body }) => ({ replaces, body }))).toEqual([
      { replaces: 0, body: 'Shall its photos be saved? &lt;b&gt;&amp;?' },
      { replaces: 1, body: 'Again.' },
    ]);
    second.press(1, '1');
    await vi.waitUntil(() => notices.wishes.length > 0, patience);
    expect(notices.wishes).toEqual([{ kind: 'decide', device: 'mum', decision: 'never' }]);
  });

  test('at the end nothing is left whose buttons nobody hears', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    const notes = memory();
    const notices = open(desktop.environment, { memory: notes });
    await notices.show(question);
    await notices.show({ ...done, body: 'Saving 3 photos. Leave it plugged in.' });
    await vi.waitUntil(() => notes.noted.length === 1, patience);
    await notices[Symbol.asyncDispose]();
    expect(recorder.open.size).toBe(0);
    expect(notes.noted).toEqual([]);
  });

  test('that hangs at the end does not hold it up, and takes back what was shown when it comes to', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    const notices = open(desktop.environment);
    await notices.show(question);
    recorder.hang();
    await notices[Symbol.asyncDispose]();
    recorder.comeTo();
    await vi.waitUntil(() => recorder.open.size === 0, patience);
  });

  test('after a crash, the next run takes back what the one before left, and what is no longer there is not noted', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    const notes = memory();
    await using crashed = open(desktop.environment, { memory: notes });
    for (const key of ['question:mum', 'closed', 'pressed', 'taken back']) await crashed.show({ ...question, key });
    await crashed.show(done);
    recorder.close(2);
    recorder.press(3, '1');
    await crashed.withdraw('taken back');
    await vi.waitUntil(() => notes.noted.length === 1, patience);
    const after = memory(notes.noted);
    await using next = open(desktop.environment, { memory: after });
    expect(await next.takeBackLeftOvers()).toEqual(['question:mum']);
    expect([...recorder.open.values()].map(({ title }) => title)).toEqual([done.title]);
    await vi.waitUntil(() => after.noted.length === 0, patience);
    expect(await next.takeBackLeftOvers()).toEqual([]);
    await next.show(question);
    await vi.waitUntil(() => after.noted.length === 1, patience);
  });

  test.for([
    ['another desktop has', async (): Promise<void> => undefined],
    [
      'a bus that was started again has',
      async (desktop: Desktop): Promise<void> => {
        await desktop.killBus();
        await desktop.startBus();
      },
    ],
  ] as const)('a number of somebody else, which %s given, is never taken back', async ([, between]) => {
    await using desktop = await startDesktop({ display: false });
    const first = await startRecorder(desktop);
    const notes = memory();
    await using crashed = open(desktop.environment, { memory: notes });
    await crashed.show(question);
    await vi.waitUntil(() => notes.noted.length === 1, patience);
    const left: readonly ShownNotice[] = notes.noted;
    await first[Symbol.asyncDispose]();
    await between(desktop);
    await using second = await startRecorder(desktop);
    await using stranger = open(desktop.environment);
    await stranger.show({ ...question, key: 'a stranger' });
    await using next = open(desktop.environment, { memory: memory(left) });
    expect(await next.takeBackLeftOvers()).toEqual([]);
    await next.show({ ...done, key: 'last' }); // whatever was sent before has been heard
    expect([...second.open.values()].some(({ id }) => id === left[0]?.id)).toBe(true);
  });

  test('that hangs and comes to, what it was asked is neither doubled nor forgotten', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    await using notices = open(desktop.environment, soon);
    await notices.show(done);
    recorder.hang();
    await expect(notices.show(question)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    recorder.comeTo();
    await showAtLast(notices, { ...question, body: 'Again.' });
    expect([...recorder.open.values()].map(({ body }) => body)).toEqual([done.body, 'Again.']);
    await notices.withdraw(question.key);
    expect([...recorder.open.values()].map(({ body }) => body)).toEqual([done.body]);
  });

  test('that hung from the start, it shows as soon as it comes to', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop, { isHung: true });
    await using notices = open(desktop.environment, soon);
    await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    expect(recorder.asked).toEqual([]);
    recorder.comeTo();
    await showAtLast(notices, done);
    expect(recorder.asked).toHaveLength(1);
  });

  test('that hangs, what is taken back meanwhile goes when it comes to', async () => {
    await using desktop = await startDesktop({ display: false });
    await using recorder = await startRecorder(desktop);
    await using notices = open(desktop.environment, soon);
    await notices.show(done);
    recorder.hang();
    await expect(notices.show(question)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    await notices.withdraw(done.key);
    await notices.withdraw(question.key);
    recorder.comeTo();
    await vi.waitUntil(() => recorder.asked.length === 2 && recorder.open.size === 0, patience);
  });

  test('on a bus that hangs, a notice is given up, and nothing waits for the next', async () => {
    using folder = temporaryFolder();
    standIn(folder.path, `echo run >> "${join(folder.path, 'told')}"; exec sleep 60`);
    await using desktop = await startDesktop({ display: false });
    await using notices = open(desktop.environment, soon);
    process.kill(await busProcess(desktop), 'SIGSTOP');
    for (let index = 0; index < 50; index += 1)
      await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    expect(existsSync(join(folder.path, 'told'))).toBe(false); // it would hang too
  });

  test('that is restarted, no number of the one before is used, and a question is asked again', async () => {
    await using desktop = await startDesktop({ display: false });
    const first = await startRecorder(desktop);
    await using notices = open(desktop.environment);
    await notices.show(done);
    await notices.show(question);
    await first[Symbol.asyncDispose]();
    await using second = await startRecorder(desktop, { firstId: 100 });
    await vi.waitUntil(() => second.asked.length > 0, patience);
    await notices.show(done);
    expect(second.asked.map(({ id, replaces, title }) => ({ id, replaces, title }))).toEqual([
      { id: 100, replaces: 0, title: question.title },
      { id: 101, replaces: 0, title: 'Mum' },
    ]);
  });

  test('whose bus ends and comes back shows again', async () => {
    using folder = temporaryFolder();
    withoutPrograms(folder.path);
    await using desktop = await startDesktop({ display: false });
    await using _first = await startRecorder(desktop);
    await using notices = open(desktop.environment);
    await notices.show(done);
    await desktop.killBus();
    await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    await notices.withdraw('visit:mum');
    await desktop.startBus();
    await using second = await startRecorder(desktop);
    await notices.show(done);
    expect(second.asked).toHaveLength(1);
  });
});

test('A service that is older than the desktop finds the bus that is there now', async () => {
  using folder = temporaryFolder();
  withoutPrograms(folder.path);
  await using desktop = await startDesktop({ display: false, bus: false });
  await using notices = open(serviceBefore(folder.path, {}));
  await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
  await desktop.startBus();
  await using recorder = await startRecorder(desktop);
  serviceBefore(folder.path, desktop.environment);
  await notices.show(done);
  expect(recorder.asked.map(({ body }) => body)).toEqual([done.body]);
});

test('Who ends at once does not name its program, which some desktops would take the notice away for', async () => {
  await using desktop = await startDesktop({ display: false });
  await using recorder = await startRecorder(desktop);
  const options = { environment: desktop.environment, clock: systemClock, log: pino({ level: 'silent' }) };
  await using notices = openNoticeService({
    ...options,
    platform: 'linux',
    isShortLived: true,
    onWish: () => undefined,
  });
  await notices.show(done);
  expect(recorder.asked.map(({ hints }) => Object.keys(hints))).toEqual([['urgency', 'transient', 'suppress-sound']]);
  await notices[Symbol.asyncDispose]();
  expect(recorder.open.size).toBe(1); // it is to be read when this process is gone
});

describe('Without a desktop', () => {
  test('the second way is tried, with texts that are texts', async () => {
    using folder = temporaryFolder();
    const told = join(folder.path, 'told');
    standIn(folder.path, `for each; do printf '%s\\n' "$each" >> "${told}"; done`);
    await using desktop = await startDesktop({ display: false, bus: false });
    await using notices = open(desktop.environment);
    await notices.show({ ...done, title: '-rf "$HOME" `id` $(id)', body: "it's 3 > 2; `id`" });
    const lines = readFileSync(told, 'utf8').split('\n');
    expect(lines).toContain('–rf "$HOME" `id` $(id)');
    expect(lines).toContain("it's 3 > 2; `id`");
  });

  test('the second way is on the display that is there now, and nothing else of this process changes', async () => {
    using folder = temporaryFolder();
    const told = join(folder.path, 'told');
    standIn(folder.path, `printf '%s|%s' "$DISPLAY" "$HOME" > "${told}"`);
    const before = { ...process.env };
    await using notices = open(serviceBefore(folder.path, { DISPLAY: ':77' }));
    await notices.show(done);
    expect(readFileSync(told, 'utf8')).toBe(`:77|${before['HOME']}`);
    expect({ ...process.env }).toEqual(before);
  });

  test.for([
    ['fails', 'exit 1'],
    ['complains', 'echo "no" >&2'],
  ] as const)('and where that %s, it is known', async ([, script]) => {
    using folder = temporaryFolder();
    standIn(folder.path, script);
    await using desktop = await startDesktop({ display: false, bus: false });
    await using notices = open(desktop.environment);
    await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
  });

  test('and where that hangs, it is ended, and nothing waits for the next', async () => {
    using folder = temporaryFolder();
    const started = join(folder.path, 'started');
    standIn(folder.path, `echo $$ >> "${started}"; exec sleep 60`);
    await using desktop = await startDesktop({ display: false, bus: false });
    await using notices = open(desktop.environment, soon);
    for (let index = 0; index < 50; index += 1)
      await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    const processes = readFileSync(started, 'utf8').trim().split('\n').map(Number);
    expect(processes).toHaveLength(1);
    await vi.waitUntil(() => processes.every(hasEnded), patience);
  });

  test('names are no markup there either, a quiet notice is quiet, a lasting one lasts', async () => {
    using folder = temporaryFolder();
    const told = join(folder.path, 'told');
    standIn(folder.path, `printf '%s|' "$@" >> "${told}"; echo >> "${told}"`);
    await using desktop = await startDesktop({ display: false, bus: false });
    await using notices = open(desktop.environment);
    await notices.show({ ...done, title: '  --help', body: '<a href="x">Mum</a> \\' });
    await notices.show({ ...question, body: 'long '.repeat(100_000) });
    const [quiet = '', lasting = ''] = readFileSync(told, 'utf8').split('\n');
    expect(quiet).toMatch(/^ {2}--help\|‹a href="x">Mum‹\/a> \\\|/);
    expect(quiet).toContain('--urgency|low|');
    expect(quiet).toContain('--hint|int:transient:1|');
    expect(lasting).toContain('--expire-time|0|');
    expect(lasting).toContain('--urgency|normal|');
    expect(lasting.length).toBeLessThan(1000);
  });
});

describe('On dunst', () => {
  beforeEach((context) => needDesktop(context, 'dunst', 'dunstctl'));
  async function startDunst(desktop: Desktop) {
    const dunst = desktop.start('dunst');
    const bus = await openSessionBus(desktop.environment, { timeoutMs: 5000 });
    const name = {
      destination: 'org.freedesktop.DBus',
      path: '/org/freedesktop/DBus',
      interface: 'org.freedesktop.DBus',
    };
    const isThere = async () => {
      const call = { ...name, member: 'NameHasOwner', signature: 's', body: ['org.freedesktop.Notifications'] };
      return (await bus?.call(call, { timeoutMs: 5000 }))?.[0] === true;
    };
    await vi.waitUntil(isThere, patience);
    await bus?.[Symbol.asyncDispose]();
    return dunst;
  }
  async function dunstCount(desktop: Desktop, which: string): Promise<number> {
    const environment = { ...process.env, ...desktop.environment };
    const { stdout } = await promisify(execFile)('dunstctl', ['count', which], { env: environment });
    return Number(stdout);
  }
  const dunstctl = async (desktop: Desktop, ...args: readonly string[]) =>
    await new Promise((ended) => desktop.start('dunstctl', args).once('exit', ended));

  test('a button that is pressed there does the thing', async () => {
    await using desktop = await startDesktop();
    await startDunst(desktop);
    await using notices = open(desktop.environment);
    await notices.show({ ...question, buttons: question.buttons.slice(0, 1) });
    await dunstctl(desktop, 'action', '0');
    await vi.waitUntil(() => notices.wishes.length > 0, patience);
    expect(notices.wishes).toEqual([{ kind: 'decide', device: 'mum', decision: 'always' }]);
  });

  test('it is replaced, taken back, and shown as it is written', async () => {
    await using desktop = await startDesktop();
    await startDunst(desktop);
    await using notices = open(desktop.environment);
    await notices.show({ ...done, body: 'Saving 3 photos.' });
    await notices.show(done);
    await notices.show(question);
    expect(await dunstCount(desktop, 'displayed')).toBe(2);
    await notices.withdraw(done.key);
    await notices.withdraw(question.key);
    expect(await dunstCount(desktop, 'displayed')).toBe(0);
  });

  test('that is stopped and goes on, notices are shown again', async () => {
    await using desktop = await startDesktop();
    const dunst = await startDunst(desktop);
    await using notices = open(desktop.environment, soon);
    await notices.show(done);
    dunst.kill('SIGSTOP');
    await expect(notices.show({ ...question, buttons: [] })).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    dunst.kill('SIGCONT');
    await showAtLast(notices, question);
    expect(await dunstCount(desktop, 'displayed')).toBe(2); // not a second question
  });

  test('that hangs, a notice is given up, and nothing waits for the next', async () => {
    await using desktop = await startDesktop();
    const dunst = await startDunst(desktop);
    await using notices = open(desktop.environment, soon);
    await notices.show(done);
    dunst.kill('SIGSTOP');
    await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    // Each alone would take seconds: all of them the time that this test has.
    for (let index = 0; index < 50; index += 1)
      await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    await notices.withdraw('visit:mum');
    dunst.kill('SIGKILL');
    await new Promise((ended) => dunst.once('exit', ended));
    await startDunst(desktop);
    await showAtLast(notices, done);
  });
});
