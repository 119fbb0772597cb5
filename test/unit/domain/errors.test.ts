// A code that the list of errors does not explain leaves the owner alone with it; one explained that does not exist misleads.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AgentError, errorRetry, isAgentError, systemErrorCode } from '../../../src/domain/errors.ts';
import { projectRoot } from '../../support/keepsake.ts';

test('docs/errors.md explains exactly the codes that there are, each once', () => {
  const text = readFileSync(join(projectRoot, 'docs/errors.md'), 'utf8');
  const explained = [...text.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  expect(explained.toSorted()).toEqual(Object.keys(errorRetry).sort());
});

test('An error carries its code, remedy, cause and when to try again', () => {
  const cause = new Error('why');
  const error = new AgentError('LIBRARY_FULL', 'It is full.', { remedy: 'Make room.', cause });
  expect(error).toMatchObject({
    code: 'LIBRARY_FULL',
    message: 'It is full.',
    remedy: 'Make room.',
    retry: 'after-owner-acts',
    cause,
  });
  expect('cause' in new AgentError('USAGE', 'x', { remedy: 'y' })).toBe(false);
});

test('Errors are told apart by their code', () => {
  const error = new AgentError('SOURCE_GONE', 'x', { remedy: 'y' });
  expect([isAgentError(error), isAgentError(error, 'SOURCE_GONE', 'USAGE'), isAgentError(error, 'USAGE')]).toEqual([
    true,
    true,
    false,
  ]);
  for (const other of [new Error('x'), { code: 'SOURCE_GONE' }, undefined, 'SOURCE_GONE'])
    expect(isAgentError(other)).toBe(false);
  expect(systemErrorCode(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT');
  for (const other of [new Error('x'), { code: 'ENOENT' }, null, Object.assign(new Error('x'), { code: 5 })])
    expect(systemErrorCode(other)).toBeUndefined();
});
