// `npm run demo`: an iPhone that is not there, in a home that goes away with it, so that one sees the whole way in a minute and can
// pull the plug with a key. Everything but the phone is real. Without a keyboard it plays by itself and ends.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakeIphone } from '../test/support/iphone/fake-iphone.ts';
import { FakeUsbmuxd } from '../test/support/iphone/fake-usbmuxd.ts';
import { addDatabase } from '../test/support/photos/listed-phone.ts';
import { type DescribedAsset, makePhotosDatabase } from '../test/support/photos/make-photos-database.ts';

const photos = 60;
/** What most iPhones have: photos of which only the list of photos and small pictures are on them. */
const photosInICloud = 140;
const photoBytes = 2_000_000;
/** Slow enough to pull the plug in the middle. */
const bytesPerSecond = 12_000_000;
const keepsake = resolve(import.meta.dirname, '../bin/keepsake.js');
const askedEveryMs = 200;

const scratch = mkdtempSync(join(tmpdir(), 'keepsake-demo-'));
const [home, library] = [join(scratch, 'home'), join(scratch, 'Photos')];
mkdirSync(home);
writeFileSync(join(home, 'config.toml'), `library = ${JSON.stringify(library)}\nreserve = "0 B"\ncardRoots = []\n`);
const daemon = await FakeUsbmuxd.start({ path: join(scratch, 'usbmuxd') });
const phone = new FakeIphone({ name: "Anna's iPhone", cable: { bytesPerSecond, roundTripMs: 1 } });
for (let index = 0; index < photos; index += 1) {
  phone.files.addSynthetic(`DCIM/100APPLE/IMG_${1000 + index}.JPG`, photoBytes, new Date(1.72e12 + index * 4e7));
}
addDatabase(phone.files, makePhotosDatabase({ generation: 'ios18', assets: describePhotos() }));
const environment = { ...process.env, KEEPSAKE_HOME: home, USBMUXD_SOCKET_ADDRESS: daemon.address };
let isAttached = false;

say(
  `A simulated iPhone with ${photos} photos, and ${photosInICloud} more that are only in iCloud. Nothing outside of ${scratch} is touched, and it is removed at the end.`,
);
if (process.stdin.isTTY)
  say('Keys:  y yes, save from it · t tap "Trust" · p pull the cable, or plug it in · l lock, unlock · q quit');
const agent = spawn(process.execPath, [keepsake, 'start'], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
let heard = '';
agent.stdout.setEncoding('utf8').on('data', (text: string) => {
  heard += text;
  process.stdout.write(text.replace(/^(?=.)/gm, '    '));
});
const ended = once(agent, 'close');
plug();
try {
  if (process.stdin.isTTY) await obeyKeys();
  else await playAlone();
} finally {
  agent.kill('SIGTERM');
  await ended;
  const saved = readdirSync(library, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.parentPath.includes('.keepsake'),
  );
  say(`${saved.length} of ${photos} photos are in the folder. It goes away now.`);
  await daemon[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
  if (!process.stdin.isTTY) process.exitCode = saved.length === photos ? 0 : 1;
  process.stdin.pause();
}

function describePhotos(): readonly DescribedAsset[] {
  return Array.from({ length: photos + photosInICloud }, (_, index): DescribedAsset => {
    const asset = { folder: 'DCIM/100APPLE', name: `IMG_${1000 + index}.JPG`, cloud: true } as const;
    if (index < photos) return { ...asset, sizeBytes: photoBytes };
    return { ...asset, original: 'iCloudOnly', sizeBytes: 150 * photoBytes };
  });
}

function say(text: string): void {
  process.stdout.write(`\n>>> ${text}\n\n`);
}

function plug(): void {
  say('The iPhone is plugged in.');
  daemon.attach(phone);
  isAttached = true;
}

function pull(): void {
  say('The cable is pulled.');
  phone.detach();
  isAttached = false;
}

/** The owner's yes, as they would give it. */
async function enroll(): Promise<void> {
  const id = /enroll (iphone-\w+)/.exec(heard)?.[1];
  if (id === undefined) return;
  say(`keepsake enroll ${id}`);
  await once(spawn(process.execPath, [keepsake, 'enroll', id], { env: environment, stdio: 'ignore' }), 'close');
}

async function obeyKeys(): Promise<void> {
  process.stdin.setRawMode(true).setEncoding('utf8').resume();
  for await (const key of process.stdin as AsyncIterable<string>) {
    if (key === 'q' || key === '\u0003') return;
    if (key === 'y') await enroll();
    else if (key === 't') {
      say('"Trust" is tapped on the iPhone.');
      phone.tapTrust();
    } else if (key === 'p') {
      if (isAttached) pull();
      else plug();
    } else if (key === 'l') {
      phone.isLocked = !phone.isLocked;
      phone.isDenying = phone.isLocked;
      say(`The iPhone is ${phone.isLocked ? 'locked' : 'unlocked'}.`);
    }
  }
}

async function playAlone(): Promise<void> {
  await hears('connected for the first time');
  await enroll();
  await hears('Tap "Trust"');
  say('"Trust" is tapped on the iPhone.');
  phone.tapTrust();
  while (phone.counters.bytesRead < (photos * photoBytes) / 2) await sleep(askedEveryMs);
  pull();
  await hears('was disconnected');
  plug();
  await hears('only in iCloud');
}

async function hears(text: string): Promise<void> {
  while (!heard.includes(text)) {
    if (agent.exitCode !== null) throw new Error('Keepsake ended');
    await sleep(askedEveryMs);
  }
}
