// An internal disk that is taken for a card would be offered for saving; a card in an internal reader that is not would never
// be. The folders have the shape that sysfs has on the machines named.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { readBlockDevice } from '../../../src/detect/block-device.ts';
import { parseMountTable } from '../../../src/platform/volume.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

interface Node {
  /** Below /sys/devices. */
  readonly path: string;
  readonly number?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

function makeSysfs(nodes: readonly Node[]): Disposable & { readonly path: string } {
  const scratch = temporaryFolder();
  for (const { path, number, attributes } of nodes) {
    const folder = join(scratch.path, 'devices', path);
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(attributes ?? {})) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), `${text}\n`);
    }
    const links = [`class/block/${basename(path)}`, ...(number === undefined ? [] : [`dev/block/${number}`])];
    for (const link of number === undefined ? [] : links) {
      const at = join(scratch.path, link);
      mkdirSync(dirname(at), { recursive: true });
      symlinkSync(relative(dirname(at), folder), at);
    }
  }
  return scratch;
}

function mountOf(device: string, number: string, filesystem = 'vfat') {
  const [mount] = parseMountTable(`50 1 ${number} / /media/x rw - ${filesystem} ${device} rw`);
  if (mount === undefined) throw new Error('not a line of a mount table');
  return mount;
}

const usb = 'pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host4/target4:0:0/4:0:0:0/block/sdb';
const reader = [
  {
    path: usb,
    number: '8:16',
    attributes: { removable: '1', diskseq: '14', 'device/vendor': 'Generic ', 'device/model': 'USB3.0 CRW   -SD' },
  },
  { path: `${usb}/sdb1`, number: '8:17', attributes: { partition: '1', size: '62521344' } },
];

test('A card in a USB reader: removable, with the size of its volume and what the reader calls itself', async () => {
  using sys = makeSysfs(reader);
  expect(await readBlockDevice(mountOf('/dev/sdb1', '8:17'), sys.path)).toEqual({
    disks: [expect.stringMatching(/block\/sdb$/)],
    sequence: '14',
    isRemovable: true,
    sizeBytes: 62521344 * 512,
    model: 'Generic USB3.0 CRW -SD',
  });
});

test('The same through FUSE, whose number is made up: found by name', async () => {
  using sys = makeSysfs(reader);
  const device = await readBlockDevice(mountOf('/dev/sdb1', '0:57', 'fuse.exfat'), sys.path);
  expect(device).toMatchObject({ isRemovable: true, sizeBytes: 62521344 * 512 });
});

const mmc = (type: string): Node[] => {
  const disk = 'pci0000:00/0000:00:1c.0/0000:02:00.0/rtsx_pci_sdmmc.0/mmc_host/mmc0/mmc0:59b4/block/mmcblk0';
  return [
    { path: disk, number: '179:0', attributes: { removable: '0', 'device/type': type, 'device/name': 'SD64G' } },
    { path: `${disk}/mmcblk0p1`, number: '179:1', attributes: { partition: '1' } },
  ];
};
const nvme = 'pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme0/nvme0n1';
const sata = 'pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda';
const usbDisk = 'pci0000:00/0000:00:14.0/usb4/4-2/4-2:1.0/host6/target6:0:0/6:0:0:0/block/sdc';

test.for<[string, string, readonly Node[], boolean]>([
  ['an SD card in the slot of a notebook', '179:1', mmc('SD'), true],
  ['soldered memory on the same kind of bus', '179:1', mmc('MMC'), false],
  ['an internal NVMe disk', '259:0', [{ path: nvme, number: '259:0', attributes: { removable: '0' } }], false],
  ['an internal SATA disk', '8:0', [{ path: sata, number: '8:0', attributes: { removable: '0' } }], false],
  ['a disk on the USB cable', '8:32', [{ path: usbDisk, number: '8:32', attributes: { removable: '0' } }], true],
  [
    'a CFexpress card in a Thunderbolt reader',
    '259:0',
    [
      { path: dirname(dirname(dirname(nvme))), attributes: { removable: 'removable' } },
      { path: nvme, number: '259:0', attributes: { removable: '0' } },
    ],
    true,
  ],
  ['an image on a loop device', '7:3', [{ path: 'virtual/block/loop3', number: '7:3' }], true],
  ['memory', '252:0', [{ path: 'virtual/block/zram0', number: '252:0', attributes: { removable: '0' } }], false],
])('%s', async ([, number, nodes, isRemovable]) => {
  using sys = makeSysfs(nodes);
  expect(await readBlockDevice(mountOf('/dev/whatever', number), sys.path)).toMatchObject({ isRemovable });
});

test('An encrypted partition is as removable as the disk it lies on, and a volume over two disks as both', async () => {
  using sys = makeSysfs([
    ...reader,
    { path: sata, number: '8:0', attributes: { removable: '0' } },
    { path: 'virtual/block/dm-0', number: '253:0', attributes: { 'slaves/sdb1': '' } },
    { path: 'virtual/block/dm-1', number: '253:1', attributes: { 'slaves/sdb1': '', 'slaves/sda': '' } },
  ]);
  expect(await readBlockDevice(mountOf('/dev/mapper/luks', '253:0'), sys.path)).toMatchObject({ isRemovable: true });
  const both = await readBlockDevice(mountOf('/dev/mapper/raid', '253:1'), sys.path);
  expect(both).toMatchObject({ isRemovable: false });
  expect(both?.disks).toHaveLength(2);
});

test('What is no disk has none: network, memory, FUSE without a device', async () => {
  using sys = makeSysfs(reader);
  for (const [device, kind] of [
    ['tmpfs', 'tmpfs'],
    ['server:/x', 'nfs4'],
    ['/dev/fuse', 'fuse'],
    ['gvfsd-fuse', 'fuse.gvfsd-fuse'],
    ['/home/ann/card.img', 'fuse.image'],
  ] as const)
    expect(await readBlockDevice(mountOf(device, '0:60', kind), sys.path)).toBeUndefined();
});

test('What a device says of itself is cut and made printable', async () => {
  const attributes = { 'device/model': `evil\u001b[31m\u202e\nname ${'x'.repeat(500)}`, size: 'much' };
  using sys = makeSysfs([{ path: 'virtual/block/loop1', number: '7:1', attributes }]);
  const device = await readBlockDevice(mountOf('/dev/loop1', '7:1'), sys.path);
  expect(device?.model).toMatch(/^evil \[31m name x{85}$/);
  expect(device?.sizeBytes).toBeUndefined();
});
