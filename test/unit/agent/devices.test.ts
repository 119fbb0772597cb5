// A decision that gets lost means a card that is never saved from again, or one that is saved from unasked.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDeviceRegister, type SeenDevice } from '../../../src/agent/devices.ts';
import type { AbsolutePath, SourceId } from '../../../src/domain/ids.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

function seen(id: string, name: string, model?: string): SeenDevice {
  return {
    ...{ id: id as SourceId, kind: 'card', name, root: `/media/${id}` as AbsolutePath },
    ...(model === undefined ? {} : { model }),
  };
}

function scene(nowMs = Date.parse('2026-11-24T10:00:00Z')) {
  const scratch = temporaryFolder();
  const path = join(scratch.path, 'devices.json') as AbsolutePath;
  const clock = { nowMs };
  return {
    path,
    clock,
    register: openDeviceRegister(path, () => clock.nowMs),
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

test('A device that was never seen is noted once, undecided, for its owner alone to read', async () => {
  using at = scene();
  await at.register.saw([seen('card-1', 'EOS')]);
  await at.register.saw([seen('card-1', 'EOS')]);
  expect(await at.register.list([])).toEqual([
    {
      ...{ id: 'card-1', kind: 'card', name: 'EOS', decision: 'ask', connected: false },
      firstSeenAt: '2026-11-24T10:00:00.000Z',
      lastSeenAt: '2026-11-24T10:00:00.000Z',
    },
  ]);
  expect(statSync(at.path).mode & 0o777).toBe(0o600);
});

test('A decision outlives the process, a new label and another mount point', async () => {
  using at = scene();
  await at.register.saw([seen('card-1', 'EOS')]);
  await at.register.decide({ device: 'card-1', decision: 'always' });
  const later = openDeviceRegister(at.path, () => at.clock.nowMs + 86_400_000);
  const again = { ...seen('card-1', 'NEW LABEL'), root: '/mnt/elsewhere' as AbsolutePath };
  await later.saw([again]);
  expect(await later.list([again])).toMatchObject([
    {
      name: 'NEW LABEL',
      decision: 'always',
      connected: true,
      root: '/mnt/elsewhere',
      lastSeenAt: '2026-11-25T10:00:00.000Z',
    },
  ]);
});

test('Two of one name are told apart by model and id, and a name only one has is as good as an id', async () => {
  using at = scene();
  await at.register.saw([
    seen('card-aaaa1111', 'NO NAME', 'SanDisk'),
    seen('card-bbbb2222', 'NO NAME'),
    seen('card-c', 'EOS'),
  ]);
  expect((await at.register.list([])).map(({ name }) => name)).toEqual([
    'NO NAME (SanDisk, 1111)',
    'NO NAME (2222)',
    'EOS',
  ]);
  await expect(at.register.decide({ device: 'NO NAME', decision: 'always' })).rejects.toMatchObject({
    code: 'DEVICE_UNKNOWN',
  });
  expect(await at.register.decide({ device: 'EOS', decision: 'never' })).toBe('card-c');
  expect(await at.register.decide({ device: 'card-bbbb', decision: 'never' })).toBe('card-bbbb2222');
  await expect(at.register.decide({ device: 'card', decision: 'never' }), 'three cards begin so').rejects.toMatchObject(
    {
      code: 'DEVICE_UNKNOWN',
    },
  );
});

test('What takes the place of another gets its name, and the other is retired, not forgotten', async () => {
  using at = scene();
  await at.register.saw([seen('card-old', 'A'), seen('card-new', 'B')]);
  await at.register.rename('card-old', "Mum's camera");
  await at.register.decide({ device: 'card-new', decision: 'always', replaces: 'card-old' });
  expect((await at.register.list([])).map(({ id, decision }) => [id, decision])).toEqual([
    ['card-old', 'retired'],
    ['card-new', 'always'],
  ]);
  expect((await at.register.list([])).at(1)?.name).toMatch(/^Mum's camera/);
});

test.for(['', '  ', 'a\nb', 'x'.repeat(101)])('It cannot be called %j', async (name) => {
  using at = scene();
  await at.register.saw([seen('card-1', 'EOS')]);
  await expect(at.register.rename('card-1', name)).rejects.toMatchObject({ code: 'USAGE' });
});

test('Decisions made at once are all kept', async () => {
  using at = scene();
  const all = Array.from({ length: 30 }, (_, index) => seen(`card-${100 + index}`, `C${index}`));
  await at.register.saw(all);
  await Promise.all(all.map(({ id }) => at.register.decide({ device: id, decision: 'always' })));
  expect((await at.register.list([])).filter(({ decision }) => decision === 'always')).toHaveLength(30);
});

test('A list that cannot be read is kept and reported, never replaced by an empty one', async () => {
  using at = scene();
  for (const text of ['', '{"version":1,"devices":[{"id":1}]}', '{"version":2,"devices":[]}', 'null']) {
    writeFileSync(at.path, text);
    await expect(at.register.saw([seen('card-1', 'EOS')])).rejects.toMatchObject({ code: 'STATE_DAMAGED' });
    expect(readFileSync(at.path, 'utf8')).toBe(text);
  }
});

test('Of too many, one without a decision goes, never one with', async () => {
  using at = scene();
  await at.register.saw([seen('card-kept', 'mine')]);
  await at.register.decide({ device: 'card-kept', decision: 'always' });
  at.clock.nowMs += 86_400_000;
  await at.register.saw(Array.from({ length: 1005 }, (_, index) => seen(`card-x${index}`, `x${index}`)));
  const devices = await at.register.list([]);
  expect(devices).toHaveLength(1000);
  expect(devices.filter(({ decision }) => decision === 'always').map(({ id }) => id)).toEqual(['card-kept']);
});

test('That photos are only in iCloud is said once, and again when they have grown by a tenth or had been none', async () => {
  using at = scene();
  await at.register.saw([seen('iphone-1', "Mum's iPhone")]);
  const told = [];
  for (const photos of [100, 100, 109, 110, 120, 121, 50, 0, 1])
    told.push(await at.register.tellsICloudOnly('iphone-1', photos));
  expect(told).toEqual([true, false, false, true, false, true, false, false, true]);
  expect(await at.register.tellsICloudOnly('nobody', 5)).toBe(false);
});

test('What was decided about hidden and shared photos stays when a device is decided about again', async () => {
  using at = scene();
  await at.register.saw([seen('iphone-1', "Mum's iPhone")]);
  await at.register.decide({ device: 'iphone-1', decision: 'always', hiddenPhotos: 'leave', sharedPhotos: 'save' });
  await at.register.decide({ device: 'iphone-1', decision: 'always' });
  expect(await at.register.list([])).toMatchObject([{ hiddenPhotos: 'leave', sharedPhotos: 'save' }]);
});
