// The daemon that knows the fake phones: usbmuxd's side of a unix socket or TCP port, so that our client and other people's tools
// talk to it as to the real one. Written from docs/iphone.md alone, without a line of the client.

import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { build, parse } from 'plist';
import { serveAfc } from './fake-afc.ts';
import type { FakeIphone } from './fake-iphone.ts';
import { secure, serveLockdown } from './fake-lockdown.ts';

const headerBytes = 16;
const messageBytesMax = 65_536;
const lockdownPort = 62078;
const firstServicePort = 49_152;
const errno = { noEntry: 2 };

type Message = Record<string, unknown>;

interface Attachment {
  readonly phone: FakeIphone;
  readonly deviceId: number;
  /** Port → who waits there for one tunnel. */
  readonly services: Map<number, (socket: Socket) => void>;
}

export class FakeUsbmuxd implements AsyncDisposable {
  readonly #where: { readonly path: string } | { readonly port: number };
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #listeners = new Set<Socket>();
  readonly #attached = new Map<number, Attachment>();
  #nextDeviceId = 1;
  #nextPort = firstServicePort;
  /** UDID → what was saved, as it came. Survives a restart of the daemon, as files do. */
  readonly pairRecords = new Map<string, Buffer>();
  /** As old daemons give ids of phones: without the dash. */
  showsDash = true;
  /** Instead of the next answers. */
  readonly rawAnswers: Buffer[] = [];

  constructor(where: { readonly path: string } | { readonly port: number }) {
    this.#where = where;
  }

  static async start(where: { readonly path: string } | { readonly port: number }): Promise<FakeUsbmuxd> {
    const daemon = new FakeUsbmuxd(where);
    await daemon.start();
    return daemon;
  }

  /** For USBMUXD_SOCKET_ADDRESS. */
  get address(): string {
    if ('path' in this.#where) return `UNIX:${this.#where.path}`;
    const address = this.#server?.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : this.#where.port}`;
  }

  async start(): Promise<void> {
    this.#server = createServer((socket) => this.#serve(socket));
    if ('path' in this.#where) rmSync(this.#where.path, { force: true });
    this.#server.listen('path' in this.#where ? this.#where : { ...this.#where, host: '127.0.0.1' });
    await once(this.#server, 'listening');
  }

  /** As if it crashed: all that goes through it ends. Attached phones are there again when it starts, under new numbers. */
  async stop(): Promise<void> {
    const phones = [...this.#attached.values()].map(({ phone }) => phone);
    this.#attached.clear();
    const closed = this.#server === undefined ? undefined : once(this.#server, 'close');
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#server = undefined;
    await closed;
    for (const phone of phones) this.attach(phone);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server !== undefined) await this.stop();
  }

  attach(phone: FakeIphone): number {
    const deviceId = this.#nextDeviceId;
    this.#nextDeviceId += 1;
    const attachment: Attachment = { phone, deviceId, services: new Map() };
    this.#attached.set(deviceId, attachment);
    phone.onDetach = () => {
      if (this.#attached.delete(deviceId)) this.#tell({ MessageType: 'Detached', DeviceID: deviceId });
    };
    this.#tell(this.#describe(attachment));
    return deviceId;
  }

  #describe({ phone, deviceId }: Attachment): Message {
    return {
      MessageType: 'Attached',
      DeviceID: deviceId,
      Properties: {
        ConnectionType: phone.isNetwork ? 'Network' : 'USB',
        DeviceID: deviceId,
        LocationID: deviceId,
        ProductID: 0x12a8,
        ...(phone.isNetwork ? {} : { ConnectionSpeed: 480_000_000 }),
        SerialNumber: this.showsDash ? phone.udid : phone.udid.replace('-', ''),
      },
    };
  }

  #tell(event: Message): void {
    for (const socket of this.#listeners) socket.write(frame(event, 0));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#listeners.delete(socket);
    });
    let rest: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= headerBytes) {
        const length = rest.readUInt32LE(0);
        if (length < headerBytes || length > messageBytesMax || this.#listeners.has(socket)) {
          socket.destroy();
          return;
        }
        if (rest.length < length) return;
        const tag = rest.readUInt32LE(12);
        let request: Message;
        try {
          request = parse(rest.subarray(headerBytes, length).toString('utf8')) as unknown as Message;
        } catch {
          return; // the real one says nothing either
        }
        rest = rest.subarray(length);
        if (this.#answer(socket, request, tag)) {
          socket.off('data', onData);
          return;
        }
      }
    };
    socket.on('data', onData);
  }

  /** Returns true when the socket has become a tunnel. */
  #answer(socket: Socket, request: Message, tag: number): boolean {
    const send = (message: Message) => void socket.write(this.rawAnswers.shift() ?? frame(message, tag));
    const result = (number: number) => send({ MessageType: 'Result', Number: number });
    const id = String(request['PairRecordID']);
    switch (request['MessageType']) {
      case 'ListDevices':
        send({ DeviceList: [...this.#attached.values()].map((each) => this.#describe(each)) });
        return false;
      case 'Listen': {
        // In one piece, as the real one does it: the events must not be lost behind the answer.
        const present = [...this.#attached.values()].map((each) => frame(this.#describe(each), 0));
        socket.write(Buffer.concat([frame({ MessageType: 'Result', Number: 0 }, tag), ...present]));
        this.#listeners.add(socket);
        return false;
      }
      case 'Connect':
        return this.#connect(socket, request, result);
      case 'ReadBUID':
        send({ BUID: 'FAKE0000-0000-4000-8000-000000000000' });
        return false;
      case 'ReadPairRecord': {
        const record = this.pairRecords.get(id);
        if (record === undefined) result(errno.noEntry);
        else send({ PairRecordData: record });
        return false;
      }
      case 'SavePairRecord': {
        this.pairRecords.set(id, Buffer.from(request['PairRecordData'] as Uint8Array));
        result(0);
        this.#tell({ MessageType: 'Paired', DeviceID: request['DeviceID'] });
        return false;
      }
      case 'DeletePairRecord':
        result(this.pairRecords.delete(id) ? 0 : errno.noEntry);
        return false;
      case 'ListListeners':
        send({ ListenerList: [] });
        return false;
      default:
        result(1);
        return false;
    }
  }

  #connect(socket: Socket, request: Message, result: (number: number) => void): boolean {
    const attachment = this.#attached.get(Number(request['DeviceID']));
    if (attachment === undefined) {
      result(2);
      return false;
    }
    const { phone, services } = attachment;
    const swapped = Number(request['PortNumber']);
    const port = ((swapped & 0xff) << 8) | (swapped >> 8);
    const service = services.get(port);
    if (port !== lockdownPort && service === undefined) {
      result(3);
      return false;
    }
    result(0);
    phone.tunnels.add(socket);
    phone.counters.connections += 1;
    socket.once('close', () => phone.tunnels.delete(socket));
    if (service !== undefined) {
      services.delete(port);
      service(socket);
      return true;
    }
    const openService = (_: string, isSecure: { readonly hostId: string } | undefined) => {
      const servicePort = this.#nextPort;
      this.#nextPort += 1;
      services.set(servicePort, (tunnel) =>
        serveAfc(phone, isSecure === undefined ? tunnel : secure(phone, tunnel, isSecure.hostId)),
      );
      return servicePort;
    };
    serveLockdown(phone, socket, { openService });
    return true;
  }
}

function frame(message: Message, tag: number): Buffer {
  const body = Buffer.from(build(message as never));
  const header = Buffer.alloc(headerBytes);
  for (const [index, number] of [headerBytes + body.length, 1, 8, tag].entries())
    header.writeUInt32LE(number, 4 * index);
  return Buffer.concat([header, body]);
}
