// A computer that sleeps all night saves nothing: what its own tools say about that has to be read rightly.
import { expect, test } from 'vitest';
import { judgeLinuxIdle, parsePmsetSleep } from '../../../../src/agent/doctor/look-at-desktop.ts';

const pmset = (sleep: string) =>
  `Battery Power:\n Sleep On Power Button 1\n sleep                1\nAC Power:\n Sleep On Power Button 1\n displaysleep         10\n${sleep} womp 1\n`;

test.for([
  [' sleep                0\n', 'never'],
  [' sleep                30 (sleep prevented by powerd)\n', 30],
  ['', undefined],
] as const)('A Mac on mains with %j', ([line, expected]) => {
  expect(parsePmsetSleep(pmset(line))).toBe(expected);
});

test('A Mac without a battery has mains only, and text of any other kind says nothing', () => {
  expect(parsePmsetSleep('AC Power:\n sleep 15\n')).toBe(15);
  expect(parsePmsetSleep('')).toBeUndefined();
  expect(parsePmsetSleep('Battery Power:\n sleep 5\n')).toBeUndefined();
});

test.for([
  [{ type: "'suspend'\n", timeout: 'uint32 1200\n', action: 's "ignore"\n' }, 20],
  [{ type: "'suspend'\n", timeout: '1200\n', action: undefined }, 20],
  [{ type: "'suspend'\n", timeout: '0\n', action: undefined }, 'never'],
  [{ type: "'nothing'\n", timeout: '1200\n', action: 's "ignore"\n' }, 'never'],
  [{ type: "'nothing'\n", timeout: '1200\n', action: 's "suspend"\n' }, 0],
  [{ type: undefined, timeout: undefined, action: 's "ignore"\n' }, undefined],
  [{ type: undefined, timeout: undefined, action: undefined }, undefined],
] as const)('Linux that says %j', ([said, expected]) => {
  expect(judgeLinuxIdle(said)).toBe(expected);
});
