// Noticing devices, with real disks: a card that is overlooked is not saved, one that is taken for another is believed to be
// saved, and one that hangs must not hold up the others, nor this program.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pino } from 'pino';
import { expect, type TestContext, test, vi } from 'vitest';
import { type AttachedDevice, DeviceLook, type LookOptions } from '../../src/detect/attached-devices.ts';
import { type DeviceEvent, watchDevices } from '../../src/detect/device-watch.ts';
import { mountHints } from '../../src/detect/hints.ts';
import type { AbsolutePath } from '../../src/domain/ids.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openFolderSource } from '../../src/sources/folder/folder-source.ts';
import { projectRoot, temporaryFolder } from '../support/keepsake.ts';
import { createVolume, type Filesystem, type LoopVolume, volumePrograms } from '../support/loop-volume.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { patience } from '../support/patience.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';

const never = new AbortController().signal;
const log = pino({ level: 'silent' });
const megabytes = 16;

function needVolumes(context: TestContext, ...kinds: readonly Filesystem[]): void {
  needRoot(context);
  needPrograms(context, 'findmnt', 'lsblk', 'blkid', ...kinds.flatMap((kind) => volumePrograms[kind]));
}

async function createCard(kind: Filesystem, folder = 'DCIM/100CANON'): Promise<LoopVolume> {
  const volume = await createVolume(kind, megabytes);
  mkdirSync(join(volume.path, folder), { recursive: true });
  return volume;
}

/** Only what is mounted below these places: other tests mount cards at the same time. */
function lookFor(volumes: readonly { readonly path: string }[], more: Partial<LookOptions> = {}): LookOptions {
  const cardRoots = volumes.map(({ path }) => path as AbsolutePath);
  return { cardRoots, watchedFolders: [], ownRoots: [], ...more };
}
const paths = (devices: readonly AttachedDevice[]) => devices.map(({ root }) => root);

/** A watch over real disks with a clock of the test's own, and hints that the test gives. */
function watch(options: () => LookOptions, look = new DeviceLook()) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const events: DeviceEvent[] = [];
  let hint: () => void = () => undefined;
  const ended = watchDevices(
    {
      look: (signal) => look.look(options(), signal),
      hints: {
        listen: async (onHint, signal) => {
          hint = onHint;
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        },
      },
      clock,
      log,
      onEvent: (event) => void events.push(event),
    },
    stop.signal,
  ).catch((error: unknown) => error);
  return {
    clock,
    /** What was said since the last call. */
    told: () => events.splice(0).map((event) => [event.kind, event.kind === 'left' ? event.id : event.device.id]),
    hint: () => hint(),
    [Symbol.asyncDispose]: async () => {
      stop.abort(new Error('the test ends'));
      await ended;
    },
  };
}

test.for(['ext4', 'exfat', 'ntfs'] as const)(
  'A card on %s is found, and is the same source that saving from it names',
  async (kind, context) => {
    needVolumes(context, kind);
    await using card = await createCard(kind);
    const [device, ...others] = await new DeviceLook().look(lookFor([card]), never);
    await using source = await openFolderSource(card.path);
    expect(others).toEqual([]);
    expect(device).toMatchObject({
      ...{ id: source.id, kind: source.kind, name: source.name, root: source.root },
      ...{ kind: 'card', isRemovable: true, sizeBytes: megabytes * 2 ** 20 },
    });
  },
);

test('The same card at another mount point is the same device, without udev', async (context) => {
  needVolumes(context, 'exfat', 'ext4');
  for (const kind of ['exfat', 'ext4'] as const) {
    await using card = await createCard(kind);
    const look = new DeviceLook();
    const [first] = await look.look(lookFor([card]), never);
    card.pull();
    await card.mount(card.folder('another slot'));
    const [second] = await look.look(lookFor([card]), never);
    expect(second?.root).toBe(card.path);
    expect(second?.root).not.toBe(first?.root);
    expect(second?.id).toBe(first?.id);
  }
});

test('A card arrives when it has settled, leaves, and is never mentioned when it is pulled before', async (context) => {
  needVolumes(context, 'ext4');
  await using card = await createCard('ext4');
  const options = lookFor([card]);
  await using source = await openFolderSource(card.path);
  card.pull();
  await using watching = watch(() => options);
  await watching.clock.advance(10_000);
  await card.mount();
  watching.hint();
  await watching.clock.advance(1000);
  card.pull();
  watching.hint();
  await watching.clock.advance(10_000);
  expect(watching.told()).toEqual([]);
  await card.mount();
  await watching.clock.advance(62_000); // no hint: the minute
  expect(watching.told()).toEqual([['arrived', source.id]]);
  card.pull();
  watching.hint();
  await watching.clock.advance(250);
  expect(watching.told()).toEqual([['left', source.id]]);
});

test('A card taken out and put in again between two looks left and arrived; so did one of two that took turns in one slot', async (context) => {
  needVolumes(context, 'ext4');
  await using one = await createCard('ext4');
  await using other = await createCard('ext4');
  const ids = await Promise.all([one, other].map(async ({ path }) => (await openFolderSource(path)).id));
  const slot = one.folder('slot') as AbsolutePath;
  one.pull();
  other.pull();
  await one.mount(slot);
  await using watching = watch(() => ({ cardRoots: [slot], watchedFolders: [], ownRoots: [] }));
  await watching.clock.advance(2000);
  expect(watching.told()).toEqual([['arrived', ids[0]]]);
  one.pull();
  await one.mount(slot);
  await watching.clock.advance(62_000);
  expect(watching.told(), 'the same card again').toEqual([
    ['left', ids[0]],
    ['arrived', ids[0]],
  ]);
  one.pull();
  await other.mount(slot);
  await watching.clock.advance(62_000);
  expect(watching.told(), 'another card').toEqual([
    ['left', ids[0]],
    ['arrived', ids[1]],
  ]);
});

test('Three cards at once, two of one label: three devices', async (context) => {
  needVolumes(context, 'ext4', 'exfat');
  await using first = await createCard('ext4', 'PRIVATE/M4ROOT');
  await using second = await createCard('ext4', 'XDROOT');
  await using third = await createCard('exfat', 'AVCHD');
  const cards = [first, second, third];
  for (const card of cards) {
    card.pull();
    await card.mount(join(card.folder('slot'), 'EOS_DIGITAL'));
  }
  await using watching = watch(() => lookFor(cards));
  await watching.clock.advance(2000);
  const told = watching.told();
  expect(told.map(([kind]) => kind)).toEqual(['arrived', 'arrived', 'arrived']);
  expect(new Set(told.map(([, id]) => id)).size).toBe(3);
  expect((await new DeviceLook().look(lookFor(cards), never)).map(({ name }) => name)).toEqual(
    Array(3).fill('EOS_DIGITAL'),
  );
});

test.for([
  ['a disk without a camera folder', (root: string) => mkdirSync(join(root, 'Documents'))],
  ['a disk with a file called DCIM', (root: string) => writeFileSync(join(root, 'DCIM'), '')],
  [
    'a library of Keepsake',
    (root: string) => {
      mkdirSync(join(root, 'DCIM'));
      mkdirSync(join(root, '.keepsake'));
      writeFileSync(join(root, '.keepsake/library.json'), '{}');
    },
  ],
  [
    'a drive with a copy',
    (root: string) => {
      mkdirSync(join(root, 'DCIM'));
      mkdirSync(join(root, 'Keepsake/Family photos/.keepsake'), { recursive: true });
      writeFileSync(join(root, 'Keepsake/Family photos/.keepsake/copy.json'), '{}');
    },
  ],
] as const)('%s is no card', async ([, fill], context) => {
  needVolumes(context, 'ext4');
  await using volume = await createVolume('ext4', megabytes);
  fill(volume.path);
  expect(await new DeviceLook().look(lookFor([volume]), never)).toEqual([]);
});

test('What holds the library is no card, also before the library is made and when a link leads to it', async (context) => {
  needVolumes(context, 'ext4');
  await using card = await createCard('ext4');
  using scratch = temporaryFolder();
  const link = join(scratch.path, 'link');
  execFileSync('ln', ['-s', card.path, link]);
  const find = async (own: string) =>
    paths(await new DeviceLook().look(lookFor([card], { ownRoots: [own as AbsolutePath] }), never));
  expect(await find(join(card.path, 'not yet/there'))).toEqual([]);
  expect(await find(join(link, 'not yet/there'))).toEqual([]);
  expect(await find(join(scratch.path, 'elsewhere'))).toEqual([card.path]);
});

test('The empty folder of a card that was pulled is no card, nor what lies in that folder below', async (context) => {
  needVolumes(context, 'ext4');
  await using card = await createCard('ext4');
  card.pull();
  mkdirSync(join(card.path, 'DCIM'), { recursive: true });
  expect(await new DeviceLook().look(lookFor([card]), never)).toEqual([]);
});

test('A card that was pulled while it was looked at is not taken for the folder below it', async (context) => {
  needVolumes(context, 'ext4');
  await using card = await createCard('ext4');
  const before = readFileSync('/proc/self/mountinfo', 'utf8');
  card.pull();
  mkdirSync(join(card.path, 'DCIM'), { recursive: true });
  const tables = [before, readFileSync('/proc/self/mountinfo', 'utf8')];
  // The disk may be gone from sysfs too by now, which is another reason to leave it out: it is kept here.
  const device =
    before
      .split('\n')
      .find((line) => line.includes(card.path))
      ?.split(' ')[2] ?? '';
  using sys = temporaryFolder();
  mkdirSync(join(sys.path, 'dev/block', device), { recursive: true });
  writeFileSync(join(sys.path, 'dev/block', device, 'removable'), '1');
  const pulled = new DeviceLook({ readMountTable: async () => tables.shift() ?? '', sysRoot: sys.path });
  expect(await pulled.look(lookFor([card]), never)).toEqual([]);
  expect(tables, 'the table was read again').toEqual([]);
});

test('A card that another disk was mounted over is gone; one that is bound to a second place is there once; memory is no card', async (context) => {
  needVolumes(context, 'ext4', 'tmpfs');
  await using card = await createCard('ext4');
  const second = card.folder('second');
  execFileSync('mount', ['--bind', card.path, second]);
  const options = lookFor([card, { path: second }]);
  expect(paths(await new DeviceLook().look(options, never))).toEqual([card.path]);
  // Agents of other tests look at every disk, and may be in there at this moment.
  await vi.waitFor(() => execFileSync('umount', [second]), patience);
  execFileSync('mount', ['-t', 'tmpfs', 'none', card.path]);
  mkdirSync(join(card.path, 'DCIM'));
  expect(await new DeviceLook().look(options, never)).toEqual([]);
  await vi.waitFor(() => execFileSync('umount', [card.path]), patience);
  expect(paths(await new DeviceLook().look(options, never))).toEqual([card.path]);
});

test('A card that is internal, or on the disk of the system, by what sysfs says, is no card', async (context) => {
  needVolumes(context, 'ext4');
  await using card = await createCard('ext4');
  using sys = temporaryFolder();
  const line =
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((each) => each.includes(card.path)) ?? '';
  const number = line.split(' ')[2] ?? '';
  const put = (removable: string) => {
    const disk = join(sys.path, 'devices/pci0000:00/ata1/block/sda');
    mkdirSync(join(sys.path, 'dev/block'), { recursive: true });
    mkdirSync(disk, { recursive: true });
    writeFileSync(join(disk, 'removable'), removable);
    if (!existsSync(join(sys.path, 'dev/block', number)))
      execFileSync('ln', ['-s', disk, join(sys.path, 'dev/block', number)]);
  };
  const table = (first: string) => async () => `1 0 ${first} / / rw - ext4 /dev/x rw\n${line}\n`;
  const find = async (first: string) =>
    paths(await new DeviceLook({ sysRoot: sys.path, readMountTable: table(first) }).look(lookFor([card]), never));
  put('0');
  expect(await find('259:1'), 'internal').toEqual([]);
  put('1');
  expect(await find('259:1'), 'removable').toEqual([card.path]);
  execFileSync('ln', ['-s', join(sys.path, 'devices/pci0000:00/ata1/block/sda'), join(sys.path, 'dev/block/259:1')]);
  expect(await find('259:1'), 'the system runs from another partition of it').toEqual([]);
});

test.for([
  ['a newline', 'line\nbreak'],
  ['control characters', 'bell\u0007 and \u001b[31m'],
  ['a backslash and what looks like an escape', 'back\\slash\\040'],
  ['255 bytes', `${'é'.repeat(127)}x`],
  ['a leading dash and shell signs', '-n $(touch x) `y` \'" *'],
] as const)('A mount point with %s in its name is one card like any other', async ([, name], context) => {
  needVolumes(context, 'ext4');
  await using card = await createCard('ext4');
  const slot = card.folder('slot');
  card.pull();
  await card.mount(join(slot, name));
  const devices = await new DeviceLook().look(lookFor([{ path: slot }]), never);
  expect(devices).toMatchObject([{ name, root: join(slot, name) }]);
  expect(readdirSync(slot)).toEqual([name]);
  expect(devices[0]?.id).toBe((await openFolderSource(join(slot, name))).id);
});

test('A name that is not UTF-8 is left out and does no harm to its neighbour', async (context) => {
  needVolumes(context, 'ext4');
  await using card = await createCard('ext4');
  await using other = await createCard('ext4');
  const slot = card.folder('slot');
  const path = Buffer.concat([Buffer.from(`${slot}/bad`), Buffer.from([0xff, 0xfe])]);
  mkdirSync(path);
  execFileSync('sh', ['-c', `mount --bind "$1" "$(printf '%s/bad\\377\\376' "$2")"`, 'sh', card.path, slot]);
  try {
    expect(paths(await new DeviceLook().look(lookFor([{ path: slot }, other]), never))).toEqual([other.path]);
  } finally {
    execFileSync('sh', ['-c', `umount "$(printf '%s/bad\\377\\376' "$1")"`, 'sh', slot]);
  }
});

/** The daemon behind a FUSE mount of this device. */
function daemonOf(card: LoopVolume): number {
  const device = execFileSync('findmnt', ['-no', 'MAJ:MIN', '--mountpoint', card.path], { encoding: 'utf8' }).trim();
  const loop = basename(readlinkSync(`/sys/dev/block/${device}`));
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(`/dev/${loop}`)) return Number(pid);
    } catch {
      // it has just ended
    }
  }
  throw new Error(`nobody serves ${loop}`);
}

/** Questions of this process that wait for this mount, by process group: each is one, however many programs it started. */
function questionsAt(path: string, daemon: number): ReadonlySet<string> {
  const groups = readdirSync('/proc').flatMap((pid) => {
    try {
      if (!/^\d+$/.test(pid) || Number(pid) === daemon) return [];
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(path)) return [];
      // After the name in brackets, which may hold anything: state, parent, group (proc(5)).
      const [, parent, group] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      // Agents of other tests look at every disk too.
      return group !== undefined && parent === String(process.pid) ? [group] : [];
    } catch {
      return []; // it has just ended
    }
  });
  return new Set(groups);
}

test('A card that does not answer holds up nobody, is never asked twice at once, and is found when it answers again', async (context) => {
  needVolumes(context, 'exfat', 'ext4');
  await using dead = await createCard('exfat');
  await using alive = await createCard('ext4');
  await dead.remount(); // so that nothing of it is in memory
  const daemon = daemonOf(dead);
  const look = new DeviceLook({ probeTimeoutMs: 3000 });
  process.kill(daemon, 'SIGSTOP');
  try {
    expect(paths(await look.look(lookFor([dead, alive]), never))).toEqual([alive.path]);
    expect(paths(await look.look(lookFor([dead, alive]), never))).toEqual([alive.path]);
    expect(questionsAt(dead.path, daemon).size).toBeLessThanOrEqual(1);
  } finally {
    process.kill(daemon, 'SIGCONT');
  }
  const both = [dead.path, alive.path].sort();
  await expect
    .poll(async () => paths(await look.look(lookFor([dead, alive]), never)).toSorted(), patience)
    .toEqual(both);
  process.kill(daemon, 'SIGSTOP');
  try {
    const still = await look.look(lookFor([dead, alive]), never);
    expect(paths(still).toSorted(), 'one that is known and mounted as before is still attached').toEqual(both);
  } finally {
    process.kill(daemon, 'SIGCONT');
  }
});

test('A program that looked at a card that does not answer can end all the same', async (context) => {
  needVolumes(context, 'exfat');
  await using dead = await createCard('exfat');
  await dead.remount();
  const daemon = daemonOf(dead);
  const script = `
    import { DeviceLook } from ${JSON.stringify(pathToFileURL(join(projectRoot, 'src/detect/attached-devices.ts')).href)};
    const look = new DeviceLook({ probeTimeoutMs: 200 });
    const options = { cardRoots: [${JSON.stringify(dead.path)}], watchedFolders: [${JSON.stringify(dead.path)}], ownRoots: [${JSON.stringify(dead.path)}] };
    console.log(JSON.stringify(await look.look(options, new AbortController().signal)));`;
  process.kill(daemon, 'SIGSTOP');
  try {
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual([]);
  } finally {
    process.kill(daemon, 'SIGCONT');
  }
});

test('A watched folder is found wherever it lies, and touched when something in it has changed and settled', async (context) => {
  needVolumes(context, 'ext4');
  await using volume = await createVolume('ext4', megabytes);
  const folder = join(volume.path, 'Camera Uploads') as AbsolutePath;
  mkdirSync(folder);
  const options = lookFor([], { watchedFolders: [folder, '/no/such/folder' as AbsolutePath] });
  const { id } = await openFolderSource(folder);
  await using watching = watch(() => options);
  await watching.clock.advance(2000);
  expect(watching.told()).toEqual([['arrived', id]]);
  writeFileSync(join(folder, 'IMG_1.JPG'), 'first half');
  watching.hint();
  await watching.clock.advance(1000);
  writeFileSync(join(folder, 'IMG_1.JPG'), 'first half, second half');
  watching.hint();
  await watching.clock.advance(1500);
  expect(watching.told(), 'still being written a second ago').toEqual([]);
  await watching.clock.advance(2000);
  expect(watching.told()).toEqual([['touched', id]]);
  await watching.clock.advance(3_600_000);
  expect(watching.told()).toEqual([]);
  volume.pull();
  watching.hint();
  await watching.clock.advance(250);
  expect(watching.told()).toEqual([['left', id]]);
});

test('A watched folder that is the library, holds it or lies in it is not one', async () => {
  using scratch = temporaryFolder();
  const at = (name: string) => join(scratch.path, name) as AbsolutePath;
  for (const name of ['a/library/inside', 'b']) mkdirSync(at(name), { recursive: true });
  const watchedFolders = [at('a'), at('a/library'), at('a/library/inside'), at('b')];
  const devices = await new DeviceLook().look(lookFor([], { watchedFolders, ownRoots: [at('a/library')] }), never);
  expect(devices).toMatchObject([{ root: at('b'), kind: 'folder', isRemovable: false }]);
  expect(devices[0]?.id).toBe((await openFolderSource(at('b'))).id);
});

test("GNOME's cameras and phones are found by their photos; network shares and iPhones there are not", async () => {
  using scratch = temporaryFolder();
  const storages = [
    'gphoto2:host=Canon_Inc._EOS/DCIM',
    'mtp:host=Pixel/Internal shared storage/DCIM',
    'mtp:host=Pixel/SD card/Music',
    'smb-share:server=nas,share=x/DCIM',
    'afc:host=0000/DCIM',
  ];
  for (const path of storages) mkdirSync(join(scratch.path, path), { recursive: true });
  const readMountTable = async () => `1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 0:50 / ${scratch.path} rw - fuse.gvfsd-fuse gvfsd-fuse rw
`;
  const devices = await new DeviceLook({ readMountTable }).look(lookFor([]), never);
  expect(devices).toMatchObject([
    { kind: 'card', name: 'gphoto2:host=Canon_Inc._EOS', isRemovable: true },
    { kind: 'card', name: 'Internal shared storage', isRemovable: true },
  ]);
});

test('A real mount wakes the watch through findmnt, long before the minute', async (context) => {
  needVolumes(context, 'ext4');
  await using card = await createCard('ext4');
  const options = lookFor([card]);
  card.pull();
  const look = new DeviceLook();
  const stop = new AbortController();
  const arrived = Promise.withResolvers<DeviceEvent>();
  const ready = Promise.withResolvers<void>();
  const findmnt = mountHints({ log });
  const watching = watchDevices(
    {
      look: async (signal) => {
        const devices = await look.look(options, signal);
        ready.resolve();
        return devices;
      },
      hints: findmnt,
      clock: systemClock,
      tickMs: 3_600_000,
      settleMs: 50,
      onEvent: (event) => arrived.resolve(event),
      log,
    },
    stop.signal,
  ).catch((error: unknown) => error);
  await ready.promise;
  // findmnt says nothing when it begins to listen: there may be news for it until it has heard some.
  const isOver = await (async () => {
    for (;;) {
      await card.mount();
      const event = await Promise.race([arrived.promise, systemClock.wait(1000, never)]);
      if (event !== undefined) return event;
      card.pull();
    }
  })();
  expect(isOver).toMatchObject({ kind: 'arrived', device: { root: card.path } });
  stop.abort(new Error('enough'));
  expect(await watching).toMatchObject({ message: 'enough' });
});

test('When the agent is killed, findmnt and its shell end too', async (context) => {
  needVolumes(context);
  const script = `
    import { mountHints } from ${JSON.stringify(pathToFileURL(join(projectRoot, 'src/detect/hints.ts')).href)};
    const log = { info() {}, warn() {} };
    void mountHints({ log }).listen(() => {}, new AbortController().signal);
    setInterval(() => {}, 1000);`;
  const agent = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
  const ended = new Promise((resolve) => agent.once('exit', resolve));
  const familyOf = (pid: number): readonly number[] => {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
    return children.flatMap((child) => [child, ...familyOf(child)]);
  };
  /** Empty for one that has ended, also if nobody has asked for its exit code: this machine's first process may not. */
  const nameOf = (pid: number) => {
    try {
      const [, name, state] = /^\d+ \((.*)\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      return state === 'Z' ? '' : (name ?? '');
    } catch {
      return '';
    }
  };
  await expect.poll(() => familyOf(agent.pid ?? 0).map(nameOf), patience).toEqual(['sh', 'findmnt']);
  const family = familyOf(agent.pid ?? 0);
  agent.kill('SIGKILL');
  await ended;
  await expect
    .poll(() => family.map(nameOf).filter((name) => name === 'sh' || name === 'findmnt'), patience)
    .toEqual([]);
});
