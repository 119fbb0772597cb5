// An iPhone that is not there: its owner (who unlocks it and taps Trust), its files, its cable, its faults, and counters of what was
// asked of it. It is reached through `FakeUsbmuxd` only, over a socket, as a real one is.

import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Cable, type CableOptions } from './cable.ts';
import { PhoneFiles } from './phone-files.ts';

/** What goes wrong, instead of an answer or before it. */
export type Fault =
  /** Never answers this. */
  | { readonly kind: 'silence' }
  | { readonly kind: 'hangUp' }
  /** The cable is pulled. */
  | { readonly kind: 'detach' }
  /** Refuses with this AFC status. */
  | { readonly kind: 'status'; readonly status: number }
  /** Sends these bytes for an answer. */
  | { readonly kind: 'raw'; readonly reply: (packetNumber: bigint) => Buffer }
  /** Does this, then answers as ever. */
  | { readonly kind: 'act'; readonly act: () => void };

interface QueuedFault {
  readonly fault: Fault;
  readonly operation: number | undefined;
  readonly path: string | undefined;
  /** How many fitting requests go well before it. */
  after: number;
  /** How often it happens. */
  times: number;
}

/** Faults as data, queued: this operation, this path, after so many, so often. */
export class Faults {
  readonly #queue: QueuedFault[] = [];

  add(fault: Fault, where: { operation?: number; path?: string; after?: number; times?: number } = {}): void {
    const { operation, path, after = 0, times = 1 } = where;
    this.#queue.push({ fault, operation, path, after, times });
  }

  clear(): void {
    this.#queue.length = 0;
  }

  take(operation: number, path: string): Fault | undefined {
    for (const queued of this.#queue) {
      if (queued.times === 0) continue;
      if (queued.operation !== undefined && queued.operation !== operation) continue;
      if (queued.path !== undefined && queued.path !== path) continue;
      if (queued.after > 0) {
        queued.after -= 1;
        continue;
      }
      queued.times -= 1;
      return queued.fault;
    }
    return undefined;
  }
}

export interface FakeIphoneOptions {
  readonly name?: string;
  readonly udid?: string;
  readonly productType?: string;
  readonly cable?: CableOptions;
  /** `1.2` or `1.3`. */
  readonly tls?: '1.2' | '1.3';
  /** As a phone connected by Wi-Fi shows itself. */
  readonly isNetwork?: boolean;
}

/** What the owner has answered to "Trust This Computer?". */
export type Trust = 'notAsked' | 'asking' | 'trusted' | 'denied';

export class FakeIphone {
  name: string;
  readonly udid: string;
  readonly productType: string;
  readonly tls: '1.2' | '1.3';
  readonly isNetwork: boolean;
  readonly files = new PhoneFiles();
  readonly faults = new Faults();
  readonly cable: Cable;
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  readonly counters = {
    operations: 0,
    otherOperations: 0,
    byOperation: new Map<number, number>(),
    bytesRead: 0,
    bytesReadOf: new Map<string, number>(),
    openHandlesMax: 0,
    connections: 0,
  };
  openHandles = 0;
  handlesMax = 64;
  /** Locked since it was switched on: nothing but its name can be had. */
  isLocked = false;
  trust: Trust = 'notAsked';
  /** The owner answers at once instead of leaving the dialog open. */
  answersTrust: 'trusted' | 'denied' | undefined;
  isManaged = false;
  isBusy = false;
  /** AFC answers "permission denied" to everything: it was locked while connected. */
  isDenying = false;
  /** Somebody in between, who shows a certificate of their own. PEM. */
  impostor: { readonly certificate: string; readonly key: KeyObject } | undefined;
  /** Frames that the doorman sends instead of the next answers. */
  readonly lockdownAnswers: Buffer[] = [];
  /** The largest answer to a read, as some phones have one. */
  readBytesMax = Number.POSITIVE_INFINITY;
  /** HostID → certificates, as the phone remembers the computers it trusts. */
  readonly hosts = new Map<string, { readonly host: string; readonly root: string; readonly device: string }>();
  readonly tunnels = new Set<Duplex>();
  /** Set by the daemon it is attached to. */
  onDetach: () => void = () => undefined;

  constructor(options: FakeIphoneOptions = {}) {
    this.name = options.name ?? "Mum's iPhone";
    this.udid = options.udid ?? makeUdid();
    this.productType = options.productType ?? 'iPhone15,2';
    this.tls = options.tls ?? '1.3';
    this.isNetwork = options.isNetwork ?? false;
    this.cable = new Cable(options.cable);
    this.keys = phoneKeys();
  }

  tapTrust(): void {
    this.trust = 'trusted';
  }

  tapDontTrust(): void {
    this.trust = 'denied';
  }

  forgetComputers(): void {
    this.hosts.clear();
    this.trust = 'notAsked';
  }

  /** Pulls the cable: every tunnel ends, what is on its way is lost. */
  detach(): void {
    this.cable.cut();
    this.onDetach();
    for (const tunnel of this.tunnels) tunnel.destroy();
    this.tunnels.clear();
  }

  read(path: string, offset: number, wanted: number): Buffer {
    const file = this.files.file(path);
    if (file === undefined) return Buffer.alloc(0);
    const bytes = file.read(offset, Math.min(wanted, this.readBytesMax));
    this.counters.bytesRead += bytes.length;
    this.counters.bytesReadOf.set(path, (this.counters.bytesReadOf.get(path) ?? 0) + bytes.length);
    return bytes;
  }
}

function makeUdid(): string {
  const hex = randomUUID().replaceAll('-', '').toUpperCase();
  return `00008110-${hex.slice(0, 16)}`;
}

let sharedKeys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined;

/** Making a key takes longer than most tests: all fake phones of a process share one. */
function phoneKeys(): NonNullable<typeof sharedKeys> {
  sharedKeys ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
  return sharedKeys;
}
