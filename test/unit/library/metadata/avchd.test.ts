// Camcorder clips have no other date, and the cards' modification times do not survive every copy.
import { expect, test } from 'vitest';
import { readAvchdDate } from '../../../../src/library/metadata/avchd.ts';
import { threadCpuMs } from '../../../support/cpu-time.ts';
import { ascii, bytes, join } from '../../../support/media/bytes.ts';

const uuid = Buffer.from('17ee8c60f84d11d98cd60800200c9a66', 'hex');

/** Packets of one stream; `message` begins at byte `at` of the second. */
function stream(message: Buffer, { at = 40, stride = 192 }: { at?: number; stride?: 188 | 192 } = {}): Buffer {
  const file = Buffer.alloc(stride * 8, 0xff);
  for (let packet = 0; packet < 8; packet++) file[packet * stride + stride - 188] = 0x47;
  message.copy(file, stride + at);
  return file;
}

function message(...entries: number[][]): Buffer {
  return join(uuid, ascii('MDPM'), bytes(entries.length, ...entries.flat()));
}

const yearMonth = [0x18, 0x44, 0x20, 0x19, 0x04];
const dayTime = [0x19, 0x24, 0x22, 0x24, 0x00];

test('The time of recording is read from packets of 188 and 192 bytes', () => {
  for (const stride of [188, 192] as const) {
    const clip = stream(message([0x13, 1, 2, 3, 4], yearMonth, dayTime), { stride });
    expect(readAvchdDate(clip)).toEqual({ local: '2019-04-24T22:24:00' });
  }
});

test('A byte that H.264 put between zeros is taken out', () => {
  const escaped = join(message([0x14, 1, 0, 0, 3], [0, 0x18, 0x44, 0x20, 0x19], [4, ...dayTime.slice(0, 4)]), bytes(0));
  escaped[uuid.length + 4] = 3;
  expect(readAvchdDate(stream(escaped))).toEqual({ local: '2019-04-24T22:24:00' });
});

test('A message cut by the end of its packet is passed over for the next', () => {
  const whole = message(yearMonth, dayTime);
  const clip = stream(whole, { at: 192 - whole.length + 3 });
  expect(readAvchdDate(clip)).toBeUndefined();
  whole.copy(clip, 4 * 192 + 20);
  expect(readAvchdDate(clip)).toEqual({ local: '2019-04-24T22:24:00' });
});

test.for([
  [message()],
  [message(yearMonth)],
  [message(dayTime)],
  [message(yearMonth, [0x19, 0xff, 0xff, 0xff, 0xff])],
  [message([0x18, 0, 0, 0, 0], [0x19, 0, 0, 0, 0])],
  [join(uuid, ascii('MDPM'), bytes(255))],
  [join(uuid, ascii('GA94'), bytes(2, ...yearMonth, ...dayTime))],
] as const)('A message without a real date says nothing (%#)', ([content]) => {
  expect(readAvchdDate(stream(content))).toBeUndefined();
});

test('Bytes that are nothing but signatures end soon', () => {
  const beforeMs = threadCpuMs();
  expect(
    readAvchdDate(Buffer.concat(Array.from({ length: 200_000 }, () => join(uuid, ascii('MDPM'))))),
  ).toBeUndefined();
  expect(threadCpuMs() - beforeMs).toBeLessThan(2_000);
});
