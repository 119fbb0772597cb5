// A drive that is unmounted while something is written to it, or never let go because something reads from it, is why people pull drives.
import { expect, test } from 'vitest';
import { DriveUses } from '../../../src/agent/drive-uses.ts';
import type { DriveId } from '../../../src/domain/ids.ts';

const drive = { id: 'blue' as DriveId, name: 'Blue drive' };
const { signal } = new AbortController();

test('A drive is taken when all that used it has ended, and nothing begins to use it meanwhile', async () => {
  const uses = new DriveUses();
  const [copying, checking] = [uses.begin(drive), uses.begin(drive)];
  const order: string[] = [];
  const gone = uses.letGo(drive, signal, async () => {
    expect(() => uses.begin(drive)).toThrow('"Blue drive" is being ejected.');
    order.push('taken');
  });
  expect(copying.letGo.reason).toMatchObject({ message: expect.stringContaining('What is on it is whole.') });
  const again = uses.letGo(drive, signal, async () => void order.push('taken twice'));
  order.push('copying ends');
  copying[Symbol.dispose]();
  await Promise.resolve();
  order.push('checking ends');
  checking[Symbol.dispose]();
  await Promise.all([gone, again]);
  expect(order).toEqual(['copying ends', 'checking ends', 'taken']);
  uses.begin(drive)[Symbol.dispose](); // it is back
});

test('One that stays in use is not taken, which is said, and can be used and let go again', async () => {
  const uses = new DriveUses(30);
  const checking = uses.begin(drive);
  let isTaken = false;
  const take = async () => {
    isTaken = true;
  };
  await expect(uses.letGo(drive, signal, take)).rejects.toMatchObject({ code: 'DRIVE_BUSY' });
  expect(isTaken).toBe(false);
  uses.begin(drive)[Symbol.dispose]();
  checking[Symbol.dispose]();
  await uses.letGo(drive, signal, take);
  expect(isTaken).toBe(true);
});

test('What is used of another drive is left alone', async () => {
  const uses = new DriveUses();
  using other = uses.begin({ id: 'red' as DriveId, name: 'Red drive' });
  await uses.letGo(drive, signal, async () => undefined);
  expect(other.letGo.aborted).toBe(false);
});
