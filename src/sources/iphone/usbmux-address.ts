// Where the daemon listens that knows the iPhones on the cable: usbmuxd on Linux, Apple's own elsewhere. Pure.

import { AgentError } from '../../domain/errors.ts';

export type UsbmuxAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** Facts: libusbmuxd, usbmuxd(8), Apple Mobile Device Service on Windows. */
const usual: Readonly<Record<string, UsbmuxAddress>> = { win32: { host: '127.0.0.1', port: 27015 } };
const usualElsewhere: UsbmuxAddress = { path: '/var/run/usbmuxd' };

/**
 * @param text USBMUXD_SOCKET_ADDRESS as libusbmuxd takes it: `UNIX:/path`, `host:port`, `[v6 address]:port`; undefined: the usual place.
 * @throws AgentError CONFIG_INVALID for anything else.
 */
export function usbmuxAddress(text: string | undefined, platform: NodeJS.Platform = process.platform): UsbmuxAddress {
  if (text === undefined || text === '') return usual[platform] ?? usualElsewhere;
  const path = /^unix:(\/.+)$/i.exec(text)?.[1];
  if (path !== undefined) return { path };
  const [, host, port] = /^(\[[0-9a-f:.]+\]|[^:[\]/]+):(\d{1,5})$/i.exec(text) ?? [];
  if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) {
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
  }
  throw new AgentError('CONFIG_INVALID', `USBMUXD_SOCKET_ADDRESS is "${text}", which is no address.`, {
    remedy: 'Set it to UNIX:/path/of/the/socket or host:port, or leave it unset.',
  });
}
