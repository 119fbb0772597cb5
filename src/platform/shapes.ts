// Shapes of values in JSON that several files of ours share.

import * as v from 'valibot';

/** JSON can say 1e999, which is read as Infinity. */
export const finite = v.pipe(v.number(), v.finite());
export const integer = v.pipe(v.number(), v.safeInteger());
/** How many. */
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** As `Date.toISOString` writes it; a 30 February is none. */
export const instant = v.pipe(v.string(), v.check(isInstant, 'not an instant'));

/** An object with any keys. An array is none. */
export function recordOf<Value>(value: v.GenericSchema<unknown, Value>) {
  return v.pipe(
    v.custom<object>((given) => typeof given === 'object' && given !== null && !Array.isArray(given)),
    v.record(v.string(), value),
  );
}

function isInstant(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text)) return false;
  const ms = Date.parse(text);
  // What is beyond a month's end, Date takes for a day of the next one.
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text.slice(0, 16));
}
