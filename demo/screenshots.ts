// Takes the pictures in docs/images: the real icon and its menu in a real panel, and a real notice, on a display nobody sees.
// `node bin/with-node.js demo/screenshots.ts` on Debian with: xvfb openbox xfce4-panel dunst xdotool imagemagick adwaita-icon-theme

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pino from 'pino';
import type { AbsolutePath } from '../src/domain/ids.ts';
import type { Status } from '../src/domain/status.ts';
import { openNoticeService } from '../src/notify/notices/notice-service.ts';
import { question } from '../src/notify/notices/notice-words.ts';
import { Tray } from '../src/notify/tray/tray.ts';
import { renderTray } from '../src/notify/tray/tray-menu.ts';
import { systemClock } from '../src/platform/clock.ts';
import { type Desktop, startDesktop } from '../test/support/private-desktop.ts';

const run = promisify(execFile);
const images = join(import.meta.dirname, '../docs/images');
const log = pino({ level: 'silent' });
const nowMs = Date.now();
const daysAgo = (days: number) => new Date(nowMs - days * 86_400_000).toISOString();

const phone = {
  ...{ kind: 'iphone', complete: true, onDevice: 1, iCloudOnly: 0, unknown: 0, saved: 1, overdue: false },
  connected: false,
};
const drive = { missing: 0, isElsewhere: false, problems: 0, overdue: false, connected: false };
const safe: Status = {
  ...{ state: 'idle', library: '/photos' as AbsolutePath, agent: 'running', jobs: [], needsYou: [], notes: [] },
  ...{ newDevices: [], undelivered: [], photos: { assets: 8214, inLibrary: 8214, safe: 8214, elsewhere: 0 } },
  sources: [
    { ...phone, id: 'mum', name: "Mum's iPhone", lastSuccessAt: daysAgo(0.2) },
    { ...phone, id: 'dad', name: "Dad's iPhone", lastSuccessAt: daysAgo(3) },
  ],
  drives: [
    {
      ...drive,
      id: 'blue',
      name: 'Blue drive',
      connected: true,
      lastCopiedAt: daysAgo(0.1),
      lastCheckedAt: daysAgo(2),
    },
  ],
};
const states: Readonly<Record<string, Status>> = {
  safe,
  working: {
    ...safe,
    state: 'saving',
    jobs: [
      {
        ...{ kind: 'import', source: 'mum', name: "Mum's iPhone", phase: 'saving', files: 120, filesTotal: 212 },
        leftMs: 240_000,
      },
    ],
  },
  'needs-you': {
    ...safe,
    photos: { ...safe.photos, safe: 8002 },
    needsYou: [
      {
        code: 'PHONE_OVERDUE',
        message: "Photos from Dad's iPhone were last saved 15 days ago.",
        remedy: 'Plug it in and unlock it.',
      },
    ],
    sources: safe.sources.map((each) =>
      each.id === 'dad' ? { ...each, lastSuccessAt: daysAgo(15), overdue: true } : each,
    ),
    newDevices: [{ id: 'anna', name: "Anna's iPhone", kind: 'iphone', newFiles: 1204 }],
  },
};

/** A panel at the bottom with a clock and a place for icons, so that it asks no questions of its own. */
function configurePanel(desktop: Desktop): void {
  const path = join(desktop.environment['XDG_CONFIG_HOME'] ?? '', 'xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=8;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="28"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/><value type="int" value="2"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/><property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray"/>
  </property>
</channel>
`,
  );
}

async function shoot(desktop: Desktop, name: string, crop: string): Promise<void> {
  const path = join(images, `${name}.png`);
  const args = ['-window', 'root', '-crop', crop, '-trim', '+repage', '-colors', '96', `PNG8:${path}`];
  await run('import', args, { env: { ...desktop.environment } });
  process.stdout.write(`${path}\n`);
}

async function main(): Promise<void> {
  mkdirSync(images, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'keepsake-screenshots-'));
  await using desktop = await startDesktop();
  configurePanel(desktop);
  desktop.start('openbox');
  desktop.start('xfce4-panel', ['--disable-wm-check']);
  desktop.start('dunst');
  const stop = new AbortController();
  const shown = Promise.withResolvers<void>();
  const tray = new Tray({
    ...{ folder: folder as AbsolutePath, environment: desktop.environment, clock: systemClock, log },
    onWish: () => undefined,
    onIcon: (icon) => {
      if (icon.shown) shown.resolve();
      process.stdout.write(`${JSON.stringify(icon)}\n`);
    },
  });
  const show = (status: Status) => tray.show(renderTray({ status, nowMs, timeZone: 'UTC' }));
  show(safe);
  const ended = tray.run(stop.signal);
  await shown.promise;
  for (const [name, status] of Object.entries(states)) {
    show(status);
    await sleep(1500); // a panel says nothing when it has drawn
    // The icon is the last thing on the right of the panel.
    await run('xdotool', ['mousemove', '1008', '586', 'click', '1'], { env: { ...desktop.environment } });
    await sleep(1000);
    await shoot(desktop, `tray-${name}`, '460x400+564+200');
    await run('xdotool', ['key', 'Escape'], { env: { ...desktop.environment } });
    await sleep(300);
  }
  await using notices = openNoticeService({
    ...{ environment: desktop.environment, clock: systemClock, log, platform: 'linux' },
    onWish: () => undefined,
  });
  const about = { id: 'anna', name: "Anna's iPhone", deviceKind: 'iphone', newPhotos: 1204 } as const;
  await notices.show(question('question', { kind: 'newDevice', ...about }));
  await sleep(1000);
  await shoot(desktop, 'notice-new-device', '420x220+604+0');
  stop.abort();
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

await main();
