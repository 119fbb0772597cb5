// The bar prints names from a card: a control character there must not reach the terminal, and a line that wraps scrolls
// everything else away.
import { expect, test } from 'vitest';
import { ProgressBar, progressLine } from '../../../src/cli/progress-bar.ts';

type Progress = Parameters<typeof progressLine>[0];

const saving: Progress = {
  phase: 'saving',
  files: 1,
  filesTotal: 1200,
  bytes: 50e6,
  bytesTotal: 200e6,
  name: 'IMG_0001.JPG',
  sourceName: 'card',
};

test('The line says how far it is, how fast, how long still, and which file', () => {
  expect(progressLine(saving, 10_000)).toBe(
    '[#####...............]  1 of 1,200 files  50 MB of 200 MB  5.0 MB/s  30 s left  IMG_0001.JPG',
  );
});

test('While looking it counts files', () => {
  const looking: Progress = { ...saving, phase: 'looking', files: 12_345, sourceName: 'Mum\u001b[2J' };
  expect(progressLine(looking, 0)).toBe('Looking at "Mum?[2J": 12,345 files');
});

test('No number in it is ever nonsense', () => {
  for (const change of [
    { bytes: 0, bytesTotal: 0, filesTotal: 0 },
    { bytes: 0 },
    { bytes: 300e6 },
    { bytes: 1e15, bytesTotal: 1e15 },
    { name: '' },
  ]) {
    for (const elapsedMs of [0, 1, 1e9]) {
      const line = progressLine({ ...saving, ...change }, elapsedMs);
      expect(line).not.toMatch(/NaN|Infinity|undefined|-\d| {3}/);
      expect(line).toMatch(/^\[[#.]{20}\]/);
    }
  }
});

test('Names with control characters, line ends and changes of direction are made harmless', () => {
  const name = 'a\r\nb\u001b]0;x\u0007\u009b2J\u202egpj.exe\u2028';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  expect(progressLine({ ...saving, name }, 1000)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
});

function draw(progress: Progress, terminal: { isTTY?: boolean; columns?: number }): string[] {
  const written: string[] = [];
  {
    using bar = new ProgressBar({ ...terminal, write: (text) => written.push(text) });
    bar.show(progress);
  }
  return written;
}

test.for([1, 2, 20, 40, 79, 80, 200])('The line fits a terminal of %i columns and is cleared at the end', (columns) => {
  const [line = '', last] = draw({ ...saving, name: 'x'.repeat(300) }, { isTTY: true, columns });
  expect(line.startsWith('\r\u001b[K')).toBe(true);
  expect([...line.slice('\r\u001b[K'.length)].length).toBeLessThanOrEqual(Math.max(1, columns - 1));
  expect(last).toBe('\r\u001b[K');
});

test('Nothing is printed where stderr is not a terminal', () => {
  expect(draw(saving, {})).toEqual([]);
  expect(draw(saving, { isTTY: false, columns: 80 })).toEqual([]);
});
