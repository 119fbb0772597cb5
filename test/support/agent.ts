// The agent as a process of its own, and what it says.

import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CallOptions, keepsake, startKeepsake } from './keepsake.ts';
import { patience } from './patience.ts';

/** None of them outlives this test run, even if its test runs out of time. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export interface RunningAgent extends AsyncDisposable {
  readonly child: ChildProcess;
  /** All it has said so far. */
  readonly said: string;
  /** Waits until it has said this, from `from` characters on. @throws Error if it ends before that. */
  hears(text: string | RegExp, from?: number): Promise<void>;
  /** Asks it to stop and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Settings by which an agent finds cards below these folders, and keeps no room free on the test's disk. */
export function configureAgent(home: string, settings: Readonly<Record<string, unknown>>): void {
  const lines = Object.entries({ reserve: '0 B', ...settings });
  writeFileSync(join(home, 'config.toml'), lines.map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join(''));
}

/** Starts it and waits until it watches. */
export async function startAgent(options: CallOptions & { readonly command?: string }): Promise<RunningAgent> {
  const agent = new AgentProcess(startKeepsake([options.command ?? 'agent'], options));
  await agent.hears(/watching for/i);
  return agent;
}

class AgentProcess implements RunningAgent {
  readonly child: ChildProcess;
  readonly #news = new EventEmitter();
  readonly #ended: Promise<unknown>;
  said = '';

  constructor(child: ChildProcess) {
    this.child = child;
    children.add(child);
    this.#news.setMaxListeners(100);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said += text;
        this.#news.emit('said');
      });
    }
    this.#ended = once(child, 'close').then(() => {
      children.delete(child);
      this.#news.emit('said');
    });
  }

  async hears(text: string | RegExp, from = 0): Promise<void> {
    const isThere = () => {
      const part = this.said.slice(from);
      return typeof text === 'string' ? part.includes(text) : text.test(part);
    };
    const limit = AbortSignal.timeout(patience.timeout);
    while (!isThere()) {
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`the agent ended, having said:\n${this.said}`);
      await once(this.#news, 'said', { signal: limit }).catch((error: unknown) => {
        if (limit.aborted) throw new Error(`waited for ${text}, but the agent said:\n${this.said}`);
        throw error;
      });
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    await this.#ended;
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.stop('SIGKILL');
  }
}

/** `status --json`, asked as the owner would: through the agent if one runs. */
export async function statusOf(
  home: string,
  library?: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<StatusJson> {
  const args = ['status', '--json', ...(library === undefined ? [] : ['--library', library])];
  const { stdout, stderr } = await keepsake(args, { home, environment });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as StatusJson;
}

export interface StatusJson {
  readonly state: string;
  readonly agent: string;
  readonly icon?: unknown;
  readonly sources: readonly {
    readonly id: string;
    readonly name: string;
    readonly complete: boolean;
    readonly connected?: boolean;
  }[];
  readonly photos: { readonly assets: number };
  readonly needsYou: readonly { readonly code: string; readonly message: string; readonly remedy: string }[];
}

export interface DeviceJson {
  readonly id: string;
  readonly name: string;
  readonly decision: string;
  readonly connected: boolean;
  readonly kind: string;
  readonly state?: string;
  readonly advice?: { readonly code: string; readonly message: string; readonly remedy: string };
}

export async function devicesOf(home: string, environment = {}): Promise<readonly DeviceJson[]> {
  const { stdout, stderr } = await keepsake(['devices', '--json'], { home, environment });
  if (stdout === '') throw new Error(stderr);
  return (JSON.parse(stdout) as { devices: readonly DeviceJson[] }).devices;
}
