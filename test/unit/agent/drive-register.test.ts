// The register is the only place where it stands which drives the owner gave us, and which he took back. If it is lost in a
// race, or believed when it is damaged, copies go where they should not, or nowhere.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type EnrolledDrive, openDriveRegister } from '../../../src/agent/drive-register.ts';
import type { AbsolutePath, DriveId, LibraryId } from '../../../src/domain/ids.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

const library = 'library' as LibraryId;
const dayMs = 86_400_000;

function drive(id: string, more: Partial<EnrolledDrive> = {}): EnrolledDrive {
  return {
    ...{ id: id as DriveId, libraryId: library, name: `Drive ${id}`, state: 'enrolled' as const },
    ...{ filesystem: 'exfat', diskKey: `disk:serial:${id}`, diskKind: 'disk' as const, isElsewhere: false },
    ...{ folder: 'Keepsake/Photos', root: `/media/${id}/Keepsake/Photos` as AbsolutePath },
    ...{ addedAt: '2026-01-01T10:00:00.000Z', lastSeenAt: '2026-01-01T10:00:00.000Z' },
    ...more,
  };
}

/** A register at noon of 1 January 2026, whose clock the test moves. */
function scene() {
  const scratch = temporaryFolder();
  const path = join(scratch.path, 'drives.json') as AbsolutePath;
  const clock = { nowMs: Date.UTC(2026, 0, 1, 12) };
  const register = openDriveRegister(path, () => clock.nowMs);
  return { path, clock, register, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

test('A drive is known again by the next process, as it was put there, and only its owner may read of it', async () => {
  using at = scene();
  expect(await at.register.all()).toEqual([]);
  const blue = drive('blue', { filesystemUuid: 'ABCD-1234', isElsewhere: true });
  await at.register.put(blue);
  await at.register.put(drive('red'));
  await at.register.put({ ...drive('red'), name: 'Scarlet' });
  const next = openDriveRegister(at.path, () => at.clock.nowMs);
  expect(await next.list(library)).toEqual([blue, { ...drive('red'), name: 'Scarlet' }]);
  expect(statSync(at.path).mode & 0o777).toBe(0o600);
});

test('Each library has its own drives', async () => {
  using at = scene();
  await at.register.put(drive('blue'));
  await at.register.put(drive('red', { libraryId: 'another' as LibraryId }));
  expect((await at.register.list(library)).map(({ id }) => id)).toEqual(['blue']);
  await at.register.saw(library, [{ id: 'red' as DriveId, root: '/media/x' as AbsolutePath }]);
  expect((await at.register.all()).map(({ attachedSince }) => attachedSince)).toEqual([undefined, undefined]);
});

test('A drive that was forgotten stays in the list as forgotten, so that its mark does not bring it back', async () => {
  using at = scene();
  await at.register.put(drive('blue'));
  await at.register.change('blue' as DriveId, { state: 'forgotten' });
  expect(await at.register.list(library)).toMatchObject([{ id: 'blue', state: 'forgotten' }]);
  await at.register.change('nobody' as DriveId, { name: 'not there' });
  expect(await at.register.all()).toHaveLength(1);
});

test('Since when a drive is attached is noted once, and forgotten when it goes; where it is, each time', async () => {
  using at = scene();
  await at.register.put(drive('blue'));
  const saw = async (root?: string) => {
    const seen = root === undefined ? [] : [{ id: 'blue' as DriveId, root: root as AbsolutePath }];
    await at.register.saw(library, seen);
    return (await at.register.all())[0];
  };
  const noon = '2026-01-01T12:00:00.000Z';
  expect(await saw('/media/blue')).toMatchObject({ root: '/media/blue', attachedSince: noon });
  at.clock.nowMs += 20 * dayMs;
  expect(await saw('/mnt/elsewhere')).toMatchObject({ root: '/mnt/elsewhere', attachedSince: noon });
  const gone = await saw();
  expect(gone).not.toHaveProperty('attachedSince');
  expect(gone, 'where it was is kept').toMatchObject({
    root: '/mnt/elsewhere',
    lastSeenAt: '2026-01-21T12:00:00.000Z',
  });
  expect(await saw('/media/blue')).toMatchObject({ attachedSince: '2026-01-21T12:00:00.000Z' });
});

test('Looking every minute writes only when there is news, and to the day when it was seen', async () => {
  using at = scene();
  await at.register.put(drive('blue'));
  const see = () => at.register.saw(library, [{ id: 'blue' as DriveId, root: '/media/blue' as AbsolutePath }]);
  await see();
  const before = statSync(at.path).ino;
  at.clock.nowMs += dayMs / 4;
  await see();
  expect(statSync(at.path).ino, 'the same file').toBe(before);
  at.clock.nowMs += dayMs / 2;
  await see();
  expect((await at.register.all())[0]).toMatchObject({ lastSeenAt: '2026-01-02T06:00:00.000Z' });
});

test('Changes at one time all count', async () => {
  using at = scene();
  const ids = Array.from({ length: 20 }, (_, index) => `drive-${index}`);
  await Promise.all(ids.map((id) => at.register.put(drive(id))));
  await Promise.all(ids.map((id) => at.register.change(id as DriveId, { name: `renamed ${id}` })));
  expect((await at.register.all()).map(({ name }) => name)).toEqual(ids.map((id) => `renamed ${id}`));
});

test('A change that fails does not keep the next one from being made', async () => {
  using at = scene();
  for (let index = 0; index < 100; index += 1) await at.register.put(drive(`drive-${index}`));
  const [more, known] = await Promise.allSettled([
    at.register.put(drive('one too many')),
    at.register.put({ ...drive('drive-7'), name: 'known already' }),
  ]);
  expect(more).toMatchObject({ status: 'rejected', reason: { code: 'STATE_DAMAGED' } });
  expect(known).toMatchObject({ status: 'fulfilled' });
  expect((await at.register.all())[7]).toMatchObject({ name: 'known already' });
});

test.for<[string, string]>([
  ['is half written', '{"version": 1, "drives": [{"id": "bl'],
  ['is empty', ''],
  ['is of another version', '{"version": 2, "drives": []}'],
  ['has a drive without a state', JSON.stringify({ version: 1, drives: [{ ...drive('blue'), state: undefined }] })],
  ['has a time that is none', JSON.stringify({ version: 1, drives: [drive('blue', { addedAt: 'yesterday' })] })],
])('A list that %s is reported and kept, never replaced by an empty one', async ([, text]) => {
  using at = scene();
  writeFileSync(at.path, text);
  for (const act of [
    () => at.register.all(),
    () => at.register.put(drive('red')),
    () => at.register.saw(library, []),
    () => at.register.change('blue' as DriveId, { name: 'x' }),
  ]) {
    await expect(act()).rejects.toMatchObject({ code: 'STATE_DAMAGED', remedy: expect.stringMatching(/\w+/) });
  }
  expect(readFileSync(at.path, 'utf8')).toBe(text);
});
