// Reads a library's manifests the way someone without Keepsake would: lines of JSON.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FiledFile {
  readonly path: string;
  readonly role: string;
  readonly hash: string;
  readonly size: number;
  readonly captured?: { readonly basis: string; readonly local?: string; readonly offsetMinutes?: number };
  readonly asset: { readonly id: string };
  readonly source: { readonly path: string };
}

/** One line for each file of the library, over all imports, in order. */
export async function readManifests(library: string): Promise<readonly FiledFile[]> {
  const folder = join(library, '.keepsake/imports');
  const names = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  return names.sort().flatMap((name) => {
    const [, ...lines] = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line)).filter(({ path }) => path !== undefined) as FiledFile[];
  });
}
