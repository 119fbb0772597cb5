// Taking a network share, the system's disk or the owner's own library for a card would read, and hang on, what nobody asked
// for; overlooking a card would lose what is on it. The tables have the shape of those of desktops of their year.
import { expect, test } from 'vitest';
import { findCandidates, visibleMounts } from '../../../src/detect/linux-mounts.ts';
import { type Mount, parseMountTable } from '../../../src/platform/volume.ts';

const nothingElse = { cardRoots: [], ownRoots: [] };
const points = (mounts: readonly Mount[]) => mounts.map(({ mountPoint }) => mountPoint);
const cards = (text: string, options: Parameters<typeof findCandidates>[1] = nothingElse) =>
  points(findCandidates(parseMountTable(text), options).cards);

const ubuntu = `22 29 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
23 29 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
24 29 0:5 / /dev rw,nosuid,relatime shared:2 - devtmpfs udev rw,size=8101136k,nr_inodes=2025284,mode=755,inode64
26 29 0:23 / /run rw,nosuid,nodev,noexec,relatime shared:5 - tmpfs tmpfs rw,size=1630760k,mode=755,inode64
29 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
96 29 7:0 / /snap/bare/5 ro,nodev,relatime shared:50 - squashfs /dev/loop0 ro,errors=continue,threads=single
103 29 259:1 / /boot/efi rw,relatime shared:58 - vfat /dev/nvme0n1p1 rw,fmask=0077,dmask=0077,codepage=437
412 26 0:57 / /run/user/1000 rw,nosuid,nodev,relatime shared:540 - tmpfs tmpfs rw,size=1630756k,mode=700,uid=1000
431 412 0:58 / /run/user/1000/gvfs rw,nosuid,nodev,relatime shared:558 - fuse.gvfsd-fuse gvfsd-fuse rw,user_id=1000,group_id=1000
438 412 0:59 / /run/user/1000/doc rw,nosuid,nodev,relatime shared:565 - fuse.portal portal rw,user_id=1000,group_id=1000
501 29 8:17 / /media/ann/EOS_DIGITAL rw,nosuid,nodev,relatime shared:600 - vfat /dev/sdb1 rw,uid=1000,gid=1000,shortname=mixed,flush
502 29 8:33 / /media/ann/My\\040Card rw,nosuid,nodev,relatime shared:601 - exfat /dev/sdc1 rw,uid=1000,gid=1000,iocharset=utf8
503 29 0:70 / /media/ann/nas rw,relatime shared:602 - cifs //nas/photos rw,vers=3.1.1,cache=strict
`;
const fedora = `36 35 0:32 /root / rw,relatime shared:1 - btrfs /dev/mapper/luks-4f1 rw,seclabel,compress=zstd:1,subvolid=257,subvol=/root
66 36 0:32 /home /home rw,relatime shared:30 - btrfs /dev/mapper/luks-4f1 rw,seclabel,subvolid=256,subvol=/home
70 36 0:40 / /run rw,nosuid,nodev shared:12 - tmpfs tmpfs rw,seclabel,size=6510156k,mode=755,inode64
801 70 179:1 / /run/media/ann/3365-3933 rw,nosuid,nodev,relatime shared:420 - exfat /dev/mmcblk0p1 rw,uid=1000,gid=1000
802 70 8:1 / /run/media/ann/old\\134disk rw,nosuid,nodev,relatime shared:421 - fuseblk /dev/sda1 rw,user_id=0,group_id=0,allow_other,blksize=4096
803 70 0:71 / /run/media/ann/remote rw,nosuid,nodev shared:422 - fuse.sshfs ann@host:/srv rw,user_id=1000
804 70 0:32 /home/ann/Pictures /run/media/ann/bound rw,relatime shared:30 - btrfs /dev/mapper/luks-4f1 rw,subvol=/home
`;
const liveStick = `1 0 0:2 / / rw - rootfs rootfs rw
30 1 8:1 / /run/archiso/bootmnt ro,relatime shared:1 - iso9660 /dev/sda1 ro,nojoliet
31 1 0:30 / / rw,relatime shared:2 - overlay airootfs rw,lowerdir=/run/archiso/airootfs
40 31 8:1 / /mnt ro,relatime shared:3 - iso9660 /dev/sda1 ro,nojoliet
41 40 8:17 / /mnt/card rw,relatime shared:4 - vfat /dev/sdb1 rw
`;

test('Ubuntu: what udisks mounted below /media is looked at, and the cameras that GNOME shows', () => {
  expect(cards(ubuntu)).toEqual(['/media/ann/EOS_DIGITAL', '/media/ann/My Card']);
  expect(points(findCandidates(parseMountTable(ubuntu), nothingElse).gvfs)).toEqual(['/run/user/1000/gvfs']);
});

test('Fedora: what is below /run/media is looked at, but neither a share nor a folder of the system bound there', () => {
  expect(cards(fedora)).toEqual(['/run/media/ann/3365-3933', '/run/media/ann/old\\disk']);
});

test('A live system: the stick that it runs from is not looked at a second time as a card', () => {
  expect(cards(liveStick)).toEqual(['/mnt/card']);
});

test('No network share is looked at, wherever it is mounted', () => {
  const kinds = ['nfs', 'nfs4', 'cifs', 'smb3', '9p', 'virtiofs', 'ceph', 'fuse.sshfs', 'fuse.rclone', 'fuse.davfs'];
  const table = kinds.map((kind, index) => `${50 + index} 1 0:${50 + index} / /mnt/${index} rw - ${kind} server:/x rw`);
  expect(cards(table.join('\n'))).toEqual([]);
});

test('Memory and what programs make up are not looked at', () => {
  const table = [
    'tmpfs none',
    'overlay overlay',
    'fuse.portal portal',
    'fuse.fusefat fusefat',
    'proc proc',
    'autofs systemd-1',
  ];
  expect(
    cards(table.map((each, index) => `${50 + index} 1 0:${50 + index} / /mnt/${index} rw - ${each} rw`).join('\n')),
  ).toEqual([]);
});

test('Other places are looked at only if the settings name them, and not those that merely begin alike', () => {
  const table = `1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:17 / /srv/cards/slot rw - vfat /dev/sdb1 rw
3 1 8:33 / /srv/cards2 rw - vfat /dev/sdc1 rw
4 1 8:49 / /mediathek rw - vfat /dev/sdd1 rw
`;
  expect(cards(table)).toEqual([]);
  expect(cards(table, { cardRoots: ['/srv/cards'], ownRoots: [] })).toEqual(['/srv/cards/slot']);
  expect(cards(table, { cardRoots: ['/srv/cards/slot', '/srv/cards2'], ownRoots: [] })).toHaveLength(2);
});

test('What holds a library or a copy is no card, also where it is mounted a second time', () => {
  const table = `1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:17 / /media/drive rw - ext4 /dev/sdb1 rw
3 1 8:33 / /media/card rw - vfat /dev/sdc1 rw
4 1 8:17 / /mnt/again rw - ext4 /dev/sdb1 rw
5 1 8:49 / /mnt rw - vfat /dev/sdd1 rw
`;
  expect(cards(table, { cardRoots: [], ownRoots: ['/media/drive/Photos'] })).toEqual(['/media/card', '/mnt']);
});

test('One filesystem that is mounted twice is one card', () => {
  const table = `1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:17 / /media/card rw - vfat /dev/sdb1 rw
3 1 8:17 / /mnt/same rw - vfat /dev/sdb1 rw
4 1 8:17 /DCIM /mnt/part rw - vfat /dev/sdb1 rw
`;
  expect(cards(table)).toEqual(['/media/card']);
});

test.for([
  ['over itself', '3 2 8:33 / /media/card rw - vfat /dev/sdc1 rw', ['/', '/media/card']],
  ['over the folder above it', '3 1 8:33 / /media rw - vfat /dev/sdc1 rw', ['/', '/media']],
  ['beside it', '3 1 8:33 / /media/card2 rw - vfat /dev/sdc1 rw', ['/', '/media/card', '/media/card2']],
  ['below it', '3 2 8:33 / /media/card/DCIM rw - vfat /dev/sdc1 rw', ['/', '/media/card', '/media/card/DCIM']],
] as const)('With something mounted %s, what can still be reached is known', ([, later, expected]) => {
  const mounts = parseMountTable(`1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:17 / /media/card rw - vfat /dev/sdb1 rw
${later}`);
  const visible = visibleMounts(mounts);
  expect(points(visible)).toEqual(expected);
  expect(visible.some(({ device }) => device === '/dev/sdb1')).toBe(later.includes('card2') || later.includes('DCIM'));
});

test('A card that something was mounted over is not looked at: its path leads elsewhere', () => {
  const card = '1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:17 / /media/card rw - vfat /dev/sdb1 rw\n';
  expect(cards(card)).toEqual(['/media/card']);
  expect(cards(`${card}3 2 8:1 /home /media/card rw - ext4 /dev/sda1 rw\n`)).toEqual([]);
  expect(cards(`${card}3 1 0:50 / /media rw - tmpfs none rw\n`)).toEqual([]);
});

test('A table that goes in circles is no reason to hang', () => {
  expect(visibleMounts(parseMountTable('2 3 8:1 / /a rw - ext4 x rw\n3 2 8:2 / /b rw - ext4 y rw\n'))).toEqual([]);
  expect(points(visibleMounts(parseMountTable('2 2 8:1 / / rw - ext4 x rw\n'))), 'its own parent').toEqual(['/']);
});

test('Hostile names stay one name each; what no path can stand for is left out', () => {
  const long = 'x'.repeat(255);
  const names = [
    'new\\012line',
    'tab\\011',
    'back\\134slash',
    'bell\u0007',
    long,
    "quote'$(x)`",
    'bad\uFFFD',
    '..',
    'a/../b',
  ];
  const table = names.map((name, index) => `${10 + index} 1 8:${index} / /media/${name} rw - vfat /dev/x${index} rw`);
  expect(cards(table.join('\n'))).toEqual(
    ['new\nline', 'tab\t', 'back\\slash', 'bell\u0007', long, "quote'$(x)`"].map((name) => `/media/${name}`),
  );
});

test('More mounts than any reader has slots are not all looked at', () => {
  const table = Array.from(
    { length: 500 },
    (_, index) => `${index + 2} 1 8:${index} / /mnt/${index} rw - vfat /dev/s rw`,
  );
  expect(cards(table.join('\n'))).toHaveLength(64);
});
