// A freshly installed Debian in a folder, as small as it gets, in which programs run as on a computer of its own: own mounts and
// processes. Needs root and Debian's packages. Nothing outlives what is run in there: mounts and processes go with each command,
// also if the test is killed.
//
// What was downloaded is kept for the next time in ~/.cache/keepsake-tests, which can be deleted at any time.

import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { type Answer, finished } from './keepsake.ts';
import { needLinux, needPrograms, needRoot } from './requirements.ts';

const execute = promisify(execFile);
const sourcesFolder = '/etc/apt/sources.list.d';
/** An older one would have to fetch more updates than it saves. */
const baseAgeMsMax = 30 * 86_400_000;
const shown = '/srv/shared';

/**
 * As a process with mounts and processes of its own: $1 root, $2 what is shown in it, then the command. When our end of its input
 * is closed, by us or because we are gone, the command is told to end. With the first process, all others end.
 */
const enter = `
set -e
root="$1" shared="$2"
shift 2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 none "$root/dev"
for name in null zero full random urandom tty; do
  : > "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm"
chmod 1777 "$root/dev/shm"
mkdir -p "$root${shown}"
mount --bind "$shared" "$root${shown}"
cd "$root"
pivot_root . mnt
umount --lazy /mnt
exec 3<&0
"$@" < /dev/null 3<&- &
child=$!
{ cat <&3; kill -TERM "$child"; sleep 20; kill -KILL "$child"; } > /dev/null 2>&1 &
wait "$child"
`;

export interface DebianRoot extends AsyncDisposable {
  /** Where its files are, seen from outside. */
  readonly path: string;
  /** A folder that is `/srv/shared` in there, for everybody. */
  readonly shared: string;
  /** Runs a program in there as root, without the network's or the caller's environment. */
  run(command: string, ...args: readonly string[]): Promise<Answer>;
  /** As the person of that name, with that environment besides the usual. */
  runAs(person: Person, command: string, ...args: readonly string[]): Promise<Answer>;
  /** One that goes on until it is told to stop: by `stop`, or because this process ends. */
  startAs(person: Person, command: string, ...args: readonly string[]): Started;
}

export interface Started {
  readonly stdout: Readable;
  /** SIGTERM, then, after 20 s, SIGKILL. */
  stop(): Promise<Answer>;
}

export interface Person {
  readonly name: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export function needDebianRoot(context: TestContext): void {
  needLinux(context, 'Debian');
  needRoot(context);
  needPrograms(context, 'debootstrap', 'dpkg-deb', 'unshare', 'pivot_root', 'tar');
  if (findSources() === undefined) context.skip('needs Debian, to know where its packages are');
}

export async function makeDebianRoot(): Promise<DebianRoot> {
  const scratch = mkdtempSync(join(tmpdir(), 'keepsake-debian-'));
  const root = new Root(scratch);
  try {
    await root.lay();
  } catch (error) {
    await root[Symbol.asyncDispose]();
    throw error;
  }
  return root;
}

interface Sources {
  readonly codename: string;
  /** Of the packages. */
  readonly address: string;
  /** This machine's own file that says so, updates included. */
  readonly file: string;
}

/** Where this machine's own apt gets Debian from (sources.list(5)). */
function findSources(): Sources | undefined {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (codename === undefined || !existsSync(sourcesFolder)) return undefined;
  const names = ['/etc/apt/sources.list', ...readdirSync(sourcesFolder).map((name) => join(sourcesFolder, name))];
  for (const file of names.filter(existsSync)) {
    const text = readFileSync(file, 'utf8');
    const address = /^URIs:\s*(\S+)/m.exec(text)?.[1] ?? /^deb\s+(?:\[.*?\]\s+)?(\S+)/m.exec(text)?.[1];
    const isDebians = new RegExp(`^(Suites:|deb\\s).*\\b${codename}(\\s|$)`, 'm').test(text);
    if (address !== undefined && isDebians) return { codename, address, file };
  }
  return undefined;
}

class Root implements DebianRoot {
  readonly path: string;
  readonly shared: string;
  readonly #scratch: string;
  readonly #kept = join(homedir(), '.cache/keepsake-tests');

  constructor(scratch: string) {
    this.#scratch = scratch;
    this.path = join(scratch, 'root');
    this.shared = join(scratch, 'shared');
  }

  async lay(): Promise<void> {
    const sources = findSources();
    if (sources === undefined) throw new Error('where Debian comes from is not known');
    mkdirSync(this.shared, { mode: 0o755 });
    await execute('chmod', ['755', this.#scratch]);
    const base = await this.#base(sources);
    mkdirSync(this.path);
    await execute('tar', ['--extract', '--file', base, '--directory', this.path]);
    this.#keepPackages(join(this.#kept, 'packages'), this.#packages);
    rmSync(join(this.path, 'etc/apt/sources.list'), { force: true });
    cpSync(sources.file, join(this.path, 'etc/apt/sources.list.d', `debian.${sources.file.split('.').at(-1)}`));
    if (existsSync('/etc/resolv.conf'))
      cpSync('/etc/resolv.conf', join(this.path, 'etc/resolv.conf'), { dereference: true });
    writeFileSync(join(this.path, 'etc/apt/apt.conf.d/90test'), 'Acquire::Retries "5";\n'); // a mirror may be busy
    // It is thrown away: nothing has to survive a power cut.
    writeFileSync(join(this.path, 'etc/dpkg/dpkg.cfg.d/test'), 'force-unsafe-io\n');
    const { exitCode, stderr } = await this.run('apt-get', 'update', '-q');
    if (exitCode !== 0) throw new Error(`apt-get update: ${stderr}`);
  }

  /** An archive of the smallest Debian. */
  async #base({ codename, address }: Sources): Promise<string> {
    mkdirSync(this.#kept, { recursive: true, mode: 0o700 });
    const base = join(this.#kept, `debian-${codename}.tar`);
    if (existsSync(base) && Date.now() - statSync(base).mtimeMs < baseAgeMsMax) return base;
    const folder = join(this.#scratch, 'base');
    await execute('debootstrap', ['--variant=minbase', codename, folder, address], { maxBuffer: 1e7 });
    const begun = `${base}.${randomUUID()}`;
    await execute('tar', ['--create', '--file', begun, '--directory', folder, '.']);
    renameSync(begun, base);
    rmSync(folder, { recursive: true, force: true });
    return base;
  }

  get #packages(): string {
    return join(this.path, 'var/cache/apt/archives');
  }

  #keepPackages(from: string, to: string): void {
    if (!existsSync(from)) return;
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from).filter((each) => each.endsWith('.deb'))) {
      if (!existsSync(join(to, name))) cpSync(join(from, name), join(to, name), { preserveTimestamps: true });
    }
  }

  async run(command: string, ...args: readonly string[]): Promise<Answer> {
    const environment = ['LC_ALL=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive', 'HOME=/root'];
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    return await finished(this.#start(['/usr/bin/env', '-i', path, ...environment, command, ...args]));
  }

  async runAs(person: Person, command: string, ...args: readonly string[]): Promise<Answer> {
    return await finished(this.#startAs(person, [command, ...args]));
  }

  startAs(person: Person, command: string, ...args: readonly string[]): Started {
    const child = this.#startAs(person, [command, ...args]);
    const end = finished(child);
    const stop = async () => {
      child.stdin.end();
      return await end;
    };
    return { stdout: child.stdout, stop };
  }

  #startAs({ name, environment = {} }: Person, command: readonly string[]): ChildProcessWithoutNullStreams {
    const variables = {
      ...{ HOME: `/home/${name}`, USER: name, PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
      ...environment,
    };
    const words = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
    const asPerson = ['/usr/bin/setpriv', '--reuid', name, '--regid', name, '--init-groups'];
    return this.#start([...asPerson, '/usr/bin/env', '-i', '-C', `/home/${name}`, ...words, ...command]);
  }

  #start(command: readonly string[]): ChildProcessWithoutNullStreams {
    const alone = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'];
    return spawn('unshare', [...alone, 'sh', '-c', enter, 'sh', this.path, this.shared, ...command], {
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keepPackages(this.#packages, join(this.#kept, 'packages'));
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}
