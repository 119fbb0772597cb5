// This is the one thing of ours that leaves the house by itself: a name in it could not be taken back.
import { expect, test } from 'vitest';
import type { Finding } from '../../../../src/agent/finding.ts';
import { describeForHelper, helperFact, helperMessage } from '../../../../src/agent/helper/helper-message.ts';

const secret = /Mum|Blue|secret|home|IMG|photos\/|iphone-0000/i;

const finding: Finding = {
  key: 'phone:iphone-00008101',
  code: 'PHONE_OVERDUE',
  message: "Photos from Mum's iPhone were last saved 15 days ago.",
  remedy: 'Look into /home/mum/secret',
  level: 'serious',
  isAgents: true,
  name: "Mum's iPhone",
  days: 15,
  because: ['PHONE_LOCKED', "Mum's secret", 'SOURCE_GONE'],
};

test('Codes, how serious, since when and why: nothing else of a finding gets into a message', () => {
  const fact = helperFact(finding, 3);
  expect(fact).toEqual({
    code: 'PHONE_OVERDUE',
    level: 'serious',
    days: 15,
    because: ['PHONE_LOCKED', 'SOURCE_GONE'],
  });
  const message = helperMessage({
    kind: 'change',
    sinceMs: Date.UTC(2026, 10, 3, 23),
    version: '1.2.3',
    facts: [fact, helperFact({ ...finding, code: "Mum's code" }, 0)],
  });
  expect(message).toMatchObject({
    format: 1,
    kind: 'change',
    state: 'needsYou',
    since: '2026-11-03',
    version: '1.2.3',
  });
  const { title, text } = describeForHelper(message);
  for (const sent of [JSON.stringify(message), title, text]) expect(sent).not.toMatch(secret);
});

test('The sentences say what is wrong, for how long, and what was in the way', () => {
  const of = (facts: Parameters<typeof helperMessage>[0]['facts']) =>
    describeForHelper(helperMessage({ kind: 'summary', sinceMs: Date.UTC(2026, 0, 2), version: '1.0.0', facts }));
  expect(of([])).toEqual({
    title: 'Keepsake: all is well',
    text: 'All has been well since 2026-01-02.\nKeepsake 1.0.0',
  });
  expect(
    of([helperFact(finding, 0), helperFact({ ...finding, code: 'NEVER_HEARD_OF', days: 1, because: [] }, 0)]),
  ).toEqual({
    title: 'Keepsake: somebody should have a look',
    text: [
      'The photos of a phone have not all been saved, for 15 days; in the way: phone locked, source gone.',
      'Something needs a look (NEVER_HEARD_OF), for a day.',
      'Keepsake 1.0.0',
    ].join('\n'),
  });
});

test('A message stays short, whatever is wrong', () => {
  const facts = Array.from({ length: 5000 }, () => helperFact(finding, 0));
  const message = helperMessage({ kind: 'change', sinceMs: 0, version: '1', facts });
  expect(JSON.stringify(message).length).toBeLessThan(8000);
});
