// One check that hangs or breaks must not take the others, or the word "good", with it.
import { expect, test } from 'vitest';
import { tryOut, within } from '../../../../src/agent/doctor/check.ts';
import { AgentError } from '../../../../src/domain/errors.ts';

const never = new AbortController().signal;
const trial = { id: 'a', title: 'A', deadlineMs: 10_000 };

test('What hangs is a failure after its deadline, and is told to stop', async () => {
  let told: AbortSignal | undefined;
  const hang = (signal: AbortSignal) => {
    told = signal;
    return new Promise<never>(() => undefined);
  };
  const check = await tryOut({ ...trial, deadlineMs: 20, look: hang }, never);
  expect(check).toMatchObject({ id: 'a', title: 'A', result: 'fail', details: { deadlineMs: 20 } });
  expect(check.nextStep).toContain('keepsake doctor');
  expect(told?.aborted).toBe(true);
});

test('An expected error is a failure in its own words, any other one in words of ours, with a code', async () => {
  const expected = async () => {
    throw new AgentError('CONFIG_INVALID', 'There is a mistake.', { remedy: 'Correct it.' });
  };
  expect(await tryOut({ ...trial, look: expected }, never)).toMatchObject({
    ...{ result: 'fail', meaning: 'There is a mistake.', nextStep: 'Correct it.', details: { code: 'CONFIG_INVALID' } },
  });
  const other = async () => {
    throw Object.assign(new Error('EACCES: /home/anna'), { code: 'EACCES' });
  };
  const check = await tryOut({ ...trial, look: other }, never);
  expect(check).toMatchObject({ result: 'fail', details: { error: 'EACCES' } });
  expect(JSON.stringify(check)).not.toContain('anna');
});

test('Interrupted, it throws the reason, also while a check hangs', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const trying = tryOut({ ...trial, look: () => new Promise<never>(() => undefined) }, stop.signal);
  stop.abort(reason);
  await expect(trying).rejects.toBe(reason);
  await expect(within(10, stop.signal, async () => 1)).rejects.toBe(reason);
});
