// A fake iPhone in a process of its own, for bench/iphone.ts: prints its address, ends with its input.

import process from 'node:process';
import { FakeIphone } from '../test/support/iphone/fake-iphone.ts';
import { FakeUsbmuxd } from '../test/support/iphone/fake-usbmuxd.ts';
import { addDatabase } from '../test/support/photos/listed-phone.ts';
import { type DescribedAsset, makePhotosDatabase } from '../test/support/photos/make-photos-database.ts';

const [path = '', count = '0', sizeBytes = '0', roundTripMs = '0', bytesPerSecond = '0', list = ''] =
  process.argv.slice(2);
const daemon = await FakeUsbmuxd.start({ path });
const phone = new FakeIphone({
  name: 'Bench',
  udid: '00008110-0000000000000001',
  cable: {
    roundTripMs: Number(roundTripMs),
    ...(bytesPerSecond === '0' ? {} : { bytesPerSecond: Number(bytesPerSecond) }),
  },
});
phone.answersTrust = 'trusted';
for (let index = 0; index < Number(count); index += 1) {
  const name = `DCIM/${100 + Math.floor(index / 1000)}APPLE/IMG_${String(index % 10_000).padStart(4, '0')}.JPG`;
  phone.files.addSynthetic(name, Number(sizeBytes), new Date(1.5e12 + index * 1e6));
}
if (list !== '') addList();
daemon.attach(phone);
process.stdout.write('ready\n');
/** The phone's own list of its photos, with all of them. */
function addList(): void {
  const assets = phone.files.paths.map((each): DescribedAsset => {
    const slash = each.lastIndexOf('/');
    return { folder: each.slice(0, slash), name: each.slice(slash + 1), sizeBytes: Number(sizeBytes) };
  });
  addDatabase(phone.files, makePhotosDatabase({ generation: 'ios18', assets }));
}

process.stdin.resume().once('end', () => process.exit());
