// A check that reads a terabyte on the battery leaves its owner with a dead notebook; one that believes the battery of a mouse
// never runs at all. The folders have the shape of those of the machines that are named.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lowerPriority, parsePmset, readPower } from '../../../src/platform/power.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { needLinux, needPrograms } from '../../support/requirements.ts';

type Supplies = Readonly<Record<string, Readonly<Record<string, string>>>>;

async function powerOf(supplies: Supplies) {
  using scratch = temporaryFolder();
  for (const [name, attributes] of Object.entries(supplies)) {
    mkdirSync(join(scratch.path, name));
    for (const [attribute, text] of Object.entries(attributes)) {
      writeFileSync(join(scratch.path, name, attribute), `${text}\n`);
    }
  }
  return await readPower({ root: scratch.path, platform: 'linux' });
}

const adapter = (online: string) => ({ AC: { type: 'Mains', online } });
const battery = { type: 'Battery', present: '1', scope: 'System' };
const mouse = { hidpp_battery_0: { type: 'Battery', scope: 'Device', status: 'Discharging', capacity: '5' } };
const port = (online: string) => ({ 'ucsi-source-psy-USBC000:001': { type: 'USB', online } });

test.for<[string, Supplies, object]>([
  ['a desktop', {}, { source: 'mains' }],
  ['a desktop with a wireless mouse', mouse, { source: 'mains' }],
  [
    'a notebook on its adapter',
    { ...adapter('1'), BAT0: { ...battery, status: 'Charging', capacity: '71' } },
    { source: 'mains', batteryPercent: 71 },
  ],
  [
    'a notebook on its battery',
    { ...adapter('0'), BAT0: { ...battery, status: 'Discharging', capacity: '49' }, ...mouse },
    { source: 'battery', batteryPercent: 49 },
  ],
  [
    'a ThinkPad with two batteries of unequal size',
    {
      ...adapter('0'),
      BAT0: { ...battery, status: 'Unknown', capacity: '100', energy_now: '24000000', energy_full: '24000000' },
      BAT1: { ...battery, status: 'Discharging', capacity: '0', energy_now: '0', energy_full: '72000000' },
    },
    { source: 'battery', batteryPercent: 25 },
  ],
  [
    'a bay with no battery in it',
    {
      ...adapter('0'),
      BAT0: { ...battery, status: 'Discharging', charge_now: '30', charge_full: '40', capacity: '1' },
      BAT1: { ...battery, present: '0' },
    },
    { source: 'battery', batteryPercent: 75 },
  ],
  [
    'a notebook that charges over USB-C',
    { ...port('1'), BAT0: { ...battery, status: 'Charging', capacity: '30' } },
    { source: 'mains', batteryPercent: 30 },
  ],
  [
    'a charger that is too weak',
    { ...port('1'), BAT0: { ...battery, status: 'Discharging', capacity: '30' } },
    { source: 'battery', batteryPercent: 30 },
  ],
  [
    'a battery that is held at 80 %',
    { ...port('0'), BAT0: { ...battery, status: 'Not charging', capacity: '80' } },
    { source: 'mains', batteryPercent: 80 },
  ],
  [
    'a battery that does not say what it does',
    { BAT0: { ...battery, status: 'Unknown', capacity: '80' } },
    { source: 'unknown', batteryPercent: 80 },
  ],
  [
    'nonsense',
    { ...adapter('maybe'), BAT0: { ...battery, status: '', capacity: 'much', energy_now: '-1', energy_full: '0' } },
    { source: 'unknown' },
  ],
  [
    'more than full',
    { ...adapter('1'), BAT0: { ...battery, status: 'Full', capacity: '107' } },
    { source: 'mains', batteryPercent: 100 },
  ],
])('%s', async ([, supplies, expected]) => {
  expect(await powerOf(supplies)).toEqual(expected);
});

test('Where the system tells nothing, nothing is known', async () => {
  expect(await readPower({ root: '/nowhere', platform: 'linux' })).toEqual({ source: 'unknown' });
  expect(await readPower({ platform: 'win32' })).toEqual({ source: 'unknown' });
});

test.for([
  [
    "Now drawing from 'AC Power'\n -InternalBattery-0 (id=3735651)\t97%; charged; 0:00 remaining present: true\n",
    { source: 'mains', batteryPercent: 97 },
  ],
  [
    "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=3735651)\t8%; discharging; (no estimate) present: true\n",
    { source: 'battery', batteryPercent: 8 },
  ],
  ["Now drawing from 'AC Power'\n", { source: 'mains' }],
  ["Now drawing from 'UPS Power'\n -Some UPS (id=1)\t50%; discharging\n", { source: 'unknown' }],
  ['', { source: 'unknown' }],
] as const)('macOS prints %j', ([text, expected]) => {
  expect(parsePmset(text)).toEqual(expected);
});

test('macOS: a pmset that is stuck or missing leaves it unknown', async () => {
  expect(await readPower({ platform: 'darwin', run: async () => 'stuck' })).toEqual({ source: 'unknown' });
  const missing = async () => ({ exitCode: 127, stdout: Buffer.alloc(0) });
  expect(await readPower({ platform: 'darwin', run: missing })).toEqual({ source: 'unknown' });
});

test('Every thread of a child gives way at the processor and at the disk', async (context) => {
  needLinux(context, 'priorities of threads, in /proc');
  needPrograms(context, 'ionice');
  // A file is read first, so that the threads that read files are there already.
  const program = `require('node:fs').readFile('/proc/version', () => console.log('ready')); setInterval(() => {}, 1e6)`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    if (child.pid === undefined) throw new Error('it was not started');
    await lowerPriority(child.pid);
    const threads = readdirSync(`/proc/${child.pid}/task`);
    expect(threads.length).toBeGreaterThan(2);
    for (const thread of threads) {
      const fields = readFileSync(`/proc/${child.pid}/task/${thread}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      expect(Number(fields[16]), 'nice: field 19 of proc(5), 17th after the name').toBe(10);
      expect(execFileSync('ionice', ['-p', thread], { encoding: 'utf8' }).trim()).toBe('idle');
    }
  } finally {
    child.kill('SIGKILL');
  }
});

test('A process that has ended, or a program that is missing, is no error', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  await lowerPriority(child.pid, async () => ({ exitCode: 127, stdout: Buffer.alloc(0) }));
});
