// AFC as a phone serves it, on one connection: requests are answered in their order. What can go wrong is asked of the phone's
// faults before each answer. Written from docs/iphone.md alone, without a line of the client, so that neither hides the other's mistakes.

import type { Duplex } from 'node:stream';
import type { FakeIphone, Fault } from './fake-iphone.ts';

const magic = Buffer.from('CFA6LPAA', 'latin1');
const headerBytes = 40;
const op = {
  status: 0x01,
  data: 0x02,
  readDir: 0x03,
  fileInfo: 0x0a,
  deviceInfo: 0x0b,
  open: 0x0d,
  opened: 0x0e,
  read: 0x0f,
  write: 0x10,
  seek: 0x11,
  tell: 0x12,
  told: 0x13,
  close: 0x14,
};
const status = {
  ok: 0,
  noResources: 3,
  readError: 4,
  unknownPacket: 6,
  invalid: 7,
  notFound: 8,
  isDirectory: 9,
  denied: 10,
};

interface Handle {
  readonly path: string;
  position: bigint;
}

/** Serves until the stream ends. */
export function serveAfc(phone: FakeIphone, stream: Duplex): void {
  const handles = new Map<bigint, Handle>();
  let nextHandle = 1n;
  let rest: Buffer = Buffer.alloc(0);
  const end = () => {
    phone.openHandles -= handles.size;
    handles.clear();
  };
  stream.once('close', end);
  stream.on('error', () => stream.destroy());
  stream.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= headerBytes) {
      const length = Number(rest.readBigUInt64LE(8));
      if (!rest.subarray(0, 8).equals(magic) || length < headerBytes || length > 64 * 1024 * 1024) {
        stream.destroy();
        return;
      }
      if (rest.length < length) return;
      const packet = rest.subarray(0, length);
      rest = rest.subarray(length);
      answer(packet.readBigUInt64LE(24), Number(packet.readBigUInt64LE(32)), packet.subarray(headerBytes));
      if (stream.destroyed) return;
    }
  });

  function answer(number: bigint, operation: number, body: Buffer): void {
    phone.counters.operations += 1;
    phone.counters.byOperation.set(operation, (phone.counters.byOperation.get(operation) ?? 0) + 1);
    const path = pathOf(operation, body, handles);
    const fault = phone.faults.take(operation, path);
    if (fault?.kind === 'silence') return;
    if (fault?.kind === 'detach') phone.detach();
    else if (fault?.kind === 'hangUp') stream.destroy();
    else phone.cable.send(stream, replyWith(fault, number, operation, body, path));
  }

  function replyWith(fault: Fault | undefined, number: bigint, operation: number, body: Buffer, path: string): Buffer {
    if (fault?.kind === 'act') fault.act();
    if (fault?.kind === 'raw') return fault.reply(number);
    if (fault?.kind === 'status') return said(number, fault.status);
    return phone.isDenying ? said(number, status.denied) : handle(number, operation, body, path);
  }

  function handle(number: bigint, operation: number, body: Buffer, path: string): Buffer {
    switch (operation) {
      case op.readDir: {
        const names = phone.files.folder(path);
        if (names !== undefined) return data(number, Buffer.from(['.', '..', ...names, ''].join('\0'), 'latin1'));
        return said(number, phone.files.file(path) === undefined ? status.notFound : status.readError);
      }
      case op.fileInfo: {
        const facts = describe(phone, path);
        return facts === undefined ? said(number, status.notFound) : data(number, pairs(facts));
      }
      case op.deviceInfo:
        return data(
          number,
          pairs({
            Model: phone.productType,
            FSTotalBytes: '128000000000',
            FSFreeBytes: '64000000000',
            FSBlockSize: '4096',
          }),
        );
      case op.open:
        return openFile(number, body.readBigUInt64LE(0), path);
      case op.read: {
        const file = handles.get(body.readBigUInt64LE(0));
        if (file === undefined) return said(number, status.invalid);
        const bytes = phone.read(file.path, Number(file.position), Number(body.readBigUInt64LE(8)));
        file.position += BigInt(bytes.length);
        return data(number, bytes);
      }
      case op.seek: {
        const file = handles.get(body.readBigUInt64LE(0));
        if (file === undefined) return said(number, status.invalid);
        const whence = Number(body.readBigUInt64LE(8));
        const ends = [0n, file.position, BigInt(phone.files.file(file.path)?.sizeBytes ?? 0)];
        file.position = (ends[whence] ?? 0n) + body.readBigInt64LE(16);
        return said(number, status.ok);
      }
      case op.tell: {
        const file = handles.get(body.readBigUInt64LE(0));
        return file === undefined ? said(number, status.invalid) : reply(number, op.told, u64(file.position));
      }
      case op.close:
        if (!handles.delete(body.readBigUInt64LE(0))) return said(number, status.invalid);
        phone.openHandles -= 1;
        return said(number, status.ok);
      default:
        // Nothing can be written on it: whoever tries is told so, and counted.
        phone.counters.otherOperations += 1;
        return said(number, operation > op.close || operation === op.write ? status.denied : status.unknownPacket);
    }
  }

  function openFile(number: bigint, mode: bigint, path: string): Buffer {
    if (mode !== 1n) return said(number, status.denied);
    if (phone.files.folder(path) !== undefined) return said(number, status.isDirectory);
    if (phone.files.file(path) === undefined) return said(number, status.notFound);
    if (phone.openHandles >= phone.handlesMax) return said(number, status.noResources);
    phone.openHandles += 1;
    phone.counters.openHandlesMax = Math.max(phone.counters.openHandlesMax, phone.openHandles);
    handles.set(nextHandle, { path, position: 0n });
    nextHandle += 1n;
    return reply(number, op.opened, u64(nextHandle - 1n));
  }
}

function said(number: bigint, code: number): Buffer {
  return reply(number, op.status, u64(BigInt(code)));
}

function data(number: bigint, payload: Buffer): Buffer {
  return Buffer.concat([header(number, op.data, 0, payload.length), payload]);
}

function reply(number: bigint, operation: number, argument: Buffer): Buffer {
  return Buffer.concat([header(number, operation, argument.length, 0), argument]);
}

/** A reply's first 40 bytes, true or not. */
export function header(number: bigint, operation: number, argumentBytes: number, payloadBytes: number): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  magic.copy(bytes);
  bytes.writeBigUInt64LE(BigInt(headerBytes + argumentBytes + payloadBytes), 8);
  bytes.writeBigUInt64LE(BigInt(headerBytes + argumentBytes), 16);
  bytes.writeBigUInt64LE(number, 24);
  bytes.writeBigUInt64LE(BigInt(operation), 32);
  return bytes;
}

export function u64(number: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(number);
  return bytes;
}

function pathOf(operation: number, body: Buffer, handles: ReadonlyMap<bigint, Handle>): string {
  if (operation === op.read || operation === op.close || operation === op.seek) {
    return handles.get(body.readBigUInt64LE(0))?.path ?? '';
  }
  const bytes = operation === op.open ? body.subarray(8) : body;
  const text = bytes.toString('latin1').replace(/\0.*$/s, '');
  return text
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

function describe(phone: FakeIphone, path: string): Readonly<Record<string, string>> | undefined {
  const common = { st_blocks: '8', st_nlink: '1' };
  const file = phone.files.file(path);
  if (file !== undefined) {
    return {
      st_size: String(file.sizeBytes),
      ...common,
      st_ifmt: { file: 'S_IFREG', link: 'S_IFLNK', other: 'S_IFIFO' }[file.kind],
      ...(file.linkTarget === undefined ? {} : { LinkTarget: file.linkTarget }),
      st_mtime: String(file.modifiedAtNs),
      ...(file.bornAtNs === undefined ? {} : { st_birthtime: String(file.bornAtNs) }),
    };
  }
  if (phone.files.folder(path) === undefined) return undefined;
  return {
    st_size: '64',
    ...common,
    st_ifmt: 'S_IFDIR',
    st_mtime: '1700000000000000000',
    st_birthtime: '1700000000000000000',
  };
}

function pairs(facts: Readonly<Record<string, string>>): Buffer {
  return Buffer.from(
    Object.entries(facts)
      .flatMap(([key, value]) => [`${key}\0`, `${value}\0`])
      .join(''),
    'latin1',
  );
}
