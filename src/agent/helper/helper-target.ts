// Where news goes to for the person who helps: an address or a program of theirs. Parses and judges; sends nothing.

import { isIP } from 'node:net';

/**
 * How an address is spoken to. `ntfy`: a sentence, as a notification on a telephone (docs.ntfy.sh). `healthchecks`: a sign of life that is
 * missed when it stops, and `/fail` where something is wrong (healthchecks.io). `json`: the message itself.
 */
export type HelperService = 'ntfy' | 'healthchecks' | 'json';

export type HelperTarget =
  | { readonly kind: 'url'; readonly service: HelperService; readonly url: URL }
  | { readonly kind: 'command'; readonly command: string; readonly args: readonly string[] };

export const helperUrlAdvice =
  'write an address that begins with "https://", such as "https://ntfy.sh/a-name-nobody-guesses"';

const urlCharsMax = 2000;
const knownHosts: Readonly<Record<string, HelperService>> = { 'ntfy.sh': 'ntfy', 'hc-ping.com': 'healthchecks' };

/**
 * `https://…`, or `ntfy+https://…` and `healthchecks+https://…` for a server of one's own. Without encryption (`http`) only within the
 * home: whoever reads along elsewhere would learn the address, which is all that keeps others out. Undefined: it cannot be used.
 */
export function parseHelperUrl(text: string): Extract<HelperTarget, { readonly kind: 'url' }> | undefined {
  const [, service, address = ''] = /^(?:(ntfy|healthchecks)\+)?(https?:\/\/.+)$/i.exec(text) ?? [];
  if (text.length > urlCharsMax || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.protocol === 'http:' && !isWithinHome(url.hostname)) return undefined;
  url.hash = '';
  const named = service?.toLowerCase() as HelperService | undefined;
  return { kind: 'url', service: named ?? knownHosts[url.hostname] ?? 'json', url };
}

/** As the owner set them. Nobody helps if there is neither address nor program. */
export interface HelperSettings {
  readonly helperUrl: string | undefined;
  /** A program and its arguments. */
  readonly helperCommand: readonly string[];
  /** What the owner calls them. */
  readonly helperName: string | undefined;
}

export function helperTargets(settings: Pick<HelperSettings, 'helperUrl' | 'helperCommand'>): readonly HelperTarget[] {
  const url = settings.helperUrl === undefined ? undefined : parseHelperUrl(settings.helperUrl);
  const [command, ...args] = settings.helperCommand;
  return [
    ...(url === undefined ? [] : [url]),
    ...(command === undefined ? [] : [{ kind: 'command' as const, command, args }]),
  ];
}

/** RFC 1918, RFC 4193, RFC 3927, RFC 4291; names that no one else's name server knows (RFC 6762, RFC 8375). */
function isWithinHome(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (isIP(host) === 4) return /^(127|10)\.|^192\.168\.|^169\.254\.|^172\.(1[6-9]|2\d|3[01])\./.test(host);
  if (isIP(host) === 6) return host === '::1' || /^(f[cd]|fe[89ab])/.test(host);
  return host === 'localhost' || /\.(localhost|local|home\.arpa)$/.test(host);
}
