// One line on a terminal that says how far saving is: files, bytes, rate, time left, name. Prints nothing where stderr is
// not a terminal, and no more than ten times a second.

import type { BackupRequest } from '../agent/control.ts';
import { printable } from '../domain/printable.ts';
import { inWords } from './words.ts';

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

type Progress = Parameters<BackupRequest['onProgress']>[0];

const redrawMs = 100;
const barWidth = 20;
const clearLine = '\r\u001b[K';

export class ProgressBar implements Disposable {
  readonly #terminal: Terminal;
  readonly #startedMs = performance.now();
  #drawnMs = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  readonly show = (progress: Progress): void => {
    const nowMs = performance.now();
    if (this.#terminal.isTTY !== true || nowMs - this.#drawnMs < redrawMs) return;
    this.#drawnMs = nowMs;
    const line = progressLine(progress, nowMs - this.#startedMs);
    this.#terminal.write(`${clearLine}${cutToWidth(line, (this.#terminal.columns ?? 80) - 1)}`);
  };

  [Symbol.dispose](): void {
    if (this.#drawnMs > 0) this.#terminal.write(clearLine);
  }
}

/** The line itself. Pure. */
export function progressLine(progress: Progress, elapsedMs: number): string {
  const { phase, files, filesTotal, bytes, bytesTotal } = progress;
  if (phase === 'looking') return `Looking at "${printable(progress.sourceName)}": ${files.toLocaleString('en')} files`;
  const share = bytesTotal === 0 ? 1 : Math.min(1, bytes / bytesTotal);
  const full = Math.round(share * barWidth);
  const rate = elapsedMs === 0 ? 0 : (bytes / elapsedMs) * 1000;
  const leftMs = rate === 0 ? undefined : ((bytesTotal - bytes) / rate) * 1000;
  return [
    `[${'#'.repeat(full)}${'.'.repeat(barWidth - full)}]`,
    `${files.toLocaleString('en')} of ${filesTotal.toLocaleString('en')} files`,
    `${inWords(bytes)} of ${inWords(bytesTotal)}`,
    `${inWords(rate)}/s`,
    leftMs === undefined ? '' : `${duration(leftMs)} left`,
    printable(progress.name),
  ]
    .filter((part) => part !== '')
    .join('  ');
}

function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 360) / 10} h`;
}

function cutToWidth(line: string, width: number): string {
  const characters = [...line];
  return characters.length <= width ? line : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}
