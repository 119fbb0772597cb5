// Whoever can talk to the agent can make it copy files: only its owner may, and nothing that arrives may bring it down.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { connectAgent } from '../../../../src/agent/api/client.ts';
import { serveApi } from '../../../../src/agent/api/server.ts';
import { prepareSocketFolder, socketPaths } from '../../../../src/agent/api/socket-path.ts';
import type { BackupRequest, BackupResult, Keepsake } from '../../../../src/agent/control.ts';
import { findPaths } from '../../../../src/agent/paths.ts';
import { AgentError } from '../../../../src/domain/errors.ts';
import type { AbsolutePath } from '../../../../src/domain/ids.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';

const log = pino({ level: 'silent' });

/** Answers as told; the socket and everything on it are real. */
async function serving(answers: Partial<Keepsake>) {
  const scratch = temporaryFolder();
  const path = join(scratch.path, 'run/agent.sock') as AbsolutePath;
  const stop = new AbortController();
  const keepsake = { devices: async () => [], ...answers } as unknown as Keepsake;
  const served = serveApi({ path, keepsake, log }, stop.signal);
  let agent = await connectAgent(path);
  while (agent === undefined) agent = await connectAgent(path);
  return {
    path,
    agent,
    stop: async () => {
      stop.abort();
      await served;
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await served;
      scratch[Symbol.dispose]();
    },
  };
}

function request(change: Partial<BackupRequest> = {}): BackupRequest {
  const signal = new AbortController().signal;
  return { sources: ['/card'], createAnew: false, dryRun: false, onProgress: () => undefined, signal, ...change };
}

async function post(path: string, url: string, body: string, method = 'POST') {
  const sent = httpRequest({ socketPath: path, path: url, method });
  sent.on('error', () => undefined); // being cut off is one of the answers
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { statusCode: response.statusCode, text };
}

test('A request, its progress and its result come through as they are', async () => {
  const seen: unknown[] = [];
  const result = { library: '/l', imports: [], copies: [] } as unknown as BackupResult;
  await using at = await serving({
    backup: async ({ onProgress, signal, ...rest }) => {
      seen.push(rest);
      onProgress({
        phase: 'saving',
        files: 1,
        filesTotal: 2,
        bytes: 3,
        bytesTotal: 4,
        name: 'a\u2028\n"',
        sourceName: 's',
      });
      return signal.aborted ? Promise.reject(signal.reason) : result;
    },
  });
  const progress: unknown[] = [];
  expect(await at.agent.backup(request({ onProgress: (each) => progress.push(each) }))).toEqual(result);
  expect(seen).toEqual([{ sources: ['/card'], createAnew: false, dryRun: false }]);
  expect(progress).toMatchObject([{ files: 1, name: 'a\u2028\n"' }]);
});

test('What went wrong keeps its code and its remedy; a mistake of ours is no excuse to print its insides', async () => {
  await using at = await serving({
    backup: async () => {
      throw new AgentError('LIBRARY_BUSY', 'Busy.', { remedy: 'Wait.' });
    },
    rename: async () => {
      throw new TypeError('secret insides');
    },
  });
  await expect(at.agent.backup(request())).rejects.toMatchObject({
    code: 'LIBRARY_BUSY',
    message: 'Busy.',
    remedy: 'Wait.',
  });
  await expect(at.agent.rename('a', 'b')).rejects.toThrow('Keepsake made a mistake.');
});

test('Hanging up stops what was asked for', async () => {
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  await using at = await serving({
    backup: ({ signal }) => {
      begin();
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          resolve();
          reject(signal.reason);
        });
      });
    },
  });
  const owner = new AbortController();
  const asked = at.agent.backup(request({ signal: owner.signal }));
  await begun;
  owner.abort();
  await expect(asked).rejects.toThrow();
  await stopped;
});

test('Stopping the agent stops what is under way and leaves no socket', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  await using at = await serving({
    backup: ({ signal }) => {
      begin();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  });
  const asked = at.agent.backup(request());
  asked.catch(() => undefined);
  await begun;
  await at.stop();
  await expect(asked).rejects.toThrow();
  expect(existsSync(at.path)).toBe(false);
});

test.for([
  ['no such method', '/v1/format', '{}', 404],
  ['a method of objects', '/v1/constructor', '{}', 404],
  ['another address', '/etc/passwd', '{}', 404],
  ['no JSON', '/v1/rename', 'nonsense', 200],
  ['wrong kinds', '/v1/rename', '{"device":1,"name":{}}', 200],
  ['more than was asked for', '/v1/decide', '{"device":"a","decision":"always","root":"/etc"}', 200],
  ['a name without end', '/v1/rename', JSON.stringify({ device: 'a', name: 'x'.repeat(20_000) }), 200],
] as const)('%s is refused and harms nobody else', async ([, url, body, statusCode]) => {
  let calls = 0;
  const count = async () => {
    calls += 1;
    return {} as never;
  };
  await using at = await serving({ rename: count, decide: count });
  const answer = await post(at.path, url, body);
  expect(answer.statusCode).toBe(statusCode);
  if (statusCode === 200) expect(JSON.parse(answer.text)).toHaveProperty('error');
  expect(calls).toBe(0);
  expect(await at.agent.devices()).toEqual([]);
});

test('A body that is too large, a request that stops halfway and noise harm nobody else', async () => {
  await using at = await serving({});
  expect(
    (await post(at.path, '/v1/devices', ' '.repeat(3 * 1024 * 1024)).catch(() => ({ statusCode: 413 }))).statusCode,
  ).toBe(413);
  for (const text of [
    'POST /v1/devices HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{',
    '\0\0\0\0garbage\r\n\r\n',
  ]) {
    const socket = connect(at.path);
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    socket.write(text);
    expect(await at.agent.devices()).toEqual([]);
    socket.destroy();
  }
});

test('Only its owner can enter the folder of the socket', async () => {
  await using at = await serving({});
  expect(statSync(dirname(at.path)).mode & 0o777).toBe(0o700);
});

test('A socket left behind is nobody, and is replaced', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'run/agent.sock') as AbsolutePath;
  mkdirSync(dirname(path), { mode: 0o700 });
  // A process that is killed does not remove its socket.
  spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  expect(existsSync(path)).toBe(true);
  expect(await connectAgent(path)).toBeUndefined();
  const stop = new AbortController();
  const served = serveApi({ path, keepsake: { devices: async () => [] } as unknown as Keepsake, log }, stop.signal);
  let agent = await connectAgent(path);
  while (agent === undefined) agent = await connectAgent(path);
  stop.abort();
  await served;
});

test('An agent that is there and answers nonsense is an error, not nobody: two must never write at once', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'agent.sock') as AbsolutePath;
  const { createServer } = await import('node:http');
  const server = createServer((_, response) => response.writeHead(500).end());
  server.listen(path);
  await once(server, 'listening');
  await expect(connectAgent(path)).rejects.toMatchObject({ code: 'AGENT_UNREACHABLE' });
  server.close();
});

test('An ear in a folder that others may enter is not listened to by anybody', async () => {
  using scratch = temporaryFolder();
  chmodSync(scratch.path, 0o777);
  const path = join(scratch.path, 'agent.sock') as AbsolutePath;
  const { createServer } = await import('node:http');
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.end();
  });
  server.listen(path);
  await once(server, 'listening');
  expect(await connectAgent(path)).toBe(undefined);
  expect(asked).toBe(0);
  server.close();
});

test('A folder that others may enter, or a link, is not trusted', async () => {
  using scratch = temporaryFolder();
  const open = join(scratch.path, 'open');
  mkdirSync(open);
  chmodSync(open, 0o755);
  symlinkSync(temporaryTarget(scratch.path), join(scratch.path, 'link'));
  writeFileSync(join(scratch.path, 'file'), '');
  for (const name of ['open', 'link', 'file']) {
    const path = join(scratch.path, name, 'agent.sock') as AbsolutePath;
    await expect(prepareSocketFolder(path), name).rejects.toMatchObject({ code: 'AGENT_UNREACHABLE' });
  }
});

function temporaryTarget(folder: string): string {
  const path = join(folder, 'target');
  mkdirSync(path, { mode: 0o700 });
  return path;
}

test('However long the names of folders are, the socket has a name that systems take', () => {
  for (const [runtime, home] of [
    ['/run/user/1000', '/home/anna'],
    [`/${'x'.repeat(200)}`, `/${'y'.repeat(300)}`],
    ['', '/k'],
  ] as const) {
    const paths = findPaths({ KEEPSAKE_HOME: home });
    const places = socketPaths(paths, { XDG_RUNTIME_DIR: runtime });
    for (const path of places) expect(Buffer.byteLength(path)).toBeLessThanOrEqual(103);
    expect(places).toEqual(socketPaths(paths, { XDG_RUNTIME_DIR: runtime }));
    expect(places[0]).not.toBe(socketPaths(findPaths({ KEEPSAKE_HOME: `${home}2` }), { XDG_RUNTIME_DIR: runtime })[0]);
    // A shell without that variable looks in the other places, and whoever has it looks there too.
    for (const path of socketPaths(paths, {})) expect(places).toContain(path);
  }
});
