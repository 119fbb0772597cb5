// A layout that computes a wrong folder misfiles every photo; one that a disk refuses, or that leads outside, loses them.
import { expect, test } from 'vitest';
import { isAgentError } from '../../../src/domain/errors.ts';
import { defaultLayout, parseLayout } from '../../../src/library/layout.ts';

const dated = { basis: 'exif', local: '2024-07-04T23:59:59.99' } as const;

test.for([
  [defaultLayout, '2024/2024-07-04'],
  ['{YYYY}/{MM}/{DD}/{name}', '2024/07/04'],
  ['Photos/{YYYY}{MM}/{name}', 'Photos/202407'],
  ['all/{name}', 'all'],
  ['{YYYY}-{YYYY}/{name}', '2024-2024'],
] as const)('%s files the 4th of July 2024 under %s', ([template, folder]) => {
  expect(parseLayout(template).folderFor(dated)).toBe(folder);
});

test('A photo without a date goes to undated, whatever the layout', () => {
  expect(parseLayout('all/{name}').folderFor({ basis: 'undated' })).toBe('undated');
});

test('The day is the local one of the exposure: an offset does not move it', () => {
  const late = { basis: 'exif', local: '2023-12-31T23:59:59', offsetMinutes: -720 } as const;
  expect(parseLayout(defaultLayout).folderFor(late)).toBe('2023/2023-12-31');
});

test.for([
  '',
  '{name}',
  '{YYYY}',
  '{YYYY}/',
  '/{name}',
  '/abs/{name}',
  '{YYYY}//{name}',
  '../{name}',
  '{YYYY}/../../{name}',
  './{name}',
  '.keepsake/{name}',
  '{YYYY}/.hidden/{name}',
  '{YYYY}/x./{name}',
  '{YYYY}/x /{name}',
  '{yyyy}/{name}',
  '{YYYY}/{name}.jpg',
  '{YYYY}/{name}/{name}',
  '{HH}/{name}',
  '{YYYY/{name}',
  '{YYYY}\\{MM}/{name}',
  'a:b/{name}',
  'a\nb/{name}',
  'a\u0000b/{name}',
  'undated/{name}',
  'UNDATED/{YYYY}/{name}',
  `${'x'.repeat(195)}/{name}`,
])('The layout %j is refused with a remedy', (template) => {
  let failure: unknown;
  try {
    parseLayout(template);
  } catch (error) {
    failure = error;
  }
  expect(isAgentError(failure, 'CONFIG_INVALID') && failure.remedy).toContain(defaultLayout);
});
