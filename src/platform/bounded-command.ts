// Asks another program a short question, within a time limit. For what may never answer: a dead card reader or a stopped
// FUSE daemon holds whoever touches it, for hours. A thread of ours that is held so cannot be given up, and this process
// then cannot even end (measured 2026-11 with Node 26: libuv joins its threads at exit). A child process can be left behind.

import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';

export const commandTimeoutMs = 5000;
/** More than this is not an answer to a short question: the program is ended. */
const outputBytesMax = 256 * 1024;
/** Children that may hang at one time. Beyond, nothing new is asked: something is badly wrong with this machine. */
const runningMax = 32;

export interface CommandAnswer {
  /** 127 for a program that is not there; -1 for one that was ended, by us or by somebody else. */
  readonly exitCode: number;
  readonly stdout: Buffer;
}

/** `stuck`: it did not answer in time. */
export type RunCommand = (command: string, args: readonly string[]) => Promise<CommandAnswer | 'stuck'>;

/** Runs one command and waits for its answer. Never rejects. */
export const runCommand: RunCommand = async (command, args) =>
  await startCommand(command, args, commandTimeoutMs).answer;

interface StartedCommand {
  readonly answer: Promise<CommandAnswer | 'stuck'>;
  readonly ended: Promise<void>;
  /** Whether this process stays for the answer when it has nothing else to do. */
  hold(isHeld: boolean): void;
}

/**
 * Runs commands by key. While a command is stuck, the same key answers `stuck` at once, so that nobody is ever held up twice
 * by one thing; when it comes loose, the key can be asked again. Callers that ask at the same time share one command.
 */
export class BoundedCommands {
  readonly #timeoutMs: number;
  readonly #running = new Map<string, { readonly command: StartedCommand; waiting: number }>();

  constructor(timeoutMs = commandTimeoutMs) {
    this.#timeoutMs = timeoutMs;
  }

  /** @throws the signal's reason; the command then goes on for whoever asks next. */
  async run(
    key: string,
    question: { readonly command: string; readonly args: readonly string[] },
    signal: AbortSignal,
  ): Promise<CommandAnswer | 'stuck'> {
    signal.throwIfAborted();
    let running = this.#running.get(key);
    if (running === undefined) {
      if (this.#running.size >= runningMax) return 'stuck';
      running = { command: startCommand(question.command, question.args, this.#timeoutMs), waiting: 0 };
      this.#running.set(key, running);
      void running.command.ended.then(() => this.#running.delete(key));
    }
    running.waiting += 1;
    running.command.hold(true);
    try {
      return await orAbort(running.command.answer, signal);
    } finally {
      running.waiting -= 1;
      if (running.waiting === 0) running.command.hold(false);
    }
  }
}

function startCommand(command: string, args: readonly string[], timeoutMs: number): StartedCommand {
  // A group of its own, so that what the command started is ended with it. Never a working folder other than `/`: entering
  // one that hangs would hold us, not the child.
  const child = spawn(command, [...args], {
    cwd: '/',
    detached: true,
    env: { PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // it has ended in the meantime
    }
  };
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  child.stdout.on('data', (piece: Buffer) => {
    sizeBytes += piece.length;
    if (sizeBytes > outputBytesMax) end();
    else pieces.push(piece);
  });
  child.stdout.on('error', () => undefined); // the exit code tells
  const answer = Promise.withResolvers<CommandAnswer | 'stuck'>();
  const ended = Promise.withResolvers<void>();
  const hold = (isHeld: boolean) => {
    // A child's output is a socket, whose type does not say so.
    for (const each of [child, child.stdout as unknown as Pick<typeof child, 'ref' | 'unref'>, timer]) {
      if (isHeld) each.ref();
      else each.unref();
    }
  };
  const timer = setTimeout(() => {
    end();
    hold(false); // one that the kernel does not let go is not waited for, neither here nor when this process ends
    answer.resolve('stuck');
  }, timeoutMs);
  const finish = (exitCode: number) => {
    clearTimeout(timer);
    answer.resolve({ exitCode, stdout: Buffer.concat(pieces) });
    ended.resolve();
  };
  child.once('error', () => finish(127));
  // `close`, not `exit`: its output ends when the last process it started has let go too.
  child.once('close', (code) => finish(sizeBytes > outputBytesMax ? -1 : (code ?? -1)));
  return { answer: answer.promise, ended: ended.promise, hold };
}

async function orAbort<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
