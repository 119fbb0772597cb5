// The date that a phone or a program wrote into a file's name. Pure.
// Promises to prefer silence to a guess: only known spellings, only days and times that exist, never a piece of a
// longer number.
import { type CalendarTime, formatCalendar, isPlausible, noon } from './calendar.ts';

/** `local` is wall-clock time, `YYYY-MM-DDTHH:MM:SS[.fraction]`; `utcMs` an instant, milliseconds since 1970 UTC. */
export type FileNameDate = { readonly local: string } | { readonly utcMs: number };

const nameCharsMax = 512;
/** Earlier than any phone that names its files so: an eight-digit number below it is a serial number. */
const nameYearMin = 1990;

/** IMG_20170101_010101, 20170101_010101, VID_20170101_010101123 (milliseconds), Screenshot_20170101-010101. */
const compact =
  /(?<!\d)(?<year>\d{4})(?<month>\d{2})(?<day>\d{2})[_-](?<hour>\d{2})(?<minute>\d{2})(?<second>\d{2})(?<fraction>\d{3})?(?!\d)/g;
/** signal-2017-01-01-010101. */
const dashedDate =
  /(?<!\d)(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})-(?<hour>\d{2})(?<minute>\d{2})(?<second>\d{2})(?!\d)/g;
/**
 * Screenshot_2017-01-01-01-01-01, 2017-01-01 01.01.01, `Screenshot 2024-05-06 at 07.08.09`, and the twelve-hour clock
 * of a Mac set to English (`at 7.08.09 PM`; the space is U+202F since macOS 13).
 */
const spelledOut =
  /(?<!\d)(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})(?: at |[ _-])(?<hour>\d{1,2})[.-](?<minute>\d{2})[.-](?<second>\d{2})(?!\d)(?:[ \u00a0\u202f](?<half>[AP]M)\b)?/g;
/** IMG-20170101-WA0001: WhatsApp keeps the day it was sent and a counter. Taken at noon. */
const whatsApp = /(?<![0-9A-Za-z])(?:IMG|VID)-(?<year>\d{4})(?<month>\d{2})(?<day>\d{2})-WA\d+/g;

/** Google's camera writes UTC; nearly all others write local time. */
const namedInUtc = /^PXL_/i;

/** The date in `name` (the last part of a path), or undefined. */
export function dateFromFileName(name: string): FileNameDate | undefined {
  const text = name.slice(0, nameCharsMax);
  for (const pattern of [compact, dashedDate, spelledOut, whatsApp]) {
    for (const { groups = {} } of text.matchAll(pattern)) {
      const time = calendarTime(groups);
      if (time.year < nameYearMin || !isPlausible(time)) continue;
      const { fraction } = groups;
      if (!namedInUtc.test(text))
        return { local: formatCalendar(time) + (fraction === undefined ? '' : `.${fraction}`) };
      const { year, month, day, hour, minute, second } = time;
      return { utcMs: Date.UTC(year, month - 1, day, hour, minute, second, Number(fraction ?? '0')) };
    }
  }
  return undefined;
}

function calendarTime(groups: Record<string, string | undefined>): CalendarTime {
  const day = { year: Number(groups['year']), month: Number(groups['month']), day: Number(groups['day']) };
  if (groups['hour'] === undefined) return { ...day, ...noon };
  const hour = hourOfDay(Number(groups['hour']), groups['half']);
  return { ...day, hour, minute: Number(groups['minute']), second: Number(groups['second']) };
}

/** 12 AM is midnight, 12 PM is noon; an hour that no twelve-hour clock shows becomes one that no clock shows. */
function hourOfDay(hour: number, half: string | undefined): number {
  if (half === undefined) return hour;
  if (hour < 1 || hour > 12) return Number.POSITIVE_INFINITY;
  return (hour % 12) + (half === 'PM' ? 12 : 0);
}
