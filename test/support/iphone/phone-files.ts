// What a fake phone has on it: files of a real folder, files made up on the spot, and whatever a test wants to be there, under any
// name that bytes can make. Names are kept as latin1 text, a character per byte.

import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { makeJpeg } from '../media/jpeg.ts';

export interface PhoneFile {
  readonly kind: 'file' | 'link' | 'other';
  /** What the phone says; what it has may differ, if a test wants it to lie. */
  sizeBytes: number;
  modifiedAtNs: bigint;
  bornAtNs?: bigint;
  linkTarget?: string;
  read(offsetBytes: number, count: number): Buffer;
}

/** A path as the phone has it: without a slash at its ends, a character per byte. */
export type PhonePath = string;

export class PhoneFiles {
  readonly #files = new Map<PhonePath, PhoneFile>();
  readonly #folders = new Map<PhonePath, Set<string>>([['', new Set()]]);

  file(path: PhonePath): PhoneFile | undefined {
    return this.#files.get(path);
  }

  /** Names in it, or undefined if there is no such folder. */
  folder(path: PhonePath): ReadonlySet<string> | undefined {
    return this.#folders.get(path);
  }

  get paths(): readonly PhonePath[] {
    return [...this.#files.keys()];
  }

  makeFolder(path: PhonePath): void {
    if (this.#folders.has(path)) return;
    this.#folders.set(path, new Set());
    const slash = path.lastIndexOf('/');
    const parent = path.slice(0, Math.max(0, slash));
    this.makeFolder(parent);
    this.#folders.get(parent)?.add(path.slice(slash + 1));
  }

  add(path: PhonePath, file: PhoneFile): PhoneFile {
    const slash = path.lastIndexOf('/');
    const parent = path.slice(0, Math.max(0, slash));
    this.makeFolder(parent);
    this.#folders.get(parent)?.add(path.slice(slash + 1));
    this.#files.set(path, file);
    return file;
  }

  remove(path: PhonePath): void {
    this.#files.delete(path);
    const slash = path.lastIndexOf('/');
    this.#folders.get(path.slice(0, Math.max(0, slash)))?.delete(path.slice(slash + 1));
  }

  addBytes(path: PhonePath, content: Buffer, modifiedAt: Date = new Date(1.7e12)): PhoneFile {
    return this.add(path, {
      kind: 'file',
      sizeBytes: content.length,
      modifiedAtNs: BigInt(modifiedAt.getTime()) * 1_000_000n,
      bornAtNs: BigInt(modifiedAt.getTime()) * 1_000_000n,
      read: (offset, count) => content.subarray(offset, offset + count),
    });
  }

  /** All below a real folder, read when it is asked for. */
  addFolder(at: PhonePath, folder: string): void {
    for (const entry of readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })) {
      const name = entry.name.toString('latin1');
      const path = `${at}/${name}`;
      const real = Buffer.concat([Buffer.from(`${folder}/`), entry.name]);
      if (entry.isDirectory()) this.addFolder(path, real.toString());
      else if (entry.isFile()) this.#addReal(path, real);
    }
  }

  #addReal(path: PhonePath, real: Buffer): void {
    const { size, mtimeNs } = statSync(real, { bigint: true });
    this.add(path, {
      kind: 'file',
      sizeBytes: Number(size),
      modifiedAtNs: mtimeNs,
      bornAtNs: mtimeNs,
      read: (offset, count) => {
        const handle = openSync(real, 'r');
        const buffer = Buffer.allocUnsafe(count);
        const read = readSync(handle, buffer, 0, count, offset);
        closeSync(handle);
        return buffer.subarray(0, read);
      },
    });
  }

  /** A photo of its own bytes, however large, that takes no memory: a small JPEG and then bytes that repeat. */
  addSynthetic(path: PhonePath, sizeBytes: number, takenAt: Date): PhoneFile {
    const head = makeJpeg({ seed: path, dateTimeOriginal: takenAt.toISOString().slice(0, 19) });
    const modifiedAtNs = BigInt(takenAt.getTime()) * 1_000_000n;
    return this.add(path, {
      kind: 'file',
      sizeBytes,
      modifiedAtNs,
      bornAtNs: modifiedAtNs,
      read: (offset, count) => {
        const end = Math.min(sizeBytes, offset + count);
        if (offset >= head.length) return filler(offset, Math.max(0, end - offset));
        const start = head.subarray(offset, end);
        return end <= head.length ? start : Buffer.concat([start, filler(head.length, end - head.length)]);
      },
    });
  }
}

const fillerBytes = 4 * 1024 * 1024;
let fillerBlock: Buffer | undefined;

/** Without copying where it can: the fake phone must not be what is measured. */
function filler(offset: number, count: number): Buffer {
  fillerBlock ??= makeFiller();
  const start = offset % fillerBytes;
  if (start + count <= fillerBytes) return fillerBlock.subarray(start, start + count);
  const parts = [fillerBlock.subarray(start)];
  for (let left = count - (fillerBytes - start); left > 0; left -= fillerBytes)
    parts.push(fillerBlock.subarray(0, left));
  return Buffer.concat(parts, count);
}

function makeFiller(): Buffer {
  const block = Buffer.allocUnsafe(fillerBytes);
  let state = 0x2545f491;
  for (let at = 0; at < fillerBytes; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    block.writeInt32LE(state, at);
  }
  return block;
}
