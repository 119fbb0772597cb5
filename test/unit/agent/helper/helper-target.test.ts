// A wrong guess here sends what is meant for one person to a service in a form it does not show, or in the open.
import { expect, test } from 'vitest';
import { helperTargets, parseHelperUrl } from '../../../../src/agent/helper/helper-target.ts';

test.for([
  ['https://ntfy.sh/topic', 'ntfy', 'https://ntfy.sh/topic'],
  ['https://hc-ping.com/0d338dcc', 'healthchecks', 'https://hc-ping.com/0d338dcc'],
  ['https://example.org/hook?key=1#there', 'json', 'https://example.org/hook?key=1'],
  ['ntfy+https://push.example.org/topic', 'ntfy', 'https://push.example.org/topic'],
  ['healthchecks+https://hc.example.org/ping/x', 'healthchecks', 'https://hc.example.org/ping/x'],
  ['NTFY+HTTPS://push.example.org/a', 'ntfy', 'https://push.example.org/a'],
  ['http://127.0.0.1:8080/', 'json', 'http://127.0.0.1:8080/'],
  ['ntfy+http://192.168.1.5/topic', 'ntfy', 'http://192.168.1.5/topic'],
  ['http://nas.local/hook', 'json', 'http://nas.local/hook'],
  ['http://[::1]:9/', 'json', 'http://[::1]:9/'],
  ['http://[fd12::1]/', 'json', 'http://[fd12::1]/'],
] as const)('%s is spoken to as %s', ([text, service, href]) => {
  const target = parseHelperUrl(text);
  expect(target).toMatchObject({ kind: 'url', service });
  expect(target?.url.href).toBe(href);
});

test.for([
  '',
  'ntfy.sh/topic',
  'mailto:anna@example.org',
  'ftp://example.org/',
  'file:///etc/passwd',
  'smtp+https://example.org',
  'http://example.org/',
  'http://ntfy.sh/topic',
  'http://8.8.8.8/',
  'http://172.32.0.1/',
  'http://1270.0.0.1/',
  'http://localhost.example.org/',
  'http://[2001:db8::1]/',
  'https://',
  `https://example.org/${'x'.repeat(2000)}`,
])('%j cannot be used', (text) => {
  expect(parseHelperUrl(text)).toBeUndefined();
});

test('Nobody helps unless the owner set it, and both ways can be set', () => {
  expect(helperTargets({ helperUrl: undefined, helperCommand: [] })).toEqual([]);
  expect(helperTargets({ helperUrl: 'https://ntfy.sh/t', helperCommand: ['tell', '-x', 'y'] })).toMatchObject([
    { kind: 'url', service: 'ntfy' },
    { kind: 'command', command: 'tell', args: ['-x', 'y'] },
  ]);
});
