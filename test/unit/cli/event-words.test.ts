// Somebody formats a card by what they read here: it may not say more than is known, nor less.
import { expect, test } from 'vitest';
import type { AgentEvent } from '../../../src/agent/agent-state.ts';
import { describeEvent } from '../../../src/cli/event-words.ts';

const report = {
  ...{ source: { id: 'nikon-1', kind: 'card', name: 'NIKON' }, imported: 2, newPhotos: 2, known: 0, failed: 0 },
  ...{ deferred: 0, skipped: 0, bytes: 100, complete: true, failures: [] },
};
const ended = (change: object, more: object = {}) =>
  ({
    ...{ kind: 'importEnded', id: 'nikon-1', name: 'NIKON', ...more },
    result: { imports: [{ ...report, ...change }], copies: [] },
  }) as unknown as AgentEvent;

test('Of a card that is saved it is said how to learn whether it may be formatted, and no number of disks', () => {
  const said = describeEvent(ended({})) ?? '';
  expect(said).toContain('You may take it out.');
  expect(said).toContain('keepsake safe-to-delete nikon-1');
  expect(said).not.toMatch(/one disk|two disks/);
  expect(describeEvent(ended({ complete: false, failed: 1 }))).toContain('Do not format this card: not everything');
});

test('What is only in iCloud is told with the end of saving', () => {
  const iCloudOnly = { code: 'ICLOUD_ONLY', message: '340 are only in iCloud.', remedy: 'Have them downloaded.' };
  const said = describeEvent(ended({ source: { id: 'mum', kind: 'iphone', name: 'Mum' } }, { iCloudOnly })) ?? '';
  expect(said.split('\n').at(-1)).toBe('340 are only in iCloud. Have them downloaded.');
});
