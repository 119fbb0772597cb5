// What the agent costs: at rest, from its start until it is ready, and asked for its status; with a library of very many photos.
// `node bin/with-node.js bench/agent.ts --part rest --minutes 5`, or `--part ready` or `--part status` with `--rounds 10`;
// without a part, all of them. Linux only, because of /proc.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { measure, type ShellCommand, summarize, table } from './measure.ts';
import { keepsake, saveSmallFiles } from './small-files.ts';

const readyWords = 'watching for';
const readyTimeoutMs = 60_000;
/** What happens once, after the start, is not rest. */
const warmUpMs = 60_000;
/** sysconf(_SC_CLK_TCK) of Linux, in which /proc/PID/stat counts. */
const ticksPerSecond = 100;
const budgets = { restBytes: 100e6, readyMs: 500 };

const { values: options } = parseArgs({
  options: {
    part: { type: 'string', multiple: true, default: ['ready', 'status', 'rest'] },
    minutes: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '10' },
    files: { type: 'string', default: '100000' },
  },
});
const rounds = Number(options.rounds);
const { home } = await saveSmallFiles(Number(options.files));
const status: ShellCommand = {
  script: '"$1" "$2" status --json',
  args: [process.execPath, keepsake],
  environment: { KEEPSAKE_HOME: home },
};

for (const part of options.part) {
  if (part === 'rest') await reportRest(Number(options.minutes));
  else if (part === 'ready') await reportReady();
  else if (part === 'status') await reportStatus();
  else throw new Error(`there is no part "${part}"`);
}

interface RunningAgent extends AsyncDisposable {
  readonly pid: number;
  /** From the start of the process until its ready words came. */
  readonly readyMs: number;
}

/** As a service starts it. */
async function startAgent(): Promise<RunningAgent> {
  const beganMs = performance.now();
  const child = spawn(process.execPath, [keepsake, 'agent'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, KEEPSAKE_HOME: home },
  });
  await saysReady(child);
  const readyMs = performance.now() - beganMs;
  child.stdout?.resume(); // a full pipe would stop it
  return {
    pid: child.pid ?? 0,
    readyMs,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function saysReady({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) throw new Error('the agent has an output');
  const signal = AbortSignal.timeout(readyTimeoutMs);
  for (let said = ''; !said.includes(readyWords); ) {
    const [text] = (await once(stdout, 'data', { signal })) as [Buffer];
    said += text.toString();
  }
}

async function reportReady(): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await using agent = await startAgent();
    times.push(agent.readyMs);
  }
  const { median, min, max } = summarize(times);
  const verdict = median <= budgets.readyMs ? 'met' : 'not met';
  console.log(
    `start to ready, ${options.files} photos: ${median.toFixed(0)} ms (${min.toFixed(0)} - ${max.toFixed(0)}), ` +
      `budget ≤ ${budgets.readyMs} ms: ${verdict}`,
  );
}

async function reportStatus(): Promise<void> {
  const alone: number[] = [];
  const asked: number[] = [];
  for (let round = 0; round < rounds; round += 1) alone.push((await measure(status)).wallMs);
  await using _agent = await startAgent();
  for (let round = 0; round < rounds; round += 1) asked.push((await measure(status)).wallMs);
  for (const [name, times] of [
    ['by itself', alone],
    ['through the agent', asked],
  ] as const) {
    const { median, min, max } = summarize(times);
    console.log(
      `status --json, ${options.files} photos, ${name}: ${median.toFixed(0)} ms (${min.toFixed(0)} - ${max.toFixed(0)})`,
    );
  }
}

interface Usage {
  readonly name: string;
  readonly residentBytes: number;
  readonly peakBytes: number;
  readonly cpuMs: number;
  /** Times that any of its threads gave the processor back by itself: each was woken as often. */
  readonly waits: number;
}

async function reportRest(minutes: number): Promise<void> {
  // The first start of a checkout turns TypeScript into what can run, and keeps in memory what does that, 28 MB, until it ends. A package
  // brings none of it, and a checkout needs it once.
  await (await startAgent())[Symbol.asyncDispose]();
  await using agent = await startAgent();
  await sleep(warmUpMs);
  const before = usageBelow(agent.pid);
  await sleep(minutes * 60_000);
  const rows = [...usageBelow(agent.pid)].map(([pid, after]) => {
    const from = before.get(pid);
    const perMinute = (after.waits - (from?.waits ?? 0)) / minutes;
    return [
      after.name,
      (after.residentBytes / 1e6).toFixed(1),
      (after.peakBytes / 1e6).toFixed(1),
      ((after.cpuMs - (from?.cpuMs ?? 0)) / 1000).toFixed(2),
      perMinute.toFixed(1),
    ];
  });
  console.log(`\nat rest, ${minutes} minutes after the first one:`);
  console.log(`${table([['', 'MB', 'peak MB', 'CPU s', 'wake-ups/min'], ...rows])}`);
  const resident = usageBelow(agent.pid).get(agent.pid)?.residentBytes ?? Number.NaN;
  const verdict = resident <= budgets.restBytes ? 'met' : 'not met';
  console.log(`budget ≤ ${budgets.restBytes / 1e6} MB for the agent: ${verdict}\n`);
}

/** The process and all it started. */
function usageBelow(pid: number): ReadonlyMap<number, Usage> {
  const found = new Map<number, Usage>();
  const visit = (each: number) => {
    const folder = `/proc/${each}`;
    const status = readFileSync(`${folder}/status`, 'utf8');
    const numberOf = (key: string, text = status) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    // proc(5): the name in brackets may hold anything, what follows is fields from the third on.
    const fields = readFileSync(`${folder}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    const tasks = readdirSync(`${folder}/task`).map((task) => `${folder}/task/${task}`);
    const waits = tasks.map((task) => numberOf('voluntary_ctxt_switches', readFileSync(`${task}/status`, 'utf8')));
    found.set(each, {
      name: /^Name:\s+(.*)$/m.exec(status)?.[1] ?? '',
      residentBytes: numberOf('VmRSS') * 1024,
      peakBytes: numberOf('VmHWM') * 1024,
      cpuMs: ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1000,
      waits: waits.reduce((sum, count) => sum + count, 0),
    });
    for (const task of tasks) {
      for (const child of readFileSync(`${task}/children`, 'utf8').split(' ').filter(Boolean)) visit(Number(child));
    }
  };
  visit(pid);
  return found;
}
