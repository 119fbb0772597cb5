// Two partitions of one disk that count as two disks would make the owner believe in a second copy that dies with the first.
// The answers of lsblk have the shape of those of machines of the kind that is named; numbers and names are made up.
import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { assert as assertProperty, json, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import type { RunCommand } from '../../../src/platform/bounded-command.ts';
import {
  findMacMount,
  firstPartitionUuid,
  identifyDisk,
  parseLsblk,
  parseMacVolumeInfo,
  serverOf,
  shareDisk,
} from '../../../src/platform/disk-identity.ts';
import { type Mount, parseMountTable } from '../../../src/platform/volume.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { createVolume, volumePrograms } from '../../support/loop-volume.ts';
import { needLinux, needPrograms, needRoot } from '../../support/requirements.ts';

// A number that no machine has under /sys/dev/block, so that the device is taken by its name.
function mountOf(device: string, filesystem = 'ext4', number = '4000:77'): Mount {
  const [mount] = parseMountTable(`50 1 ${number} / /media/x rw - ${filesystem} ${device} rw`);
  if (mount === undefined) throw new Error('not a line of a mount table');
  return mount;
}

/** Programs by name; those that are not named are not installed. */
function machine(programs: Readonly<Record<string, string | 'stuck'>>): RunCommand {
  return async (command, args) => {
    const answer = programs[`${command} ${args.at(-1)}`] ?? programs[command];
    if (answer === undefined) return { exitCode: 127, stdout: Buffer.alloc(0) };
    return answer === 'stuck' ? answer : { exitCode: 0, stdout: Buffer.from(answer) };
  };
}

const lsblk = (...blockdevices: readonly object[]) => JSON.stringify({ blockdevices }, undefined, 3);

const usbStick = {
  name: 'sdb',
  kname: 'sdb',
  type: 'disk',
  wwn: null,
  serial: '4C530001130514117143',
  ptuuid: '6b1f8e0c',
  uuid: null,
  fstype: null,
  model: 'Ultra Fit',
  size: 30765219840,
};
const stickPartition = (number: number, fstype: string, uuid: string) => ({
  name: `sdb${number}`,
  kname: `sdb${number}`,
  type: 'part',
  wwn: null,
  serial: null,
  ptuuid: '6b1f8e0c',
  uuid,
  fstype,
  model: null,
  size: 15382609920,
  children: [usbStick],
});

const nvme = {
  name: 'nvme0n1',
  kname: 'nvme0n1',
  type: 'disk',
  wwn: 'eui.0025388b01c3a5f2',
  serial: 'S5GXNX0R812345N',
  ptuuid: 'a3f4c6de-1d2b-4a57-9b60-1c5f0b1d9e7a',
  uuid: null,
  fstype: null,
  model: 'Samsung SSD 980 PRO 1TB',
  size: 1000204886016,
};
const nvmePartition = {
  ...nvme,
  name: 'nvme0n1p3',
  kname: 'nvme0n1p3',
  type: 'part',
  fstype: 'crypto_LUKS',
  uuid: '0b6c5c9a-57e4-4b34-8ee2-5a9b6d1c7f10',
  children: [nvme],
};
const logical = (name: string, below: readonly object[]) => ({
  name: `vgubuntu-${name}`,
  kname: 'dm-1',
  type: 'lvm',
  wwn: null,
  serial: null,
  ptuuid: null,
  uuid: '5d9a1bd2-83cf-4a0f-8f1c-0d6a5b7f9c11',
  fstype: 'ext4',
  model: null,
  size: 998579896320,
  children: below,
});
const luks = {
  name: 'nvme0n1p3_crypt',
  kname: 'dm-0',
  type: 'crypt',
  wwn: null,
  serial: null,
  ptuuid: null,
  uuid: 'Xb0mO2-1cCc-9fdk-3kGz-2sQm-jvVt-1qZQ3r',
  fstype: 'LVM2_member',
  model: null,
  size: 998595690496,
  children: [nvmePartition],
};

test('Both partitions of a USB stick are on one disk, which has a name, a size and a serial number', async () => {
  const expected = {
    kind: 'disk',
    key: 'disk:serial:4c530001130514117143',
    model: 'Ultra Fit',
    sizeBytes: 30_765_219_840,
    deviceNames: ['sdb'],
  };
  const first = machine({ lsblk: lsblk(stickPartition(1, 'exfat', '64A5-F009')) });
  const second = machine({ lsblk: lsblk(stickPartition(2, 'ntfs', '5E2A1B3C4D5E6F70')) });
  const one = await identifyDisk(mountOf('/dev/sdb1', 'exfat'), first);
  const other = await identifyDisk(mountOf('/dev/sdb2', 'fuseblk'), second);
  expect(one).toEqual({ ...expected, filesystem: 'exfat' });
  expect(other, 'what the disk says of the filesystem, not that it is FUSE').toEqual({
    ...expected,
    filesystem: 'ntfs',
  });
  expect(shareDisk(one.key, other.key)).toBe(true);
});

test('A volume in LUKS and LVM is on the disk at the bottom, known by its world-wide name', async () => {
  const run = machine({ lsblk: lsblk(logical('root', [luks])) });
  expect(await identifyDisk(mountOf('/dev/mapper/vgubuntu-root'), run)).toEqual({
    kind: 'disk',
    key: 'disk:wwn:eui.0025388b01c3a5f2',
    filesystem: 'ext4',
    model: 'Samsung SSD 980 PRO 1TB',
    sizeBytes: 1_000_204_886_016,
    deviceNames: ['nvme0n1'],
  });
});

test('A volume over two disks has both in its key, in one order, and shares a disk with each of them', async () => {
  const sata = { ...usbStick, kname: 'sda', wwn: '0x5000c500a1b2c3d4', serial: 'ZFN0ABCD' };
  const over = async (below: readonly object[]) =>
    await identifyDisk(mountOf('/dev/mapper/x'), machine({ lsblk: lsblk(logical('both', below)) }));
  const both = await over([nvmePartition, sata]);
  expect(both).toMatchObject({
    key: 'disk:wwn:0x5000c500a1b2c3d4+disk:wwn:eui.0025388b01c3a5f2',
    deviceNames: ['nvme0n1', 'sda'],
  });
  expect(both, 'no one name and size').not.toHaveProperty('model');
  expect((await over([sata, nvmePartition])).key).toBe(both.key);
  const one = await over([sata]);
  expect([shareDisk(one.key, both.key), shareDisk(both.key, one.key)]).toEqual([true, true]);
  expect(shareDisk(one.key, (await over([usbStick])).key)).toBe(false);
});

test('An SD card in the slot of a notebook has the serial number of the card', async () => {
  const card = { name: 'mmcblk0', kname: 'mmcblk0', type: 'disk', serial: '0x1a2b3c4d', ptuuid: '00000000', size: 1 };
  const partition = { name: 'mmcblk0p1', kname: 'mmcblk0p1', type: 'part', uuid: '3365-3933', children: [card] };
  const run = machine({ lsblk: lsblk(partition) });
  expect((await identifyDisk(mountOf('/dev/mmcblk0p1', 'vfat'), run)).key).toBe('disk:serial:0x1a2b3c4d');
});

test.for<[string, object, string]>([
  ['a serial number of zeros', { serial: '000000000000' }, 'disk:table:6b1f8e0c'],
  ['the serial number of a maker who has none', { serial: '0123456789ABCDEF' }, 'disk:table:6b1f8e0c'],
  ['an empty world-wide name', { wwn: '0x0000000000000000' }, 'disk:serial:4c530001130514117143'],
  ['nothing but its partition table', { serial: null }, 'disk:table:6b1f8e0c'],
  ['no partition table either', { serial: null, ptuuid: null }, 'disk:filesystem:64a5-f009'],
  ['a serial number that would be two', { serial: 'a+b c/d\u0000e' }, 'disk:serial:a_b_c_d_e'],
])('A disk with %s', async ([, facts, key]) => {
  const partition = { ...stickPartition(1, 'exfat', '64A5-F009'), children: [{ ...usbStick, ...facts }] };
  expect((await identifyDisk(mountOf('/dev/sdb1', 'exfat'), machine({ lsblk: lsblk(partition) }))).key).toBe(key);
});

test('An image without udev: known by its partition table or filesystem, which blkid reads, wherever it is attached', async () => {
  const loop = (name: string) => ({ name, kname: name, type: 'loop', uuid: null, fstype: null, size: 67108864 });
  const blank = { blkid: '' };
  for (const name of ['loop7', 'loop9']) {
    const tell: RunCommand = async (command, args) => {
      if (command === 'lsblk')
        return { exitCode: 0, stdout: Buffer.from(args.includes('--nodeps') ? '\n' : lsblk(loop(name))) };
      const answers: Record<string, string> = { UUID: '64A5-F009\n', TYPE: 'exfat\n' };
      const answer = answers[args[args.indexOf('--match-tag') + 1] ?? ''];
      return { exitCode: answer === undefined ? 2 : 0, stdout: Buffer.from(answer ?? '') };
    };
    expect(await identifyDisk(mountOf(`/dev/${name}`, 'fuseblk'), tell)).toEqual({
      kind: 'disk',
      key: 'image:filesystem:64a5-f009',
      filesystem: 'exfat',
      sizeBytes: 67_108_864,
      deviceNames: [name],
    });
  }
  const table = machine({ ...blank, lsblk: lsblk({ ...loop('loop7'), ptuuid: '6b1f8e0c' }) });
  expect((await identifyDisk(mountOf('/dev/loop7p1'), table)).key, 'never the key of the disk it is a copy of').toBe(
    'image:table:6b1f8e0c',
  );
});

test('Without lsblk, and without anything, a disk is still a disk', async () => {
  const run = machine({ blkid: '' });
  expect(await identifyDisk(mountOf('/dev/sdb1'), run)).toMatchObject({ kind: 'disk', key: 'disk:device:sdb1' });
  const uuid = machine({ blkid: '64A5-F009\n', lsblk: 'lsblk: unknown column: PTUUID' });
  expect((await identifyDisk(mountOf('/dev/sdb1'), uuid)).key).toMatch(/64a5-f009$/);
});

test('A disk that does not answer is an error, not another disk', async () => {
  for (const program of ['lsblk', 'blkid']) {
    const run = machine({ lsblk: lsblk({ ...usbStick, serial: null, ptuuid: null }), [program]: 'stuck' });
    await expect(identifyDisk(mountOf('/dev/sdb'), run)).rejects.toMatchObject({ code: 'DRIVE_READ_FAILED' });
  }
});

test('All disks of a ZFS pool are asked for by the name of the pool', async () => {
  const zpool = 'tank\t1.81T\t1.2T\t630G\t-\t-\t3%\t66%\t1.00x\tONLINE\t-\n\t/dev/sda1\t-\n\t/dev/sdb1\t-\n';
  const run = machine({ zpool, lsblk: lsblk({ ...usbStick, kname: 'sda', serial: 'ZFN0ABCD' }, usbStick) });
  const identity = await identifyDisk(mountOf('tank/photos', 'zfs', '0:55'), run);
  expect(identity.key).toBe('disk:serial:4c530001130514117143+disk:serial:zfn0abcd');
});

test.for([
  ['nfs4', 'NAS.local:/volume1/photos', 'nas'],
  ['nfs', '[fe80::1%eth0]:/photos', 'fe80::1_eth0'],
  ['cifs', '//Server/photos', 'server'],
  ['smb3', '//192.168.178.20/photos/ann', '192.168.178.20'],
  ['smbfs', '//HOME;ann:secret@nas._smb._tcp.local/photos', 'nas'],
  ['fuse.sshfs', 'ann@backup.example.org:/srv/p@th', 'backup.example.org'],
  ['fuse.sshfs', 'backup.example.org:', 'backup.example.org'],
  ['afpfs', '//ann@capsule.local./Data', 'capsule'],
  ['fuse.davfs', 'https://cloud.example.org:8443/remote.php/dav', 'cloud.example.org'],
  ['fuse.curlftpfs', 'curlftpfs#ftp://ftp.example.org/', 'ftp.example.org'],
  ['ceph', '10.0.0.1:6789,10.0.0.2:6789:/', '10.0.0.1'],
  ['fuse.rclone', 'drive:photos', 'drive'],
  ['9p', 'C:\\', 'host'],
  ['virtiofs', 'shared', 'host'],
  ['cifs', '//', 'unnamed'],
  ['ext4', '/dev/sda1', undefined],
  ['fuseblk', '/dev/sda1', undefined],
  ['tmpfs', 'tmpfs', undefined],
] as const)('%s from %s: the server is %s', async ([filesystem, device, server]) => {
  expect(serverOf(filesystem, device)).toBe(server);
  if (server === undefined) return;
  const identity = await identifyDisk(mountOf(device, filesystem, '0:60'), machine({}));
  expect(identity).toEqual({ kind: 'network', key: `network:${server}`, filesystem, deviceNames: [] });
});

test('Of memory, and of what a program shows, nothing is known: it may share a disk with anything', async () => {
  for (const [device, kind] of [
    ['tmpfs', 'tmpfs'],
    ['overlay', 'overlay'],
    ['/dev/fuse', 'fuse'],
    ['gocryptfs', 'fuse.gocryptfs'],
    ['/home/ann/card.img', 'fuse.image'],
  ] as const) {
    const identity = await identifyDisk(mountOf(device, kind, '0:60'), machine({}));
    expect(identity).toEqual({ kind: 'unknown', key: 'unknown', filesystem: kind, deviceNames: [] });
    expect(shareDisk('disk:serial:abcd', identity.key)).toBe(true);
  }
});

test('An answer of any shape is read without failing, and only so much of it', () => {
  for (const text of ['', '{', 'null', '[]', '{"blockdevices":null}', '{"blockdevices":[1,null,{},{"kname":1}]}']) {
    expect(parseLsblk(text)).toEqual([]);
  }
  const deep = `${'{"kname":"a","type":"b","children":['.repeat(5000)}${']}'.repeat(5000)}`;
  expect(parseLsblk(`{"blockdevices":[${deep}]}`)).toHaveLength(1);
  const wide = lsblk(...Array.from({ length: 5000 }, (_, index) => ({ kname: `sd${index}`, type: 'disk' })));
  expect(parseLsblk(wide)).toHaveLength(256);
  const [evil] = parseLsblk(lsblk({ ...usbStick, model: `\u001b[31m\u202eX\n${'y'.repeat(300)}`, size: -1, wwn: {} }));
  expect(evil?.model).toMatch(/^\[31m X y{93}$/);
  expect([evil?.sizeBytes, evil?.wwn]).toEqual([undefined, undefined]);
  assertProperty(property(json(), (text) => parseLsblk(`{"blockdevices":[${text}]}`).length <= 1));
  assertProperty(property(string(), string(), (kind, device) => serverOf(`no ${kind}`, device) === undefined));
});

test.for(['ext4', 'exfat', 'ntfs'] as const)(
  'A real %s image is the same disk wherever it is mounted, and not the disk of another image',
  async (kind, context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms[kind], ...volumePrograms.ext4, 'lsblk', 'blkid');
    await using volume = await createVolume(kind, 64);
    // Never a second NTFS: mkntfs gives all that it makes within one second the same number (measured 2026-11).
    await using other = await createVolume('ext4', 8);
    const first = await identifyDisk(volume.path as AbsolutePath);
    expect(first).toMatchObject({ kind: 'disk', filesystem: kind, deviceNames: [expect.stringMatching(/^loop\d+$/)] });
    expect(first.key).toMatch(/^image:filesystem:/);
    expect(shareDisk(first.key, (await identifyDisk(other.path as AbsolutePath)).key)).toBe(false);
    volume.pull();
    await volume.mount(volume.folder('elsewhere'));
    expect((await identifyDisk(volume.path as AbsolutePath)).key, 'at another place').toBe(first.key);
  },
);

/** A DOS partition table: entries of 16 bytes at 446, each with its kind, first sector and count; its own number at 440. */
function partitionTable(partitions: number): Buffer {
  const sector = Buffer.alloc(512);
  sector.writeUInt32LE(0x6b1f8e0c, 440);
  for (let index = 0; index < partitions; index += 1) {
    sector.writeUInt8(0x83, 446 + index * 16 + 4);
    sector.writeUInt32LE(2048 + index * 40_960, 446 + index * 16 + 8);
    sector.writeUInt32LE(40_960, 446 + index * 16 + 12);
  }
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

test('Two partitions of one real image are one disk', async (context) => {
  needRoot(context);
  needPrograms(context, 'losetup', 'addpart', 'delpart', 'lsblk', 'blkid');
  using scratch = temporaryFolder();
  const image = join(scratch.path, 'image');
  writeFileSync(image, partitionTable(2));
  truncateSync(image, 64 * 2 ** 20);
  const loop = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
  try {
    // The kernel here reads no partition tables by itself; what it is told counts the same.
    for (const number of [1, 2])
      execFileSync('addpart', [loop, `${number}`, `${2048 + (number - 1) * 40_960}`, '40960']);
    const numbers = ['1', '2'].map((number) =>
      readFileSync(`/sys/class/block/${basename(loop)}p${number}/dev`, 'utf8').trim(),
    );
    const found = await Promise.all(
      numbers.map((number, index) => identifyDisk(mountOf(`${loop}p${index + 1}`, 'ext4', number))),
    );
    expect(found.map(({ key }) => key)).toEqual(['image:table:6b1f8e0c', 'image:table:6b1f8e0c']);
    expect(found.map(({ deviceNames }) => deviceNames)).toEqual([[basename(loop)], [basename(loop)]]);
  } finally {
    for (const number of [1, 2]) execFileSync('delpart', [loop, `${number}`]);
    execFileSync('losetup', ['--detach', loop]);
  }
});

test('The disk that this test runs from is told, or said not to be known, without failing', async (context) => {
  needLinux(context, 'the mount table');
  const identity = await identifyDisk('/' as AbsolutePath);
  expect(identity.key === 'unknown').toBe(identity.kind === 'unknown');
  expect(shareDisk(identity.key, identity.key)).toBe(true);
});

const apfsVolume = `<plist version="1.0"><dict>
	<key>APFSContainerReference</key>
	<string>disk5</string>
	<key>APFSPhysicalStores</key>
	<array>
		<dict>
			<key>APFSPhysicalStore</key>
			<string>disk4s2</string>
		</dict>
	</array>
	<key>DeviceIdentifier</key>
	<string>disk5s1</string>
	<key>FilesystemType</key>
	<string>apfs</string>
	<key>MediaName</key>
	<string>Portable SSD T7</string>
	<key>ParentWholeDisk</key>
	<string>disk5</string>
	<key>VolumeUUID</key>
	<string>7F2D0C4E-9B1A-3C55-8E21-0A4D5B6C7D8E</string>
</dict></plist>`;

test('macOS: an APFS volume is on the disk of its physical store; an ExFAT one on its parent', () => {
  expect(parseMacVolumeInfo(apfsVolume)).toEqual({
    disks: ['disk4'],
    uuid: '7F2D0C4E-9B1A-3C55-8E21-0A4D5B6C7D8E',
    filesystem: 'apfs',
    model: 'Portable SSD T7',
  });
  const plain = apfsVolume.replace(/APFSPhysicalStore</g, 'Other<');
  expect(parseMacVolumeInfo(plain)?.disks).toEqual(['disk5']);
  expect(parseMacVolumeInfo('')).toBeUndefined();
  expect(parseMacVolumeInfo('<key>ParentWholeDisk</key><string>../../etc</string>')).toBeUndefined();
});

test('macOS: a disk is told by the UUID of its first partition', () => {
  const list = `<key>Partitions</key><array><dict>
    <key>DeviceIdentifier</key><string>disk4s1</string>
    <key>DiskUUID</key><string>D2A1B3C4-0000-4F5E-8D6C-112233445566</string></dict><dict>
    <key>DiskUUID</key><string>E3B2C4D5-0000-4F5E-8D6C-112233445566</string></dict></array>`;
  expect(firstPartitionUuid(list)).toBe('d2a1b3c4-0000-4f5e-8d6c-112233445566');
  expect(firstPartitionUuid(list.replaceAll('DiskUUID', 'VolumeUUID'))).toBe('d2a1b3c4-0000-4f5e-8d6c-112233445566');
  expect(firstPartitionUuid('<dict/>')).toBeUndefined();
});

test('macOS: shares are found in the table that mount prints', () => {
  const table = `/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
//ann@nas._smb._tcp.local/photos on /Volumes/My (new) photos (smbfs, nodev, nosuid, mounted by ann)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
`;
  expect(findMacMount(table, '/Volumes/My (new) photos/2024')).toMatchObject({
    filesystem: 'smbfs',
    device: '//ann@nas._smb._tcp.local/photos',
  });
  expect(findMacMount(table, '/Volumes/other')?.filesystem).toBe('apfs');
  expect(findMacMount('', '/x')).toBeUndefined();
});
