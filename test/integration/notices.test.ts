// A notice that is shown twice, answers for somebody else's, or holds up the agent is worse than none; one that is not shown must be known.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Notice } from '../../src/domain/notice.ts';
import type { OwnerWish } from '../../src/domain/owner-wish.ts';
import type { NoticeService } from '../../src/notify/notices/notice-desktop.ts';
import { openNoticeService } from '../../src/notify/notices/notice-service.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openSessionBus } from '../../src/platform/session-bus.ts';
import { temporaryFolder } from '../support/keepsake.ts';
import { startRecorder } from '../support/notification-recorder.ts';
import { type Desktop, startDesktop } from '../support/private-desktop.ts';

const patience = { timeout: 10_000 };

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

function open(environment: Readonly<Record<string, string>>): NoticeService & { readonly wishes: OwnerWish[] } {
  const wishes: OwnerWish[] = [];
  const service = openNoticeService({
    ...{ environment, clock: systemClock, log: pino({ level: 'silent' }), platform: 'linux' },
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
    recorder.press(1, '0');
    await vi.waitUntil(() => notices.wishes.length > 0, patience);
    await vi.waitUntil(() => recorder.open.size === 0, patience);
    recorder.press(1, '0');
    await notices.show(done); // whatever was sent before has been heard
    expect(notices.wishes).toEqual([{ kind: 'decide', device: 'mum', decision: 'always' }]);
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

  test('and where that hangs, it is given up', async () => {
    using folder = temporaryFolder();
    standIn(folder.path, 'exec sleep 60');
    await using desktop = await startDesktop({ display: false, bus: false });
    await using notices = open(desktop.environment);
    await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
  });
});

describe('On dunst', () => {
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

  test('that hangs, a notice is given up, and nothing waits for the next', async () => {
    await using desktop = await startDesktop();
    const dunst = await startDunst(desktop);
    await using notices = open(desktop.environment);
    await notices.show(done);
    dunst.kill('SIGSTOP');
    await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    // Each alone would take seconds: all of them the time that this test has.
    for (let index = 0; index < 20; index += 1)
      await expect(notices.show(done)).rejects.toMatchObject({ code: 'NOTICE_UNDELIVERED' });
    await notices.withdraw('visit:mum');
    dunst.kill('SIGKILL');
    await new Promise((ended) => dunst.once('exit', ended));
    await startDunst(desktop);
    await vi.waitUntil(
      async () =>
        await notices
          .show(done)
          .then(() => true)
          .catch(() => false),
      patience,
    );
  });
});
