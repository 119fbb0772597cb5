// Sends one message, once, within a time limit, and says what came of it. What the other side answers is not read, beyond yes or no.

import { spawn } from 'node:child_process';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { systemErrorCode } from '../../domain/errors.ts';
import type { Environment } from '../paths.ts';
import { describeForHelper, type HelperMessage } from './helper-message.ts';
import type { HelperTarget } from './helper-target.ts';

const requestTimeoutMs = 10_000;
/** A program that sends mail may have to try several servers. */
const commandTimeoutMs = 30_000;
const redirectsMax = 3;

/** `why`: NO_CONNECTION, NO_ANSWER (in time), ANSWER_404, REDIRECTED (to somebody else), PROGRAM_MISSING, PROGRAM_FAILED, PROGRAM_HUNG. */
export type SendResult = { readonly isSent: true } | { readonly isSent: false; readonly why: string };

export interface SendOptions {
  readonly target: HelperTarget;
  readonly message: HelperMessage;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** Absent: 10 s for an address, redirects included; 30 s for a program. */
  readonly timeoutMs?: number;
}

/** @throws the signal's reason; the message may have arrived then. */
export async function sendToHelper(options: SendOptions): Promise<SendResult> {
  const { target, message, signal } = options;
  signal.throwIfAborted();
  const result =
    target.kind === 'command'
      ? await runProgram(target, `${JSON.stringify(message)}\n`, options)
      : await sendToUrl(target, options);
  signal.throwIfAborted();
  return result;
}

type UrlTarget = Extract<HelperTarget, { readonly kind: 'url' }>;

async function sendToUrl(target: UrlTarget, options: SendOptions): Promise<SendResult> {
  const { message, signal, timeoutMs = requestTimeoutMs } = options;
  const { headers, body } = contentFor(target.service, message);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let url = addressFor(target, message);
  try {
    for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
      const { statusCode, location } = await post(url, { headers, body, signal: limit });
      if (statusCode >= 200 && statusCode < 300) return { isSent: true };
      if (statusCode < 300 || statusCode >= 400 || location === undefined)
        return { isSent: false, why: `ANSWER_${statusCode}` };
      const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
      if (next === undefined || !isSameHost(url, next)) break;
      url = next;
    }
    return { isSent: false, why: 'REDIRECTED' };
  } catch (error) {
    // Whatever it is (no network, no such name, a certificate that is not theirs), it did not get there.
    if (systemErrorCode(error) === undefined && !limit.aborted) throw error;
    return { isSent: false, why: limit.aborted ? 'NO_ANSWER' : 'NO_CONNECTION' };
  }
}

/** The owner named one host. It may lead to another path of its own, and from open to encrypted, not back. */
function isSameHost(from: URL, to: URL): boolean {
  const isEncryptedNow = from.protocol === 'http:' && to.protocol === 'https:' && to.hostname === from.hostname;
  return to.origin === from.origin || isEncryptedNow;
}

function addressFor({ service, url }: UrlTarget, { kind, state }: HelperMessage): URL {
  if (service !== 'healthchecks') return url;
  // A test is only noted there: it must neither raise the alarm nor end one (healthchecks.io/docs/http_api).
  const suffix = kind === 'test' ? '/log' : state === 'ok' ? '' : '/fail';
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/+$/, '')}${suffix}`;
  return address;
}

function contentFor(
  service: UrlTarget['service'],
  message: HelperMessage,
): { readonly headers: OutgoingHttpHeaders; readonly body: Buffer } {
  const agent = { 'user-agent': `keepsake/${message.version}` };
  if (service !== 'ntfy') {
    return { headers: { ...agent, 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(message)) };
  }
  const { title, text } = describeForHelper(message);
  const tags = message.state === 'ok' ? 'white_check_mark' : 'warning';
  const headers = { ...agent, 'content-type': 'text/plain; charset=utf-8', title, tags };
  return { headers, body: Buffer.from(text) };
}

async function post(
  url: URL,
  {
    headers,
    body,
    signal,
  }: { readonly headers: OutgoingHttpHeaders; readonly body: Buffer; readonly signal: AbortSignal },
): Promise<{ readonly statusCode: number; readonly location: string | undefined }> {
  // Only when there is something to send: the agent is at rest most of the time.
  const { request } = url.protocol === 'http:' ? await import('node:http') : await import('node:https');
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof post>>>();
  const options = { method: 'POST', agent: false, signal, headers: { ...headers, 'content-length': body.length } };
  const outgoing = request(url, options, (response: IncomingMessage) => {
    resolve({ statusCode: response.statusCode ?? 0, location: response.headers.location });
    response.on('error', () => undefined); // we are the one who hangs up
    response.destroy();
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return await promise;
}

async function runProgram(
  { command, args }: Extract<HelperTarget, { readonly kind: 'command' }>,
  text: string,
  { environment, signal, timeoutMs = commandTimeoutMs }: SendOptions,
): Promise<SendResult> {
  const { promise, resolve } = Promise.withResolvers<SendResult>();
  // A group of its own, so that what it started is ended with it.
  const child = spawn(command, [...args], {
    cwd: '/',
    detached: true,
    env: { ...environment, PATH: environment['PATH'] ?? '/usr/local/bin:/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // it has ended in the meantime
    }
    resolve({ isSent: false, why: 'PROGRAM_HUNG' });
  };
  const timer = setTimeout(end, timeoutMs);
  signal.addEventListener('abort', end, { once: true });
  child.once('error', () => resolve({ isSent: false, why: 'PROGRAM_MISSING' }));
  child.once('exit', (code) => resolve(code === 0 ? { isSent: true } : { isSent: false, why: 'PROGRAM_FAILED' }));
  child.stdin.on('error', () => undefined); // one that does not read it says by its exit code whether that is right
  child.stdin.end(text);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
