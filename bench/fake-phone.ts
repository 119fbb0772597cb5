// A fake iPhone in a process of its own, for bench/iphone.ts: prints its address, ends with its input.

import process from 'node:process';
import { FakeIphone } from '../test/support/iphone/fake-iphone.ts';
import { FakeUsbmuxd } from '../test/support/iphone/fake-usbmuxd.ts';

const [path = '', count = '0', sizeBytes = '0', roundTripMs = '0', bytesPerSecond = '0'] = process.argv.slice(2);
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
daemon.attach(phone);
process.stdout.write('ready\n');
process.stdin.resume().once('end', () => process.exit());
