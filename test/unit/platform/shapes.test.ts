import fc from 'fast-check';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { count, exactly, finite, instant, integer, recordOf, textUpTo } from '../../../src/platform/shapes.ts';

test('Every instant that is written is read', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
      expect(v.is(instant, date.toISOString())).toBe(true);
    }),
  );
});

test.for([
  '2024-02-30T10:00:00Z',
  '2023-02-29T10:00:00Z',
  '2024-04-31T10:00:00.000Z',
  '2024-01-01T24:00:00Z',
  '2024-01-01T10:60:00Z',
  '2024-01-01T10:00:60Z',
  '2024-13-01T10:00:00Z',
  '2024-01-01T10:00Z',
  '2024-01-01T10:00:00',
  '2024-01-01T10:00:00+02:00',
  '2024-01-01t10:00:00z',
  '2024-01-01 10:00:00Z',
  '+012024-01-01T10:00:00Z',
  '2024-01-01',
  ' 2024-01-01T10:00:00Z',
  '2024-01-01T10:00:00Z\n',
  '',
  17,
  null,
])('%j is no instant', (value) => {
  expect(v.is(instant, value)).toBe(false);
});

test('Numbers of JSON that are none are refused', () => {
  for (const text of ['1e999', '-1e999', '"1"', 'null', 'true'])
    for (const shape of [finite, integer, count]) expect(v.is(shape, JSON.parse(text)), text).toBe(false);
  for (const text of ['1.5', '9007199254740992'])
    for (const shape of [integer, count]) expect(v.is(shape, JSON.parse(text)), text).toBe(false);
  expect([v.is(finite, 1.5), v.is(integer, -1), v.is(count, -1), v.is(count, 0)]).toEqual([true, true, false, true]);
});

test('A record is an object, whatever its keys, and changes no other', () => {
  const shape = recordOf(finite);
  for (const text of ['[]', '[1]', 'null', '"a"', '{"a":"1"}']) expect(v.is(shape, JSON.parse(text)), text).toBe(false);
  expect(v.parse(shape, JSON.parse('{"a":1,"__proto__":2}'))).toEqual({ a: 1 });
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test('A record keeps what is named like a part of JavaScript, and looks at it', () => {
  const shape = recordOf(finite);
  const text = '{"constructor":1,"prototype":2,"toString":3,"hasOwnProperty":4}';
  expect(JSON.stringify(v.parse(shape, JSON.parse(text)))).toBe(text);
  expect(v.is(shape, JSON.parse('{"constructor":"1"}'))).toBe(false);
});

test('An array is no object without keys', () => {
  const shape = exactly({ untilMs: v.optional(finite) });
  for (const text of ['[]', '[1]', 'null', '"a"', '{"untilMs":"1"}', '{"toString":1}', '{"__proto__":{}}'])
    expect(v.is(shape, JSON.parse(text)), text).toBe(false);
  for (const text of ['{}', '{"untilMs":1}']) expect(v.parse(shape, JSON.parse(text))).toEqual(JSON.parse(text));
});

test('A text is as long as it has letters, and half of an emoji is one', () => {
  const shape = textUpTo(3);
  for (const text of ['', 'abc', '😀😀😀', 'a\ud83d\ud83d']) expect(v.is(shape, text), text).toBe(true);
  for (const text of ['abcd', '😀😀😀a', '😀😀😀😀', '\ud83d'.repeat(4), 'a'.repeat(7)])
    expect(v.is(shape, text), text).toBe(false);
});
