// Every card and folder that was ever noticed, and what the owner decided about each. One small file in the state folder,
// not in the catalogue: a decision cannot be made again from photos. A file that cannot be read is kept and reported.

import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, SourceId } from '../domain/ids.ts';
import type { PhoneState } from '../domain/phone-state.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import { finite, textUpTo } from '../platform/shapes.ts';
import type { DecideRequest, Decision } from './control.ts';

/** Someone who sees more cards than this is not a family. The one not seen for longest, without a decision, is forgotten. */
const devicesMax = 1000;
const nameCharsMax = 100;
const visitsMax = 30;
const visitMs = 3_600_000;
/** What has grown by a tenth is said again. */
const saidAgainFromTenths = 11;

const deviceSchema = v.object({
  id: textUpTo(200),
  kind: textUpTo(50),
  /** As the card or folder calls itself. */
  label: v.string(),
  /** As the owner calls it. */
  givenName: v.optional(v.string()),
  decision: v.picklist(['ask', 'always', 'never', 'retired']),
  model: v.optional(v.string()),
  sizeBytes: v.optional(finite),
  /** Of a phone. Absent: nothing was decided. */
  hiddenPhotos: v.optional(v.picklist(['save', 'leave'])),
  sharedPhotos: v.optional(v.picklist(['save', 'leave'])),
  /** How many photos were only in iCloud when its owner was last told. */
  toldICloudOnly: v.optional(finite),
  /** Times it was here since the last success, and did not come to one; the newest last. */
  visits: v.optional(v.array(v.object({ at: v.string(), code: v.string() }))),
  snoozedUntil: v.optional(v.string()),
  decidedAt: v.optional(v.string()),
  firstSeenAt: v.string(),
  lastSeenAt: v.string(),
});
const fileSchema = v.object({ version: v.literal(1), devices: v.array(deviceSchema) });

type StoredDevice = v.InferOutput<typeof deviceSchema>;

/** JSON keys as `devices --json` prints them. */
export interface Device {
  readonly id: string;
  readonly kind: string;
  /** The owner's name for it, else its own; with its model, or the end of its id, where another one is called the same. */
  readonly name: string;
  readonly decision: Decision;
  readonly connected: boolean;
  /** Where it is mounted now. */
  readonly root?: string;
  readonly model?: string;
  readonly sizeBytes?: number;
  /** Of an iPhone that is connected: how it stands to us, and what its owner can do about it. */
  readonly state?: PhoneState;
  readonly advice?: Advice;
  /** Of an iPhone: whether photos that are hidden on it, and those in shared albums, are saved. Absent: not decided. */
  readonly hiddenPhotos?: 'save' | 'leave';
  readonly sharedPhotos?: 'save' | 'leave';
  /** Times it was here since the last success, and did not come to one. Absent: none. */
  readonly visits?: readonly { readonly at: string; readonly code: string }[];
  /** No reminders until then. */
  readonly snoozedUntil?: string;
  /** When its owner said what to do with it. */
  readonly decidedAt?: string;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
}

/** What happened, in an error's code and words, and what its owner can do. */
export interface Advice {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** A device that is connected now. */
export interface SeenDevice {
  readonly id: SourceId;
  readonly kind: string;
  readonly name: string;
  /** Not of an iPhone, which is no folder. */
  readonly root?: AbsolutePath;
  readonly state?: PhoneState;
  readonly advice?: Advice;
  readonly model?: string;
  readonly sizeBytes?: number;
}

/** All methods throw AgentError STATE_DAMAGED, STATE_WRITE_FAILED. */
export interface DeviceRegister {
  /** Notes that these are connected now. Writes only what is new or was last seen on another day. */
  saw(devices: readonly SeenDevice[]): Promise<void>;
  list(connected: readonly SeenDevice[]): Promise<readonly Device[]>;
  /** @throws AgentError DEVICE_UNKNOWN */
  decide(request: DecideRequest): Promise<string>;
  /** True if so many photos being only in iCloud is news: the first time, and when they have grown by a tenth since. */
  tellsICloudOnly(device: string, photos: number): Promise<boolean>;
  /** It was here, and this is why nothing came of it; without a code all that could be had was saved. */
  noteVisit(device: string, code: string | undefined): Promise<void>;
  /** @throws AgentError DEVICE_UNKNOWN */
  snooze(device: string, untilMs: number): Promise<string>;
  /** @throws AgentError DEVICE_UNKNOWN, USAGE */
  rename(device: string, name: string): Promise<string>;
}

/** @param path state/devices.json; its folder must exist when something is written. */
export function openDeviceRegister(path: AbsolutePath, nowMs: () => number): DeviceRegister {
  let lastTurn: Promise<unknown> = Promise.resolve();
  /** One change after the other, each on what the last one wrote. */
  const change = <Result>(act: (devices: StoredDevice[]) => Result): Promise<Result> => {
    const turn = lastTurn.then(async () => {
      const devices = await load(path);
      const before = JSON.stringify(devices);
      const result = act(devices);
      if (JSON.stringify(devices) !== before) await save(path, devices);
      return result;
    });
    lastTurn = turn.catch(() => undefined); // its own caller hears of it; the next change goes on
    return turn;
  };
  return {
    saw: (seen) => change((devices) => seen.forEach((device) => void noteSeen(devices, device, nowMs()))),
    list: async (connected) => describeDevices(await load(path), connected),
    tellsICloudOnly: (device, photos) =>
      change((devices) => {
        const found = devices.find(({ id }) => id === device);
        if (found === undefined) return false;
        const told = found.toldICloudOnly ?? 0;
        const isNews = photos > 0 && (told === 0 || photos * 10 >= told * saidAgainFromTenths);
        if (isNews) found.toldICloudOnly = photos;
        else if (photos === 0) delete found.toldICloudOnly;
        return isNews;
      }),
    noteVisit: (device, code) =>
      change((devices) => {
        const found = devices.find(({ id }) => id === device);
        if (found === undefined) return;
        if (code === undefined) {
          delete found.visits;
          return;
        }
        const at = new Date(nowMs()).toISOString();
        const [last] = (found.visits ?? []).slice(-1);
        // A cable that comes loose and is put back is one visit.
        const isSame = last !== undefined && Math.abs(Date.parse(at) - Date.parse(last.at)) < visitMs;
        found.visits = [...(found.visits ?? []).slice(isSame ? 0 : -visitsMax, isSame ? -1 : undefined), { at, code }];
      }),
    snooze: (device, untilMs) =>
      change((devices) => {
        const found = findDevice(devices, device);
        found.snoozedUntil = new Date(untilMs).toISOString();
        return found.id;
      }),
    decide: ({ device, decision, replaces, hiddenPhotos, sharedPhotos }) =>
      change((devices) => {
        const found = findDevice(devices, device);
        if (replaces !== undefined) {
          const old = findDevice(devices, replaces);
          if (old === found) throw unknown(replaces, 'A device cannot take its own place.');
          found.givenName = old.givenName ?? old.label;
          old.decision = 'retired';
        }
        if (found.decision !== decision) found.decidedAt = new Date(nowMs()).toISOString();
        found.decision = decision;
        if (hiddenPhotos !== undefined) found.hiddenPhotos = hiddenPhotos;
        if (sharedPhotos !== undefined) found.sharedPhotos = sharedPhotos;
        return found.id;
      }),
    rename: (device, name) =>
      change((devices) => {
        const found = findDevice(devices, device);
        const wanted = name.normalize('NFC').trim();
        if (wanted === '' || wanted.length > nameCharsMax || /\p{Cc}/u.test(wanted)) {
          throw new AgentError('USAGE', 'That name cannot be used.', {
            remedy: `Choose one of 1 to ${nameCharsMax} letters, without line breaks.`,
          });
        }
        found.givenName = wanted;
        return found.id;
      }),
  };
}

function noteSeen(devices: StoredDevice[], seen: SeenDevice, nowMs: number): void {
  const now = new Date(nowMs).toISOString();
  const known = devices.find(({ id }) => id === seen.id);
  if (known === undefined) {
    if (devices.length >= devicesMax) forgetOne(devices);
    const { id, kind, name: label, model, sizeBytes } = seen;
    devices.push({
      ...{ id, kind, label, decision: 'ask', firstSeenAt: now, lastSeenAt: now },
      ...(model === undefined ? {} : { model }),
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
    });
    return;
  }
  known.label = seen.name;
  if (seen.sizeBytes !== undefined) known.sizeBytes = seen.sizeBytes;
  // To the day is enough for whoever reads it, and spares the disk.
  if (known.lastSeenAt.slice(0, 10) !== now.slice(0, 10)) known.lastSeenAt = now;
}

function forgetOne(devices: StoredDevice[]): void {
  const undecided = devices.filter(({ decision }) => decision === 'ask' || decision === 'retired');
  const [oldest] = undecided.toSorted((a, b) => a.lastSeenAt.localeCompare(b.lastSeenAt));
  if (oldest === undefined) {
    throw new AgentError(
      'STATE_DAMAGED',
      `Keepsake knows ${devicesMax} cards and folders and cannot note another one.`,
      {
        remedy: 'Retire some that you no longer use: keepsake retire ID',
      },
    );
  }
  devices.splice(devices.indexOf(oldest), 1);
}

function findDevice(devices: readonly StoredDevice[], text: string): StoredDevice {
  const exact = devices.find(({ id }) => id === text);
  if (exact !== undefined) return exact;
  const fitting = devices.filter((each) => nameOf(each) === text || (text.length >= 4 && each.id.startsWith(text)));
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  throw unknown(text, fitting.length === 0 ? `No card or folder "${text}" is known.` : `Several are called "${text}".`);
}

function unknown(text: string, message: string): AgentError {
  return new AgentError('DEVICE_UNKNOWN', message, {
    remedy: 'Look at the list and use the id in it: keepsake devices',
    cause: text,
  });
}

function nameOf(device: StoredDevice): string {
  return device.givenName ?? device.label;
}

function describeDevices(devices: readonly StoredDevice[], connected: readonly SeenDevice[]): readonly Device[] {
  return devices.map((device) => {
    const { id, kind, decision, model, sizeBytes, hiddenPhotos, sharedPhotos, firstSeenAt, lastSeenAt } = device;
    const { visits, snoozedUntil, decidedAt } = device;
    const here = connected.find((each) => each.id === id);
    const isShared = devices.some(
      (other) => other !== device && other.decision !== 'retired' && nameOf(other) === nameOf(device),
    );
    return {
      ...{ id, kind, decision, firstSeenAt, lastSeenAt, connected: here !== undefined },
      ...(visits === undefined ? {} : { visits }),
      ...(snoozedUntil === undefined ? {} : { snoozedUntil }),
      ...(decidedAt === undefined ? {} : { decidedAt }),
      name: isShared ? `${nameOf(device)} (${[model, id.slice(-4)].filter(Boolean).join(', ')})` : nameOf(device),
      ...(here?.root === undefined ? {} : { root: here.root }),
      ...(here?.state === undefined ? {} : { state: here.state }),
      ...(here?.advice === undefined ? {} : { advice: here.advice }),
      ...(model === undefined ? {} : { model }),
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(hiddenPhotos === undefined ? {} : { hiddenPhotos }),
      ...(sharedPhotos === undefined ? {} : { sharedPhotos }),
    };
  });
}

async function load(path: AbsolutePath): Promise<StoredDevice[]> {
  try {
    return v.parse(fileSchema, JSON.parse(await readFile(path, 'utf8'))).devices;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw new AgentError('STATE_DAMAGED', `"${path}" cannot be read.`, {
      remedy: 'Move that file away. Keepsake then asks again about each card and folder. Your photos are not affected.',
      cause: error,
    });
  }
}

async function save(path: AbsolutePath, devices: readonly StoredDevice[]): Promise<void> {
  try {
    await writeSmallFile(path, `${JSON.stringify({ version: 1, devices }, undefined, 2)}\n`, 0o600);
  } catch (error) {
    throw new AgentError('STATE_WRITE_FAILED', `"${path}" could not be written.`, {
      remedy: 'Check that there is room on the disk of your home folder and that you may write there.',
      cause: error,
    });
  }
}
