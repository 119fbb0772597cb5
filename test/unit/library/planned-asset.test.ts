// The journal is this JSON: a time that comes back wrong, or a name that does, would end recovery with the wrong file.
import { expect, test } from 'vitest';
import type { RelativePath, SourcePath } from '../../../src/domain/ids.ts';
import { planFromJson, planToJson } from '../../../src/library/planned-asset.ts';
import { duplicateOf, plannedAsset, plannedResource } from '../../contract/sample-plans.ts';

test('A plan comes back from JSON as it was, 64-bit times and odd names included', () => {
  const times = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 1_700_000_000_123_456_789n];
  const resources = times.map((modifiedAtNs, index) => plannedResource(`2024/x/a${index}.jpg`, { modifiedAtNs }));
  const plan = plannedAsset(resources, {
    liveId: 'ID',
    camera: 'a|b|c',
    becomesPairedVideo: '2024/x/"ns": "1"\n.mov' as RelativePath,
    duplicates: [duplicateOf('a"b\\x0A\u2028\n.jpg', 'same')],
  });
  const back = planFromJson(planToJson(plan));
  expect(back).toEqual(plan);
  expect(back.resources.map(({ entry }) => entry.modifiedAtNs)).toEqual(times);
});

test('Text that looks like a written time stays text', () => {
  const resource = plannedResource('2024/x/{"ns":"1"}.jpg');
  const plan = plannedAsset([{ ...resource, originalName: '{"ns":"1"}' }], { stem: 'ns' });
  expect(planFromJson(planToJson(plan))).toEqual(plan);
});

test('Lone surrogates in a name survive', () => {
  const plan = plannedAsset([plannedResource('2024/x/a.jpg', { sourcePath: 'a\ud83d.jpg' as SourcePath })]);
  expect(planFromJson(planToJson(plan)).resources[0]?.entry.path).toBe('a\ud83d.jpg');
});

test('What is not JSON is an error, never an empty plan', () => {
  expect(() => planFromJson('{"assetId":')).toThrow(SyntaxError);
});
