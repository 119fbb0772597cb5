// Where there is no service manager, or it refuses, an owner must not be left with half of a start at login and no word of it.
// The real one is in test/system/systemd-user; here are the list of a desktop, a Mac's launchctl as a program of the test's
// own, and what can go wrong.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { composeKeepsake } from '../../src/agent/compose.ts';
import { installAtLogin, readLoginStatus, uninstallFromLogin } from '../../src/agent/install/install.ts';
import { findProgram } from '../../src/agent/install/program.ts';
import { launchLabels, renderUnit } from '../../src/agent/install/render.ts';
import { endAgentOfLogin, findAgentPid } from '../../src/agent/install/running-agent.ts';
import { findPaths } from '../../src/agent/paths.ts';
import { startAgent } from '../support/agent.ts';
import { keepsake, temporaryFolder } from '../support/keepsake.ts';
import { needLinux, needRoot } from '../support/requirements.ts';

/** A computer with a home and just those programs that the test puts there. An agent that it started ends with it. */
function computer() {
  const folder = temporaryFolder();
  const [home, programs] = [join(folder.path, 'home'), join(folder.path, 'programs')];
  mkdirSync(home);
  mkdirSync(programs);
  const environment = { HOME: home, KEEPSAKE_HOME: home, PATH: programs };
  return {
    home,
    environment,
    paths: findPaths(environment),
    autostart: join(home, '.config/autostart/keepsake.desktop'),
    put: (name: string, script: string) => {
      writeFileSync(join(programs, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
      chmodSync(join(programs, name), 0o755);
    },
    run: (...args: readonly string[]) => keepsake(args, { home, environment }),
    json: async (...args: readonly string[]) => {
      const { exitCode, stdout } = await keepsake([...args, '--json'], { home, environment });
      return { exitCode, ...JSON.parse(stdout) };
    },
    [Symbol.asyncDispose]: async () => {
      await endAgentOfLogin(findPaths(environment));
      folder[Symbol.dispose]();
    },
  };
}

test('Without a service manager the desktop starts it: install, again, and uninstall', async (context) => {
  needLinux(context, 'the list of programs that desktops start');
  await using place = computer();
  const { home, autostart, paths, run, json } = place;
  const first = await run('install');
  expect(first).toMatchObject({ exitCode: 0, stderr: '' });
  expect(first.stdout).toContain('whenever you log in to the desktop.\nIt is running now.\n');
  expect(first.stdout).toContain('On this computer nothing starts it again after a fault');
  expect((await json('status')).agent).toBe('running');
  const pid = await findAgentPid(paths);
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')).toContain(`KEEPSAKE_HOME=${home}`);
  expect(await json('install', '--status')).toMatchObject({
    ...{ exitCode: 0, way: 'autostart', startsAtLogin: true, isCurrent: true, agent: 'running', dailyCheck: false },
    files: [{ path: autostart, state: 'ours' }],
  });
  expect(await json('install')).toMatchObject({ exitCode: 0, isChanged: false, keptAside: [] });
  expect(await findAgentPid(paths)).toBe(pid);
  const { stdout, exitCode } = await run('uninstall');
  expect(exitCode).toBe(0);
  for (const words of [
    'It was stopped. What was saved is whole.',
    `removed: ${autostart}`,
    paths.config,
    paths.state,
  ]) {
    expect(stdout).toContain(words);
  }
  expect({ isThere: existsSync(autostart), pid: await findAgentPid(paths) }).toEqual({
    isThere: false,
    pid: undefined,
  });
  expect(await json('install', '--status')).toMatchObject({ exitCode: 2, way: 'none', agent: 'notRunning', files: [] });
  expect((await run('uninstall')).stdout).toMatch(/^There was nothing to undo/);
});

test('Switched off in the settings of the desktop is seen, and install switches it on again', async (context) => {
  needLinux(context, 'the list of programs that desktops start');
  await using place = computer();
  const { autostart, json } = place;
  await json('install');
  writeFileSync(autostart, readFileSync(autostart, 'utf8').replace('enabled=true', 'enabled=false'));
  expect(await json('install', '--status')).toMatchObject({ exitCode: 2, startsAtLogin: false, isCurrent: false });
  expect(await json('install')).toMatchObject({ startsAtLogin: true, keptAside: [`${autostart}.bak`] });
});

test('One that runs in a window is left alone by install and by uninstall', async (context) => {
  needLinux(context, 'the list of programs that desktops start');
  await using place = computer();
  await using window = await startAgent({ home: place.home });
  const { stdout } = await place.run('install');
  expect(stdout).toContain('Now it runs in a window that you opened.');
  expect(await place.json('uninstall')).toMatchObject({ stopped: false, agent: 'runningElsewhere' });
  expect(window.child.exitCode).toBeNull();
  await window.stop();
});

test('Uninstall works also where the settings cannot be read', async (context) => {
  needLinux(context, 'the list of programs that desktops start');
  await using place = computer();
  const { autostart, paths, json } = place;
  await json('install');
  writeFileSync(paths.config, 'library = 5\n');
  expect(await json('uninstall')).toMatchObject({ exitCode: 0, removed: [autostart] });
  // Whoever is there to install is there to put that right first.
  expect(await json('install')).toMatchObject({ exitCode: 1, error: { code: 'CONFIG_INVALID' } });
  expect(existsSync(autostart)).toBe(false);
});

test('Set up earlier and out of reach now, nothing is set up twice', async (context) => {
  needLinux(context, 'systemd');
  await using place = computer();
  const { home, autostart, json } = place;
  const unit = join(home, '.config/systemd/user/keepsake.service');
  mkdirSync(join(unit, '..'), { recursive: true });
  writeFileSync(unit, renderUnit('keepsake.service', { program: await findProgram('linux') }));
  expect(await json('install')).toMatchObject({ exitCode: 3, error: { code: 'SERVICE_UNREACHABLE' } });
  expect(existsSync(autostart)).toBe(false);
  expect(await json('uninstall')).toMatchObject({ exitCode: 0, removed: [unit] });
  expect(existsSync(unit)).toBe(false);
});

test('What the system refuses is said in its own words', async (context) => {
  needLinux(context, 'systemd');
  await using place = computer();
  const { home, put, json } = place;
  put(
    'systemctl',
    `case "$*" in
      *daemon-reload*) echo 'Failed to reload: Access denied' >&2; exit 1;;
      *) echo Version=252; echo UnitPath=${home}/.config/systemd/user;;
    esac`,
  );
  const { exitCode, error } = await json('install');
  expect({ exitCode, ...error }).toMatchObject({ exitCode: 3, code: 'SERVICE_REFUSED' });
  expect(error.message).toContain('Access denied');
});

test('With sudo it would be for the administrator, and is refused', async (context) => {
  needRoot(context);
  await using place = computer();
  const { environment, home, autostart } = place;
  const answer = await keepsake(['install'], { home, environment: { ...environment, SUDO_USER: 'mum' } });
  expect(answer).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('SERVICE_WRONG_USER') });
  expect(existsSync(autostart)).toBe(false);
});

test('A system that nothing is known of is told from one where it failed', async () => {
  await using place = computer();
  const { environment } = place;
  const wish = { environment, keepsake: composeKeepsake(environment), platform: 'win32' } as const;
  for (const call of [installAtLogin, readLoginStatus, uninstallFromLogin]) {
    await expect(call(wish)).rejects.toMatchObject({ code: 'SERVICE_UNSUPPORTED' });
  }
});

/** Keeps what is loaded as files, says what launchctl(1) says, and writes down what it was asked. */
const launchctl = (state: string, trouble = '') => `
mkdir -p '${state}'
echo "$*" >> '${state}/asked'
name="\${2##*/}"
${trouble}
case "$1" in
  print)
    test -e "${state}/$name.loaded" || exit 113
    test -e "${state}/$name.running" && echo '	pid = 4242'
    echo '	last exit code = 0';;
  bootstrap)
    name="$(basename "$3" .plist)"
    test -e "${state}/$name.loaded" && exit 37
    touch "${state}/$name.loaded" "${state}/$name.running";;
  bootout) rm -f "${state}/$name.loaded" "${state}/$name.running";;
  kickstart) touch "${state}/$name.running";;
esac
exit 0
`;

test('On a Mac both are loaded into the desktop’s domain, started again after a wanted stop, and taken out', async () => {
  await using place = computer();
  const { home, environment, put } = place;
  const state = join(home, 'launchd');
  put('launchctl', launchctl(state));
  const wish = { environment, keepsake: composeKeepsake(environment), platform: 'darwin' } as const;
  const files = launchLabels.map((label) => join(home, 'Library/LaunchAgents', `${label}.plist`));
  expect(await installAtLogin(wish)).toMatchObject({
    ...{ way: 'launchd', startsAtLogin: true, dailyCheck: true, agent: 'running', isChanged: true, isCurrent: true },
    files: files.map((path) => ({ path, state: 'ours' })),
  });
  const asked = () => readFileSync(join(state, 'asked'), 'utf8');
  const domain = `gui/${process.getuid?.()}`;
  expect(asked()).toContain(`bootstrap ${domain} ${files[0]}\n`);
  const before = asked();
  expect(await installAtLogin(wish)).toMatchObject({ isChanged: false, agent: 'running' });
  expect(asked().slice(before.length)).not.toMatch(/bootstrap|bootout|kickstart/);
  writeFileSync(files[0] ?? '', `${readFileSync(files[0] ?? '', 'utf8')}<!-- mine -->\n`);
  expect(await installAtLogin(wish)).toMatchObject({
    isChanged: true,
    keptAside: [`${files[0]}.bak`],
    agent: 'running',
  });
  expect(asked().slice(before.length)).toContain(`bootout ${domain}/org.keepsake.agent\n`);
  rmSync(join(state, 'org.keepsake.agent.running')); // stopped by its owner
  expect(await readLoginStatus(wish)).toMatchObject({ startsAtLogin: true, agent: 'notRunning' });
  expect(await installAtLogin(wish)).toMatchObject({ isChanged: false, agent: 'running' });
  expect(await uninstallFromLogin(wish)).toMatchObject({ removed: files, stopped: true, keptAside: [] });
  expect(await readLoginStatus(wish)).toMatchObject({ way: 'none', startsAtLogin: false });
});

test('A Mac without anybody at its desktop starts it when somebody logs in there', async () => {
  await using place = computer();
  const { home, environment, put } = place;
  put('launchctl', launchctl(join(home, 'launchd'), 'test "$1" = bootstrap && exit 125'));
  const wish = { environment, keepsake: composeKeepsake(environment), platform: 'darwin' } as const;
  expect(await installAtLogin(wish)).toMatchObject({ isForNextLogin: true, agent: 'notRunning' });
});

test('A Mac that is still busy with the last one is asked again; one that refuses is quoted', async () => {
  await using place = computer();
  const { home, environment, put } = place;
  const state = join(home, 'launchd');
  const busyOnce = `if test "$1" = bootstrap && ! test -e '${state}/busy'; then touch '${state}/busy'; exit 5; fi`;
  put('launchctl', launchctl(state, busyOnce));
  const wish = { environment, keepsake: composeKeepsake(environment), platform: 'darwin' } as const;
  expect(await installAtLogin(wish)).toMatchObject({ agent: 'running' });
  await uninstallFromLogin(wish);
  put('launchctl', launchctl(state, 'test "$1" = bootstrap && { echo "Bootstrap failed: 78" >&2; exit 78; }'));
  await expect(installAtLogin(wish)).rejects.toMatchObject({
    code: 'SERVICE_REFUSED',
    message: expect.stringContaining('Bootstrap failed: 78'),
  });
});
