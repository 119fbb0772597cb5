// Makes the disk of one child process bad, for chosen files: the environment to start it with. Linux, with a C compiler.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DiskFaults {
  /** Reads of paths that contain `path` fail with EIO from byte `afterBytes` on. */
  readonly read?: { readonly path: string; readonly afterBytes?: number };
  /** Reads of paths that contain this never return. */
  readonly hang?: string;
  /** Of all fsync and fdatasync of paths that contain `path`, the `nth` (from 1) fails with EIO; the others succeed. */
  readonly flush?: { readonly path: string; readonly nth?: number };
  /** Paths that contain `path` cannot be written beyond this size: EFBIG. */
  readonly sizeLimit?: { readonly path: string; readonly bytes: number };
}

export interface FaultShim extends Disposable {
  environment(faults: DiskFaults): Readonly<Record<string, string>>;
}

/** Compiles the library; it goes with its scope. */
export function compileFaultShim(): FaultShim {
  const folder = mkdtempSync(join(tmpdir(), 'keepsake-shim-'));
  const library = join(folder, 'fault-shim.so');
  const source = join(import.meta.dirname, 'fault-shim.c');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source, '-ldl']);
  return {
    environment: ({ read, hang, flush, sizeLimit }) => ({
      LD_PRELOAD: library,
      ...(read === undefined
        ? {}
        : { KEEPSAKE_FAULT_READ: read.path, KEEPSAKE_FAULT_READ_AFTER: String(read.afterBytes ?? 0) }),
      ...(hang === undefined ? {} : { KEEPSAKE_FAULT_HANG: hang }),
      ...(flush === undefined
        ? {}
        : { KEEPSAKE_FAULT_FLUSH: flush.path, KEEPSAKE_FAULT_FLUSH_NTH: String(flush.nth ?? 1) }),
      ...(sizeLimit === undefined
        ? {}
        : { KEEPSAKE_FAULT_SIZE: sizeLimit.path, KEEPSAKE_FAULT_SIZE_LIMIT: String(sizeLimit.bytes) }),
    }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
