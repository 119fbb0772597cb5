// A start at login that names another Node.js, other flags or a relative path works today and not after the next update.
import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { carriedEnvironment, findProgram } from '../../../../src/agent/install/program.ts';
import { isAgentError } from '../../../../src/domain/errors.ts';
import { projectRoot } from '../../../support/keepsake.ts';

test('What is started is the pinned Node.js and this very Keepsake, by absolute paths', async () => {
  const { findPinnedNode } = await import(pathToFileURL(join(projectRoot, 'bin/with-node.js')).href);
  const { command, folder, version } = await findProgram('linux');
  expect(command[0]).toBe(findPinnedNode());
  expect(command.at(-1)).toBe(join(projectRoot, 'bin/keepsake.js'));
  expect(command.filter((word) => !word.startsWith('--')).every(isAbsolute)).toBe(true);
  expect(folder).toBe(projectRoot);
  expect(version).toBe(JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')).version);
});

test('It is started as bin/keepsake.js would start it, so that there is no second process', async () => {
  const launcher = readFileSync(join(projectRoot, 'bin/keepsake.js'), 'utf8');
  const flags = /flags: \[(.*)\]/.exec(launcher)?.[1]?.match(/'(.*?)'/g) ?? [];
  const [, key = '', value] = /environment: \{ (\w+): '(.*?)' \}/.exec(launcher) ?? [];
  const { command, environment } = await findProgram('linux');
  expect(command.slice(1, -1).map((flag) => `'${flag}'`)).toEqual(flags);
  expect(environment[key]).toBe(value);
});

test('Of the environment only what says where things are is carried on, and made absolute', () => {
  expect(
    carriedEnvironment({
      ...{ KEEPSAKE_HOME: 'here', INIT_CWD: '/home/mum', XDG_CONFIG_HOME: '/home/mum/conf', XDG_DATA_HOME: 'relative' },
      ...{ XDG_STATE_HOME: '', USBMUXD_SOCKET_ADDRESS: 'UNIX:/run/phones', DISPLAY: ':0', NODE_OPTIONS: '--inspect' },
    }),
  ).toEqual({
    ...{ KEEPSAKE_HOME: '/home/mum/here', XDG_CONFIG_HOME: '/home/mum/conf' },
    USBMUXD_SOCKET_ADDRESS: 'UNIX:/run/phones',
  });
  expect(carriedEnvironment({ HOME: '/home/mum' })).toEqual({});
});

test('A folder whose name has a line break in it is refused, with what to do', () => {
  const refused = [() => carriedEnvironment({ KEEPSAKE_HOME: '/home/mum/a\nExecStart=/bin/rm' })];
  for (const call of refused) {
    expect(call).toThrow(expect.objectContaining({ code: 'SERVICE_PATH_UNSUITABLE' }));
    try {
      call();
    } catch (error) {
      expect(isAgentError(error) && error.remedy).toContain('Rename');
    }
  }
});
