// An agent that does not come back after a crash, or comes back after its owner stopped it, or stands in the way of a login:
// only the real service manager of a real user shows that. Systemd here is the machine's own, started for this test.
import { once } from 'node:events';
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { Answer } from '../support/keepsake.ts';
import {
  needUserSession,
  otherProject,
  sessionHome,
  sessionNode,
  sessionProject,
  startUserSession,
  type UserSession,
} from '../support/systemd-user.ts';

const units = `${sessionHome}/.config/systemd/user`;
const dropIn = `${units}/keepsake.service.d/test.conf`;
const agentUnit = 'keepsake.service';

let session: UserSession;
/** Once for all of them, which tell one story. */
let starting: Promise<UserSession> | undefined;

beforeEach(async (context) => {
  needUserSession(context);
  starting ??= startUserSession();
  session = await starting;
});
afterAll(async () => {
  await session?.[Symbol.asyncDispose]();
});

async function agent() {
  return await session.unit(agentUnit, 'ActiveState', 'SubState', 'MainPID', 'NRestarts', 'StatusText', 'Result');
}

async function running() {
  return await session.until(agent, ({ ActiveState }) => ActiveState === 'active');
}

async function install() {
  const { exitCode, stdout, stderr } = await session.keepsake('install', '--json');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout);
}

test('After install the agent runs, is ready, and starts at the next login', async () => {
  expect(await install()).toMatchObject({
    ...{ way: 'systemd', startsAtLogin: true, dailyCheck: true, agent: 'running', isCurrent: true, isChanged: true },
    files: ['keepsake.service', 'keepsake-check.service', 'keepsake-check.timer'].map((name) => ({
      path: `${units}/${name}`,
      state: 'ours',
    })),
    keptAside: [],
  });
  expect(await agent()).toMatchObject({
    ActiveState: 'active',
    StatusText: 'Keepsake is watching for iPhones and camera cards.',
  });
  for (const target of ['default.target', 'graphical-session.target', 'timers.target']) {
    expect((await session.unit(target, 'Wants'))['Wants']).toMatch(/keepsake/);
  }
  const { MainPID = '' } = await agent();
  const facts = await session.runAsRoot(
    'sh',
    '-c',
    `grep -E '^(Uid|NoNewPrivs)' /proc/${MainPID}/status; ps -o ni= -p ${MainPID}`,
  );
  expect(facts.stdout.replaceAll(/\s+/g, ' ')).toBe('Uid: 64321 64321 64321 64321 NoNewPrivs: 0 10 ');
  const commandLine = await session.run('cat', `/proc/${MainPID}/cmdline`);
  expect(commandLine.stdout.split('\0').slice(1)).toEqual([
    '--max-semi-space-size=8',
    '--heap-growing-percent=50',
    `${sessionProject}/bin/keepsake.js`,
    'agent',
    '',
  ]);
  const environment = (await session.run('cat', `/proc/${MainPID}/environ`)).stdout.split('\0');
  expect(environment).toEqual(
    expect.arrayContaining(['UV_THREADPOOL_SIZE=12', 'KEEPSAKE_STARTED_BY=login', `HOME=${sessionHome}`]),
  );
  expect(JSON.parse((await session.keepsake('status', '--json')).stdout).agent).toBe('running');
});

test('systemd finds nothing to complain about in the files', async () => {
  const files = ['keepsake.service', 'keepsake-check.service', 'keepsake-check.timer'].map(
    (name) => `${units}/${name}`,
  );
  expect(await session.run('systemd-analyze', 'verify', '--user', ...files)).toEqual({
    ...{ exitCode: 0, stdout: '', stderr: '' },
  });
});

test('The daily check is due within a day, and what a check finds is not a failure of the system', async () => {
  const { NextElapseUSecRealtime = '' } = await session.unit('keepsake-check.timer', 'NextElapseUSecRealtime');
  const dueMs = Date.parse(NextElapseUSecRealtime.replace(/^\w+ /, '').replace(/ (\w+)$/, ' GMT'));
  expect(dueMs - Date.now()).toBeLessThan(2 * 86_400_000);
  await session.systemctl('start', 'keepsake-check.service');
  expect(await session.unit('keepsake-check.service', 'Result')).toEqual({ Result: 'success' });
});

test('Installing again changes nothing and does not disturb the agent', async () => {
  const before = { agent: await agent(), files: await session.run('stat', '-c', '%n %Y %i', units) };
  expect(await install()).toMatchObject({ isChanged: false, agent: 'running', keptAside: [] });
  expect({ agent: await agent(), files: await session.run('stat', '-c', '%n %Y %i', units) }).toEqual(before);
});

test('A file that somebody changed is kept aside, written anew, and the agent started from it', async () => {
  const { MainPID } = await agent();
  await session.run('sh', '-c', 'echo Nice=15 >> "$1"', 'sh', `${units}/${agentUnit}`);
  const status = await session.keepsake('install', '--status', '--json');
  expect({ exitCode: status.exitCode, ...JSON.parse(status.stdout) }).toMatchObject({ exitCode: 2, isCurrent: false });
  expect(await install()).toMatchObject({ isChanged: true, keptAside: [`${units}/${agentUnit}.bak`] });
  expect((await running())['MainPID']).not.toBe(MainPID);
  expect((await session.run('grep', '-c', 'Nice=15', `${units}/${agentUnit}.bak`)).stdout).toBe('1\n');
  await session.run('rm', `${units}/${agentUnit}.bak`);
});

test('Installed from another place, it starts from there from then on, whatever the place is called', async () => {
  const commandLine = async () => {
    const { MainPID = '' } = await running();
    return (await session.run('cat', `/proc/${MainPID}/cmdline`)).stdout.split('\0');
  };
  const { exitCode, stdout } = await session.otherKeepsake('install', '--json');
  expect({ exitCode, ...JSON.parse(stdout) }).toMatchObject({
    exitCode: 0,
    isChanged: true,
    agent: 'running',
    keptAside: [],
  });
  expect(await commandLine()).toContain(`${otherProject}/bin/keepsake.js`);
  expect((await session.run('systemd-analyze', 'verify', '--user', `${units}/${agentUnit}`)).stderr).toBe('');
  expect(JSON.parse((await session.keepsake('install', '--status', '--json')).stdout).isCurrent).toBe(false);
  await install();
  expect(await commandLine()).toContain(`${sessionProject}/bin/keepsake.js`);
});

test('An agent that hangs is ended and started again; one that lives is not', async () => {
  await session.write(dropIn, '[Service]\nWatchdogSec=10s\nRestartSec=100ms\n');
  await session.systemctl('daemon-reload');
  await session.systemctl('restart', agentUnit);
  const heard = () => session.unit(agentUnit, 'WatchdogTimestampMonotonic');
  const heardAtUs = async () => Number((await heard())['WatchdogTimestampMonotonic']);
  const firstUs = await heardAtUs();
  await session.until(heardAtUs, (us) => us > firstUs + 12_000_000); // longer than it may be silent
  const before = await agent();
  expect(before).toMatchObject({ ActiveState: 'active', NRestarts: '0' });
  await session.systemctl('kill', '--kill-whom=main', '--signal=STOP', agentUnit);
  const after = await session.until(agent, (unit) => unit['NRestarts'] === '1' && unit['ActiveState'] === 'active');
  expect(after['MainPID']).not.toBe(before['MainPID']);
});

test('An agent that is killed is started again', async () => {
  await session.write(dropIn, '[Service]\nRestartSec=100ms\n');
  await session.systemctl('daemon-reload');
  await session.systemctl('restart', agentUnit);
  const before = await agent();
  await session.systemctl('kill', '--kill-whom=main', '--signal=KILL', agentUnit);
  const after = await session.until(agent, (unit) => unit['NRestarts'] === '1' && unit['ActiveState'] === 'active');
  expect(after['MainPID']).not.toBe(before['MainPID']);
});

test('An agent that ends because it was asked to stays ended until it is wanted again', async () => {
  await session.systemctl('kill', '--kill-whom=main', '--signal=TERM', agentUnit);
  const isOver = (unit: Readonly<Record<string, string>>) =>
    !['active', 'deactivating'].includes(unit['ActiveState'] ?? '');
  // An agent that is to be started again would be "activating" now, not "inactive".
  expect(await session.until(agent, isOver)).toMatchObject({
    ActiveState: 'inactive',
    SubState: 'dead',
    Result: 'success',
  });
  const { exitCode, stdout } = await session.keepsake('install', '--status');
  expect({ exitCode, stdout }).toMatchObject({
    exitCode: 2,
    stdout: expect.stringContaining('It is not running now.'),
  });
  await session.systemctl('start', agentUnit);
  await session.systemctl('stop', agentUnit);
  expect(await agent()).toMatchObject({ ActiveState: 'inactive', Result: 'success' });
  expect(await install()).toMatchObject({ isChanged: false, agent: 'running' });
});

test('While one runs in a window, install says so, and the one at login takes over when the window closes', async () => {
  await session.systemctl('stop', agentUnit);
  const window = session.start(sessionNode, `${sessionProject}/bin/keepsake.js`, 'agent');
  const ended = once(window, 'close');
  await once(window.stdout ?? window, 'data');
  const { stdout } = await session.keepsake('install');
  expect(stdout).toContain('Now it runs in a window that you opened.');
  await session.run('pkill', '--full', '--oldest', 'cli/main.ts agent');
  await ended;
  expect((await running())['StatusText']).toMatch(/watching/);
});

test('What keeps it from starting is said, and once that is put right it starts by itself', async () => {
  await session.systemctl('stop', agentUnit);
  const records = `${sessionHome}/.local/share/keepsake`;
  await session.run('mv', records, `${records}-aside`);
  await session.write(records, 'a file where a folder has to be');
  const { exitCode, stderr } = await session.keepsake('install');
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('SERVICE_START_FAILED') });
  const isTold = ({ exitCode: code, stdout }: Answer) =>
    code === 2 && stdout.includes('The last time it ended by a fault');
  await session.until(() => session.keepsake('install', '--status'), isTold);
  await session.run('mv', '--force', '--no-target-directory', records, '/tmp/file');
  await session.run('mv', `${records}-aside`, records);
  await running();
});

test('Uninstalling stops it and leaves nothing but what it says', async () => {
  await session.run('rm', '-r', `${units}/keepsake.service.d`);
  // As after the first day, on which the timer has run.
  const stamp = `${sessionHome}/.local/share/systemd/timers/stamp-keepsake-check.timer`;
  expect((await session.run('ls', stamp)).exitCode).toBe(0);
  const { exitCode, stdout } = await session.keepsake('uninstall', '--json');
  const result = JSON.parse(stdout);
  expect({ exitCode, ...result }).toMatchObject({
    exitCode: 0,
    stopped: true,
    agent: 'notRunning',
    left: [],
    keptAside: [],
  });
  expect((await session.run('systemctl', '--user', 'list-unit-files', '--no-legend', 'keepsake*')).stdout).toBe('');
  const { settings, records, logs } = result.stays;
  const files = (await session.run('find', sessionHome, '-type', 'f', '-o', '-type', 'l')).stdout.trim().split('\n');
  const unexplained = files.filter((path) => ![settings, records, logs].some((kept) => path.startsWith(kept)));
  expect(unexplained).toEqual([]);
  const again = await session.keepsake('uninstall');
  expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^There was nothing to undo/) });
});

test('Where a package brought the files, install only switches them on', async () => {
  await install();
  const packaged = '/run/systemd/user'; // where a system's own units may be, and that is fresh in here
  await session.runAsRoot('mkdir', '-p', packaged);
  await session.runAsRoot('sh', '-c', 'cp "$1"/keepsake* "$2"', 'sh', units, packaged);
  const result = await install();
  expect(result).toMatchObject({ way: 'systemd', startsAtLogin: true, agent: 'running', isCurrent: true });
  expect(result.files).toEqual([{ path: `${packaged}/${agentUnit}`, state: 'packaged' }]);
  expect((await session.run('find', units, '-name', 'keepsake*', '-type', 'f')).stdout).toBe('');
  expect(await session.unit(agentUnit, 'FragmentPath')).toEqual({ FragmentPath: `${packaged}/${agentUnit}` });
  const { stdout } = await session.keepsake('uninstall', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ stopped: true, removed: [] });
  expect(await session.unit(agentUnit, 'UnitFileState', 'ActiveState')).toEqual({
    UnitFileState: 'disabled',
    ActiveState: 'inactive',
  });
});
