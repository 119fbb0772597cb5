// A real `systemd --user` of a person who does not exist, in namespaces of its own: own mounts, processes and control groups, a
// fresh /run, /tmp and home. Needs root and leaves nothing behind, also if the test's process is killed: its first process
// reads our end of a pipe, and everything in there ends with it.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'vitest';
import { type Answer, projectRoot } from './keepsake.ts';
import { patience } from './patience.ts';
import { needLinux, needPrograms, needRoot } from './requirements.ts';

/** Nobody has it: between the ordinary users and `nobody`. */
const user = 64_321;
const runtime = `/run/user/${user}`;
/** Every sign that a unit file could take for something else, but the backslash, with which Node.js itself cannot begin. */
export const sessionHome = "/run/people/Grand Ma's 50% $HOME";
export const sessionProject = '/run/software/100% & $HOME; ü/keepsake';
/** The same project once more, where systemd itself would not start a program. */
export const otherProject = '/run/software/it\'s "quoted"/keepsake';

/** This very Node.js, as it is called in there. */
export const sessionNode = nodeIn(sessionProject);

function nodeIn(project: string): string {
  return process.execPath.replace(`${projectRoot}/`, `${project}/`);
}

const askAgainMs = 50;
const manager = '/usr/lib/systemd/systemd';

/** As the outermost process: a control group for it all, taken away again at the end. */
const outer = `
set -e
# Disks that other tests have mounted right now are here too, and would be held until we end: let go of them.
while read -r id parent device root place rest; do
  case "$place" in
    */keepsake-volume-*) umount --lazy "$(printf '%b' "$place")" ;;
  esac
done < /proc/self/mountinfo
mount -t tmpfs -o mode=755 none /run
mkdir /run/groups
mount -t cgroup2 none /run/groups
group="/run/groups/keepsake-test-$$"
mkdir "$group"
export group
sh -c 'echo 0 > "$group/cgroup.procs"; exec unshare --mount --cgroup --pid --fork --kill-child --mount-proc sh -c "$0" "$@"' "$0" "$@" || true
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  find "$group" -depth -type d -exec rmdir {} + 2> /dev/null && break
  sleep 0.1
done
`;

/** As the first process in there. $1 project, $2 and $6 where it is shown, $3 home, $4 user, $5 manager. */
const inner = `
set -e
umount -R /sys/fs/cgroup 2> /dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /run/systemd/system "/run/user/$4" "$2" "$3" "$6"
for place in "$2" "$6"; do
  mount --bind "$1" "$place"
  mount -o remount,bind,ro "$place"
done
mount -t tmpfs -o mode=1777 none /tmp
chown "$4:$4" "/run/user/$4" "$3"
chmod 700 "/run/user/$4"
{ cat /etc/passwd; printf 'grandma:x:%s:%s::%s:/bin/sh\\n' "$4" "$4" "$3"; } > /run/passwd
mount --bind /run/passwd /etc/passwd
mkdir /sys/fs/cgroup/session
chown -R "$4:$4" /sys/fs/cgroup/session
(
  echo 0 > /sys/fs/cgroup/session/cgroup.procs
  exec setpriv --reuid "$4" --regid "$4" --clear-groups --bounding-set=-all env -i HOME="$3" USER=grandma LOGNAME=grandma SHELL=/bin/sh \\
    PATH=/usr/bin:/bin XDG_RUNTIME_DIR="/run/user/$4" "$5" --user --log-target=console --log-level=notice < /dev/null >&2
) &
tries=0
until [ -S "/run/user/$4/systemd/private" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 400 ]
  sleep 0.05
done
echo ready
cat
`;

export interface UserSession extends AsyncDisposable {
  /** Runs a program in there, as that person. */
  run(command: string, ...args: readonly string[]): Promise<Answer>;
  /** Runs it as root: a package that is being installed, say. */
  runAsRoot(command: string, ...args: readonly string[]): Promise<Answer>;
  /** `keepsake ARGS`, from the checkout. */
  keepsake(...args: readonly string[]): Promise<Answer>;
  /** From the other place. */
  otherKeepsake(...args: readonly string[]): Promise<Answer>;
  /** A program that goes on until it is told to stop: one in a terminal window. */
  start(command: string, ...args: readonly string[]): ChildProcess;
  /** `systemctl --user ARGS`; its output. @throws Error if it fails */
  systemctl(...args: readonly string[]): Promise<string>;
  /** Some properties of a unit, as systemd names them. */
  unit(name: string, ...properties: readonly string[]): Promise<Readonly<Record<string, string>>>;
  /** Writes a file, and its folder. */
  write(path: string, text: string): Promise<void>;
  /** Asks until `isSo`, for 20 s at most. */
  until<Value>(ask: () => Promise<Value>, isSo: (value: Value) => boolean): Promise<Value>;
}

/** Skips where this cannot be had. */
export function needUserSession(context: TestContext): void {
  needLinux(context, 'systemd');
  needRoot(context);
  needPrograms(context, 'unshare', 'nsenter', 'setpriv', 'systemctl', 'systemd-analyze', manager);
}

export async function startUserSession(): Promise<UserSession> {
  const child = spawn(
    'unshare',
    [
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      outer,
      inner,
      'sh',
      projectRoot,
      sessionProject,
      sessionHome,
      `${user}`,
      manager,
      otherProject,
    ],
    { cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const session = new Session(child);
  try {
    await session.begin();
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
  return session;
}

class Session implements UserSession {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #said = '';
  #firstProcess = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'exit');
    this.#ended.catch(() => undefined);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
    }
    child.stdin?.on('error', () => undefined); // it ended by itself: whoever asks something of it hears of that
  }

  async begin(): Promise<void> {
    const deadline = performance.now() + patience.timeout;
    while (!/^ready$/m.test(this.#said)) {
      if (this.#child.exitCode !== null || performance.now() > deadline) throw new Error(`no session: ${this.#said}`);
      await pause();
    }
    // unshare, then the first process of the others' namespace
    const inBetween = (await execute('ps', ['-o', 'pid=', '--ppid', `${this.#child.pid}`])).stdout.trim();
    this.#firstProcess = (await execute('ps', ['-o', 'pid=', '--ppid', inBetween])).stdout.trim();
  }

  async run(command: string, ...args: readonly string[]): Promise<Answer> {
    return await execute('nsenter', this.#within(command, args));
  }

  async runAsRoot(command: string, ...args: readonly string[]): Promise<Answer> {
    return await execute('nsenter', ['--target', this.#firstProcess, '--mount', '--pid', '--', command, ...args]);
  }

  async keepsake(...args: readonly string[]): Promise<Answer> {
    return await this.run(sessionNode, `${sessionProject}/bin/keepsake.js`, ...args);
  }

  async otherKeepsake(...args: readonly string[]): Promise<Answer> {
    return await this.run(nodeIn(otherProject), `${otherProject}/bin/keepsake.js`, ...args);
  }

  start(command: string, ...args: readonly string[]): ChildProcess {
    return spawn('nsenter', this.#within(command, args), { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
  }

  async systemctl(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run('systemctl', '--user', ...args);
    if (exitCode !== 0) throw new Error(`systemctl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async unit(name: string, ...properties: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const lines = (await this.systemctl('show', `--property=${properties.join(',')}`, name)).trim().split('\n');
    return Object.fromEntries(lines.map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1)]));
  }

  async write(path: string, text: string): Promise<void> {
    const script = 'mkdir -p "$(dirname "$1")" && printf %s "$2" > "$1"';
    const { exitCode, stderr } = await this.run('sh', '-c', script, 'sh', path, text);
    if (exitCode !== 0) throw new Error(stderr);
  }

  async until<Value>(ask: () => Promise<Value>, isSo: (value: Value) => boolean): Promise<Value> {
    const deadline = performance.now() + patience.timeout;
    for (;;) {
      const value = await ask();
      if (isSo(value)) return value;
      if (performance.now() > deadline) {
        throw new Error(`it stays ${JSON.stringify(value)}; the session said:\n${this.#said}`);
      }
      await pause();
    }
  }

  #within(command: string, args: readonly string[]): readonly string[] {
    const names = [`HOME=${sessionHome}`, 'USER=grandma', 'LOGNAME=grandma', 'SHELL=/bin/sh', 'PATH=/usr/bin:/bin'];
    const environment = ['env', '-i', ...names, `XDG_RUNTIME_DIR=${runtime}`, 'LC_ALL=C.UTF-8'];
    const person = ['setpriv', '--reuid', `${user}`, '--regid', `${user}`, '--clear-groups', '--bounding-set=-all'];
    return ['--target', this.#firstProcess, '--mount', '--pid', '--', ...person, ...environment, command, ...args];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }
}

async function execute(command: string, args: readonly string[]): Promise<Answer> {
  return await new Promise((done) => {
    execFile(command, [...args], { cwd: '/', timeout: patience.timeout, maxBuffer: 1e7 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ exitCode: code, stdout, stderr });
    });
  });
}

async function pause(): Promise<void> {
  await new Promise((done) => setTimeout(done, askAgainMs));
}
