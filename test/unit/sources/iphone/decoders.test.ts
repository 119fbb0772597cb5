// What a phone sends goes through these before anything else: whatever it is, they answer or say that it is nonsense, soon.
// KEEPSAKE_TEST_FUZZ_RUNS=1000000 for a long run; a failure prints the seed to repeat it with.
import fc from 'fast-check';
import { build, buildBinary } from 'plist';
import { expect, test, vi } from 'vitest';
import { isAgentError } from '../../../../src/domain/errors.ts';
import type { SourcePath } from '../../../../src/domain/ids.ts';
import {
  decodeHeader,
  encodeRequest,
  headerBytes,
  namesOf,
  pairsOf,
} from '../../../../src/sources/iphone/afc-packet.ts';
import { placeOf } from '../../../../src/sources/iphone/media-paths.ts';
import { decodePlist, encodePlist } from '../../../../src/sources/iphone/plist-codec.ts';
import { usbmuxAddress } from '../../../../src/sources/iphone/usbmux-address.ts';

const numRuns = Number(process.env['KEEPSAKE_TEST_FUZZ_RUNS'] ?? 10_000);
const timeoutMs = Math.max(900_000, numRuns);

/** Only our own error, or an answer. */
function isCalm(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    return isAgentError(error, 'PHONE_PROTOCOL', 'CONFIG_INVALID');
  }
}

const plistValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ minLength: 1 }), tie('value'), { maxKeys: 4 }),
  ),
})).value;

test(
  'A header of any bytes is decoded or refused',
  () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: headerBytes, maxLength: headerBytes }), (bytes) =>
        isCalm(() => decodeHeader(Buffer.from(bytes))),
      ),
      { numRuns },
    );
  },
  timeoutMs,
);

test(
  'A header with the right beginning and any numbers is decoded or refused, and never says less than nothing',
  () => {
    const numbers = fc.tuple(...Array.from({ length: 4 }, () => fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })));
    fc.assert(
      fc.property(numbers, (values) => {
        const header = encodeRequest('read', 1, new Uint8Array());
        for (const [index, value] of values.entries()) header.writeBigUInt64LE(value, 8 + 8 * index);
        return isCalm(() => expect(decodeHeader(header).bodyBytes).toBeGreaterThanOrEqual(0));
      }),
      { numRuns },
    );
  },
  timeoutMs,
);

test(
  'Names and pairs of any bytes have no zero in them, and are no more than what came',
  () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const body = Buffer.from(bytes);
        const names = namesOf(body);
        const length = names.reduce((sum, name) => sum + name.length, 0);
        return length <= body.length && names.every((name) => !name.includes(0)) && pairsOf(body).size <= body.length;
      }),
      { numRuns },
    );
  },
  timeoutMs,
);

test(
  'A message of any bytes, of any text, or cut off or changed anywhere, is decoded or refused',
  () => {
    const message = fc.dictionary(fc.string({ minLength: 1 }), plistValue, { maxKeys: 5 });
    const spoiled = fc.tuple(message, fc.boolean(), fc.nat(), fc.nat({ max: 255 }), fc.boolean());
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.string().map((text) => Buffer.from(text)),
        ),
        (bytes) => isCalm(() => decodePlist(bytes)),
      ),
      { numRuns: Math.ceil(numRuns / 2) },
    );
    fc.assert(
      fc.property(spoiled, ([value, isBinary, at, byte, isCut]) => {
        const bytes = Buffer.from(isBinary ? buildBinary(value as never) : build(value as never));
        const index = at % bytes.length;
        if (!isCut) bytes[index] = byte;
        return isCalm(() => decodePlist(isCut ? bytes.subarray(0, index) : bytes));
      }),
      { numRuns: Math.ceil(numRuns / 2) },
    );
  },
  timeoutMs,
);

test('A binary message whose values refer to each other in a circle, or a thousandfold, is refused soon', () => {
  // Two arrays of two references each to the next, forty deep: 2^40 values.
  const objects = Array.from({ length: 40 }, (_, index) => Buffer.from([0xa2, index + 1, index + 1]));
  objects.push(Buffer.from([0x09]));
  const header = Buffer.from('bplist00');
  const offsets = objects.map((_, index) => header.length + 3 * index);
  const trailer = Buffer.alloc(32);
  trailer[6] = 1;
  trailer[7] = 1;
  trailer.writeBigUInt64BE(BigInt(objects.length), 8);
  trailer.writeBigUInt64BE(BigInt(header.length + 3 * 40 + 1), 24);
  const bomb = Buffer.concat([header, ...objects, Buffer.from(offsets), trailer]);
  expect(() => decodePlist(bomb)).toThrow(expect.objectContaining({ code: 'PHONE_PROTOCOL' }));
  const circle = Buffer.concat([header, Buffer.from([0xa1, 0]), Buffer.from([8]), trailer]);
  circle.writeBigUInt64BE(1n, circle.length - 24);
  circle.writeBigUInt64BE(10n, circle.length - 8);
  expect(() => decodePlist(circle)).toThrow(expect.objectContaining({ code: 'PHONE_PROTOCOL' }));
});

test('What the parser dislikes is not printed: it would be the phone that writes to the terminal', () => {
  const printed = vi.spyOn(console, 'error');
  const warned = vi.spyOn(console, 'warn');
  expect(() => decodePlist(Buffer.from('<plist><dict><\u001b[31m'))).toThrow();
  expect([printed.mock.calls, warned.mock.calls]).toEqual([[], []]);
  vi.restoreAllMocks();
});

test('What we send comes back as it was', () => {
  const request = {
    Label: 'keepsake',
    Request: 'Pair',
    Data: new Uint8Array([0, 1, 255]),
    Options: { Yes: true },
    Port: 62078,
  };
  expect(decodePlist(encodePlist(request))).toEqual(request);
});

test(
  'A path of any name has a place, and an edit is shown beside its original',
  () => {
    fc.assert(
      fc.property(fc.string(), (text) => ['original', 'edit', 'none'].includes(placeOf(text as SourcePath).kind)),
      { numRuns },
    );
    const at = (path: string) => placeOf(path as SourcePath);
    expect(at('PhotoData/Mutations/DCIM/100APPLE/IMG_1234/Adjustments/FullSizeRender.heic')).toEqual({
      kind: 'edit',
      presentedAs: 'DCIM/100APPLE/IMG_E1234.HEIC',
    });
    expect(at('DCIM/.MISC/x.JPG').kind).toBe('none');
    expect(at('DCIM/100APPLE/.x.JPG').kind).toBe('original');
    expect(at('PhotoData/Mutations/DCIM/100APPLE/IMG_1234/Adjustments/FullSizeRenderPose.jpg').kind).toBe('none');
  },
  timeoutMs,
);

test(
  'The address of the daemon is taken as libusbmuxd takes it, and anything else refused',
  () => {
    expect(usbmuxAddress(undefined, 'linux')).toEqual({ path: '/var/run/usbmuxd' });
    expect(usbmuxAddress('', 'win32')).toEqual({ host: '127.0.0.1', port: 27015 });
    expect(usbmuxAddress('UNIX:/tmp/a b', 'linux')).toEqual({ path: '/tmp/a b' });
    expect(usbmuxAddress('localhost:27015', 'linux')).toEqual({ host: 'localhost', port: 27015 });
    expect(usbmuxAddress('[::1]:27015', 'linux')).toEqual({ host: '::1', port: 27015 });
    for (const wrong of ['UNIX:relative', 'host', 'host:0', 'host:70000', ':1', '::1:5']) {
      expect(() => usbmuxAddress(wrong, 'linux'), wrong).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    }
    fc.assert(
      fc.property(fc.string(), (text) => isCalm(() => usbmuxAddress(text, 'linux'))),
      { numRuns },
    );
  },
  timeoutMs,
);
