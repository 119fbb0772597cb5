// Makes what is in icons/ from the drawings there (SVG): PNG for Linux and macOS, ICO for Windows, and the sheet in docs/images that shows
// them as small as they are used. `node bin/with-node.js demo/draw-icons.ts` on Debian with: librsvg2-bin imagemagick
// Run it after a drawing has changed, and look at the sheet.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import type { TrayIcon } from '../src/notify/tray/tray-view.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const states: readonly TrayIcon[] = ['safe', 'resting', 'working', 'needsYou', 'problem'];
/** Panels take 16 to 48 pixels, on fine screens twice that; they draw a larger picture smaller well enough. */
const pngPixels = 64;
/** What Windows asks for at 100, 125, 150, 200 and 300 percent. */
const icoPixels = [16, 20, 24, 32, 48];
const sheetPixels = 16;
/** A light panel, a dark one, and the worst. */
const backgrounds = ['#f4f4f4', '#2b2b2b', '#808080'];

async function draw(state: TrayIcon, pixels: number, path: string): Promise<string> {
  const size = ['-w', String(pixels), '-h', String(pixels)];
  await run('rsvg-convert', [...size, join(root, 'icons', `${state}.svg`), '-o', path]);
  return path;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'keepsake-icons-'));
  try {
    const cells: string[] = [];
    for (const state of states) {
      await draw(state, pngPixels, join(root, 'icons', `${state}.png`));
      const sizes = icoPixels.map((pixels) => draw(state, pixels, join(folder, `${state}-${pixels}.png`)));
      await run('convert', [...(await Promise.all(sizes)), join(root, 'icons', `${state}.ico`)]);
      cells.push(join(folder, `${state}-${sheetPixels}.png`));
    }
    const rows: string[] = [];
    for (const look of [[], ['-colorspace', 'Gray']]) {
      for (const background of backgrounds) {
        const row = join(folder, `row-${rows.length}.png`);
        const padded = ['-background', background, '-gravity', 'center', '-extent', '28x30'];
        // Each point large enough to be seen.
        await run('convert', [...cells, ...padded, '+append', ...look, '-scale', '300%', row]);
        rows.push(row);
      }
    }
    const sheet = join(root, 'docs/images/icons-at-16-pixels.png');
    await run('convert', [...rows, '-append', '+dither', '-colors', '128', '-strip', `PNG8:${sheet}`]);
    process.stdout.write(`${sheet}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
