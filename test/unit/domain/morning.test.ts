// "Until tomorrow" that ends at midnight, or a day late, is not what was meant.
import { expect, test } from 'vitest';
import { morningAfter } from '../../../src/domain/morning.ts';

test.for([
  ['an evening', '2026-03-02T20:00:00Z', 'UTC', '2026-03-03T06:00:00Z'],
  ['the small hours, whose morning is still to come', '2026-03-03T02:00:00Z', 'UTC', '2026-03-03T06:00:00Z'],
  ['six in the morning itself', '2026-03-03T06:00:00Z', 'UTC', '2026-03-04T06:00:00Z'],
  ['another zone', '2026-03-02T23:00:00Z', 'Europe/Berlin', '2026-03-03T05:00:00Z'],
  ['the night in which clocks go forward', '2026-03-28T20:00:00Z', 'Europe/Berlin', '2026-03-29T04:00:00Z'],
] as const)('After %s', ([, now, zone, morning]) => {
  expect(new Date(morningAfter(Date.parse(now), zone)).toISOString()).toBe(new Date(morning).toISOString());
});
