// Shapes of values in JSON that several files of ours share.

import * as v from 'valibot';

/** JSON can say 1e999, which is read as Infinity. */
export const finite = v.pipe(v.number(), v.finite());
export const integer = v.pipe(v.number(), v.safeInteger());
/** How many. */
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** As `Date.toISOString` writes it; a 30 February is none. */
export const instant = v.pipe(v.string(), v.check(isInstant, 'not an instant'));

/** An array is none, though valibot takes it for an object without keys. */
const anyObject = v.custom<object>((given) => typeof given === 'object' && given !== null && !Array.isArray(given));

/** Letters as who writes them counts: an emoji is one, though it is two of a string's length. */
export function textUpTo(lettersMax: number, advice?: string) {
  const fits = (text: string) =>
    text.length <= lettersMax || (text.length <= 2 * lettersMax && [...text].length <= lettersMax);
  return v.pipe(v.string(), v.check(fits, advice));
}

/** An object with these keys and no other. */
export function exactly<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.pipe(anyObject, v.strictObject(entries));
}

/** An object with any keys. An array is none. */
export function recordOf<Value>(value: v.GenericSchema<unknown, Value>) {
  return v.pipe(
    anyObject,
    // Not `v.record`: it leaves out what is called `constructor` or `prototype`, unread, be it right or damaged.
    v.transform((given) => Object.entries(given).filter(([key]) => key !== '__proto__')),
    v.array(v.tuple([v.string(), value])),
    v.transform((entries): Record<string, Value> => Object.fromEntries(entries)),
  );
}

function isInstant(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text)) return false;
  const ms = Date.parse(text);
  // What is beyond a month's end, Date takes for a day of the next one.
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text.slice(0, 16));
}
