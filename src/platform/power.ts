// What the machine runs on, and how to keep a long job out of the owner's way. Promises to say `unknown` rather than guess, and
// that a priority which cannot be lowered is no error: the job is then only less polite.

import { readdir, readFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { type RunCommand, runCommand } from './bounded-command.ts';

const suppliesRoot = '/sys/class/power_supply';
/** A notebook has two or three; a docking station with many ports some ten. */
const suppliesMax = 64;
const threadsMax = 256;
/** 19 would be standing still beside any busy program (nice(1)). */
const lowPriority = 10;

export interface Power {
  readonly source: 'mains' | 'battery' | 'unknown';
  /** 0 to 100, of all batteries of the machine together. Absent if it has none. */
  readonly batteryPercent?: number;
}

/** Never rejects. `root` stands for /sys/class/power_supply. */
export async function readPower(
  seams: { readonly root?: string; readonly run?: RunCommand; readonly platform?: NodeJS.Platform } = {},
): Promise<Power> {
  const platform = seams.platform ?? process.platform;
  if (platform === 'darwin') {
    const answer = await (seams.run ?? runCommand)('/usr/bin/pmset', ['-g', 'batt']);
    return answer === 'stuck' || answer.exitCode !== 0 ? { source: 'unknown' } : parsePmset(answer.stdout.toString());
  }
  return platform === 'linux' ? await readSupplies(seams.root ?? suppliesRoot) : { source: 'unknown' };
}

type Attributes = Readonly<Record<(typeof attributeNames)[number], string | undefined>>;

const attributeNames = [
  'type',
  'scope',
  'present',
  'online',
  'status',
  'capacity',
  'energy_now',
  'energy_full',
  'charge_now',
  'charge_full',
] as const;

/** By the kernel's Documentation/ABI/testing/sysfs-class-power. */
async function readSupplies(root: string): Promise<Power> {
  const names = await readdir(root).catch(() => undefined);
  if (names === undefined) return { source: 'unknown' };
  const all = await Promise.all(names.slice(0, suppliesMax).map((name) => readSupply(join(root, name))));
  // "Device": what powers a mouse, a headset or a phone on the cable, not this machine.
  const supplies = all.filter(({ scope }) => scope !== 'Device');
  const batteries = supplies.filter(({ type, present }) => type === 'Battery' && present !== '0');
  const percent = percentOf(batteries);
  return { source: sourceOf(supplies, batteries), ...(percent === undefined ? {} : { batteryPercent: percent }) };
}

async function readSupply(folder: string): Promise<Attributes> {
  const texts = await Promise.all(
    attributeNames.map(async (name) => {
      // Not there is an answer; so is ENODATA, from a battery that is not in.
      const text = await readFile(join(folder, name), 'utf8').catch(() => undefined);
      return [name, text?.trim() || undefined] as const;
    }),
  );
  return Object.fromEntries(texts) as Attributes;
}

function sourceOf(supplies: readonly Attributes[], batteries: readonly Attributes[]): Power['source'] {
  const isOnline = (type: string) => supplies.some((supply) => supply.type === type && supply.online === '1');
  if (batteries.length === 0 || isOnline('Mains')) return 'mains'; // a machine without a battery cannot run on one
  const isDischarging = batteries.some(({ status }) => status === 'Discharging');
  // A charger on USB may be too weak for what the machine needs: then the battery decides.
  if (isDischarging) return 'battery';
  if (isOnline('USB') || isOnline('Wireless')) return 'mains';
  const isOnMains = batteries.every(({ status }) => ['Charging', 'Full', 'Not charging'].includes(status ?? ''));
  return isOnMains ? 'mains' : 'unknown';
}

function percentOf(batteries: readonly Attributes[]): number | undefined {
  for (const kind of ['energy', 'charge'] as const) {
    const amounts = batteries.map((battery) => ({
      now: Number(battery[`${kind}_now`]),
      full: Number(battery[`${kind}_full`]),
    }));
    if (amounts.length === 0 || !amounts.every(({ now, full }) => now >= 0 && full > 0)) continue;
    const sum = amounts.reduce((total, { now, full }) => ({ now: total.now + now, full: total.full + full }));
    return toPercent((100 * sum.now) / sum.full);
  }
  const capacities = batteries.map(({ capacity }) => Number(capacity)).filter((capacity) => capacity >= 0);
  if (capacities.length === 0) return undefined;
  return toPercent(capacities.reduce((total, capacity) => total + capacity) / capacities.length);
}

function toPercent(value: number): number {
  return Math.round(Math.min(100, Math.max(0, value)));
}

/** From printed examples of `pmset -g batt` (pmset(1)); never run on a Mac by us. */
export function parsePmset(text: string): Power {
  const drawing = /^Now drawing from '([^']*)'/m.exec(text)?.[1];
  const percents = [...text.matchAll(/^\s*-InternalBattery-\d+[^\n%]{0,80}\s(\d{1,3})%/gm)].map(([, digits]) =>
    Number(digits),
  );
  const sum = percents.reduce((total, percent) => total + percent, 0);
  return {
    source: drawing === 'AC Power' ? 'mains' : drawing === 'Battery Power' ? 'battery' : 'unknown',
    ...(percents.length === 0 ? {} : { batteryPercent: toPercent(sum / percents.length) }),
  };
}

/**
 * Lets everything else go first, at the processor and at the disk, for a child process (or this one). Best effort: never rejects.
 * On Linux both kinds of priority belong to a thread, not a process (setpriority(2), ioprio_set(2)); threads that come later take
 * theirs from the one that starts them. Whether the disk's queue heeds it is the kernel's choice (BFQ does; "none", usual for
 * NVMe, does not).
 */
export async function lowerPriority(processId = process.pid, run: RunCommand = runCommand): Promise<void> {
  const threads = process.platform === 'linux' ? await threadsOf(processId) : [processId];
  for (const thread of threads) {
    try {
      setPriority(thread, lowPriority);
    } catch {
      // ended in the meantime, or already lower than may be undone
    }
  }
  if (process.platform === 'linux') await run('ionice', ['--class', 'idle', '--pid', ...threads.map(String)]);
  // taskpolicy(8): "-b: the specified process is put into the background", disk included.
  if (process.platform === 'darwin') await run('/usr/sbin/taskpolicy', ['-b', '-p', String(processId)]);
}

async function threadsOf(processId: number): Promise<readonly number[]> {
  const names = await readdir(`/proc/${processId}/task`).catch(() => [String(processId)]);
  return names.slice(0, threadsMax).map(Number);
}
