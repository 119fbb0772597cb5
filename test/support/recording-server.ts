// A web server of a test's own that keeps what it is sent, and answers as the test wants.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface RecordingServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at its end. */
  readonly address: string;
  readonly received: readonly Received[];
  /** From now on. At first it answers 200. */
  answers(with_: (response: ServerResponse, received: Received) => void): void;
}

export async function startRecordingServer(): Promise<RecordingServer> {
  const received: Received[] = [];
  let answer: (response: ServerResponse, received: Received) => void = (response) => response.end('OK');
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const { method = '', url: path = '', headers } = request;
    const one = { method, path, headers, body };
    received.push(one);
    answer(response, one);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    received,
    answers: (with_) => {
      answer = with_;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
