// A drive that is said to be ejected and is not loses what was still in memory the moment it is pulled.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { BoundedCommands } from '../../../src/platform/bounded-command.ts';
import { ejectVolume } from '../../../src/platform/eject.ts';
import { readMounts } from '../../../src/platform/volume.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { createVolume, type LoopVolume, volumePrograms } from '../../support/loop-volume.ts';
import { needPrograms, needRoot } from '../../support/requirements.ts';

const signal = new AbortController().signal;

async function requestFor(volume: LoopVolume) {
  const mount = (await readMounts()).find(({ mountPoint }) => mountPoint === volume.path);
  if (mount === undefined) throw new Error('it is not mounted');
  return { mountPoint: mount.mountPoint, device: mount.device, signal };
}

const isMounted = async (volume: LoopVolume) =>
  (await readMounts()).some(({ mountPoint }) => mountPoint === volume.path);

/** Commands find this udisksctl first. It keeps a list of what it was asked. */
function fakeUdisks(script: string): Disposable & { readonly asked: () => string } {
  const scratch = temporaryFolder();
  const list = join(scratch.path, 'asked');
  writeFileSync(join(scratch.path, 'udisksctl'), `#!/bin/sh\necho "$@" >> '${list}'\n${script}\n`);
  chmodSync(join(scratch.path, 'udisksctl'), 0o755);
  const before = process.env['PATH'];
  process.env['PATH'] = `${scratch.path}:${before}`;
  return {
    asked: () => (existsSync(list) ? readFileSync(list, 'utf8') : ''),
    [Symbol.dispose]: () => {
      process.env['PATH'] = before;
      scratch[Symbol.dispose]();
    },
  };
}

test.for(['ext4', 'exfat', 'ntfs'] as const)(
  '%s: written, unmounted, and complete on the disk',
  async (kind, context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms[kind], 'umount', 'sync');
    await using volume = await createVolume(kind, 64);
    const bytes = randomBytes(3_000_000);
    writeFileSync(join(volume.path, 'photo.jpg'), bytes);
    expect(await ejectVolume(await requestFor(volume))).toBe('unmounted');
    expect(await isMounted(volume)).toBe(false);
    expect(existsSync(join(volume.path, 'photo.jpg'))).toBe(false);
    const image = readFileSync(join(dirname(volume.path), 'image'));
    for (const part of [bytes.subarray(0, 64), bytes.subarray(1_500_000, 1_500_064), bytes.subarray(-64)]) {
      expect(image.includes(part), 'on the disk').toBe(true);
    }
  },
);

test('While a file is open it stays mounted, and the owner is told what to do; then it goes', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using volume = await createVolume('ext4', 16);
  const request = await requestFor(volume);
  {
    await using _open = await open(join(volume.path, 'photo.jpg'), 'w');
    await expect(ejectVolume(request)).rejects.toMatchObject({
      code: 'DRIVE_BUSY',
      retry: 'later',
      remedy: expect.stringContaining('Close'),
    });
    expect(await isMounted(volume)).toBe(true);
  }
  expect(await ejectVolume(request)).toBe('unmounted');
  expect(await ejectVolume(request), 'a second time').toBe('unmounted');
});

// Without this, an eject was refused whenever an agent happened to look at the drive at that moment.
test('Who only looks at it for a moment is waited for', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using volume = await createVolume('ext4', 16);
  const request = await requestFor(volume);
  const looking = spawn('sh', ['-c', 'echo here; sleep 0.3'], {
    cwd: volume.path,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(looking.stdout, 'data');
  expect(await ejectVolume(request)).toBe('unmounted');
  expect(await isMounted(volume)).toBe(false);
});

test('A volume that is also shown elsewhere is still in use there', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using volume = await createVolume('ext4', 16);
  const request = await requestFor(volume);
  const second = volume.folder('second');
  execFileSync('mount', ['--bind', volume.path, second]);
  await expect(ejectVolume(request)).rejects.toMatchObject({ code: 'DRIVE_BUSY' });
  await expect(ejectVolume(request), 'a second time').rejects.toMatchObject({ code: 'DRIVE_BUSY' });
  execFileSync('umount', ['--lazy', second]); // an agent of another test may be looking at it
  expect(await ejectVolume(request)).toBe('unmounted');
});

test('Where udisks is there it unmounts and turns off, by the name of the device', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using volume = await createVolume('ext4', 16);
  const request = await requestFor(volume);
  using udisks = fakeUdisks(`[ "$1" = unmount ] && exec umount "$4"; exit 0`);
  expect(await ejectVolume(request)).toBe('poweredOff');
  expect(await isMounted(volume)).toBe(false);
  expect(udisks.asked()).toBe(
    `unmount --no-user-interaction --block-device ${request.device}
power-off --no-user-interaction --block-device ${request.device}
`,
  );
});

test('A drive that cannot be turned off is unmounted all the same', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using volume = await createVolume('ext4', 16);
  using _udisks = fakeUdisks(`[ "$1" = unmount ] && exec umount "$4"; echo 'Error powering off drive' >&2; exit 1`);
  expect(await ejectVolume(await requestFor(volume))).toBe('unmounted');
});

test('What udisks says of a drive in use is believed', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using volume = await createVolume('ext4', 16);
  using _udisks = fakeUdisks(
    `echo 'Error unmounting /dev/sdb1: GDBus.Error:org.freedesktop.UDisks2.Error.DeviceBusy: target is busy' >&2; exit 1`,
  );
  await expect(ejectVolume(await requestFor(volume))).rejects.toMatchObject({ code: 'DRIVE_BUSY' });
  expect(await isMounted(volume)).toBe(true);
});

test('Without a running udisks, umount does it', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using volume = await createVolume('ext4', 16);
  using _udisks = fakeUdisks(`echo 'Error connecting to the udisks daemon' >&2; exit 1`);
  expect(await ejectVolume(await requestFor(volume))).toBe('unmounted');
  expect(await isMounted(volume)).toBe(false);
});

test('Bytes that cannot be written, and a drive that does not answer, are told before anything is unmounted', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using volume = await createVolume('ext4', 16);
  const request = await requestFor(volume);
  for (const answer of [
    'stuck',
    { exitCode: 1, stdout: Buffer.from('sync: error syncing: Input/output error') },
  ] as const) {
    class Failing extends BoundedCommands {
      override async run() {
        return answer;
      }
    }
    await expect(ejectVolume({ ...request, commands: new Failing() })).rejects.toMatchObject({
      code: 'DRIVE_EJECT_FAILED',
    });
    expect(await isMounted(volume)).toBe(true);
  }
  const stopped = { ...request, signal: AbortSignal.abort(new Error('stop')) };
  await expect(ejectVolume(stopped)).rejects.toThrow('stop');
});

test('macOS: what diskutil says decides', async () => {
  const request = { mountPoint: '/Volumes/Blue', device: '/dev/disk4s1', signal, platform: 'darwin' } as const;
  const diskutil = (exitCode: number, text: string) =>
    new (class extends BoundedCommands {
      override async run(key: string) {
        return key.startsWith('/bin/sync')
          ? { exitCode: 0, stdout: Buffer.alloc(0) }
          : { exitCode, stdout: Buffer.from(text) };
      }
    })();
  expect(await ejectVolume({ ...request, commands: diskutil(0, 'Disk /Volumes/Blue ejected') })).toBe('poweredOff');
  await expect(
    ejectVolume({ ...request, commands: diskutil(1, 'disk4 was already unmounted or it has a partitioning scheme') }),
  ).rejects.toMatchObject({ code: 'DRIVE_EJECT_FAILED' });
  await expect(
    ejectVolume({ ...request, commands: diskutil(1, 'Unmount was dissented by PID 431 (/usr/bin/mds)\u001b[2J') }),
  ).rejects.toMatchObject({
    code: 'DRIVE_BUSY',
    cause: { message: 'Unmount was dissented by PID 431 (/usr/bin/mds) [2J' },
  });
});
