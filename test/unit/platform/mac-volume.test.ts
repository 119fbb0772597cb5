// Written after printed examples of `diskutil info -plist`: what is missing there must come out as unknown, not as a card.
import { expect, test } from 'vitest';
import { parseDiskutil, readMacVolume } from '../../../src/platform/mac-volume.ts';

const plist = (entries: string) => `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0">
<dict>
${entries}
</dict>
</plist>
`;
const card = plist(`	<key>DeviceIdentifier</key>
	<string>disk4s1</string>
	<key>Ejectable</key>
	<true/>
	<key>Internal</key>
	<true/>
	<key>MediaName</key>
	<string>SD Card Reader</string>
	<key>MountPoint</key>
	<string>/Volumes/Ann &amp; Ben</string>
	<key>RemovableMedia</key>
	<true/>
	<key>TotalSize</key>
	<integer>31902400512</integer>
	<key>VolumeUUID</key>
	<string>7F2D0C4E-9B1A-3C55-8E21-0A4D5B6C7D8E</string>`);

test('A card in the built-in reader is removable though the reader is internal', () => {
  expect(parseDiskutil(card)).toEqual({
    uuid: '7F2D0C4E-9B1A-3C55-8E21-0A4D5B6C7D8E',
    deviceId: 'disk4s1',
    mountPoint: '/Volumes/Ann & Ben',
    isRemovable: true,
    sizeBytes: 31_902_400_512,
    model: 'SD Card Reader',
  });
});

test('An internal disk is not removable, and one of which nothing is said is not either', () => {
  const head = '<key>DeviceIdentifier</key><string>disk1s2</string><key>MountPoint</key><string>/Volumes/Data</string>';
  for (const more of ['<key>Internal</key><true/><key>Ejectable</key><false/>', ''])
    expect(parseDiskutil(plist(head + more))).toMatchObject({ isRemovable: false, uuid: undefined, model: undefined });
  expect(parseDiskutil(plist(`${head}<key>Internal</key><false/>`))?.isRemovable).toBe(true);
});

test('What is not mounted, or no answer at all, is no volume', async () => {
  expect(parseDiskutil('')).toBeUndefined();
  expect(parseDiskutil(card.replace('/Volumes/Ann &amp; Ben', ''))).toBeUndefined();
  expect(await readMacVolume('/x', async () => 'stuck')).toBe('stuck');
  expect(await readMacVolume('/x', async () => ({ exitCode: 1, stdout: Buffer.from(card) }))).toBeUndefined();
});
