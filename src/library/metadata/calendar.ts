// Dates as cameras, editors and phones write them, read as wall-clock time.
// Promises that whatever it returns is a day and a time that exist, in a year in which photographs could be taken. It
// knows nothing of time zones beyond an offset that stands beside the time; see `capture-date` for instants.

/** `local` is `YYYY-MM-DDTHH:MM:SS[.fraction]`. */
export interface WallClock {
  readonly local: string;
  /** Minutes east of UTC, only where the text states it. */
  readonly offsetMinutes?: number;
}

export interface CalendarTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** The first photograph that still exists was taken in 1826 or 1827. */
export const yearMin = 1826;
export const yearMax = 2099;
/**
 * The time given to a day whose hour nobody wrote down: no zone and no clock error of half a day moves it to another
 * day.
 */
export const noon = { hour: 12, minute: 0, second: 0 } as const;

const textCharsMax = 64;
const fractionDigitsMax = 9;
/** Zones in use reach from Baker Island to Kiribati. */
const offsetMinutesMin = -12 * 60;
const offsetMinutesMax = 14 * 60;

/**
 * Reads EXIF (`2019:07:04 16:24:01`), XMP and QuickTime (`2019-07-04T16:24:01.5-0700`) and exiftool's spelling of
 * others. Single digits padded with a space are read, as some early cameras wrote them. A day without a time is taken
 * at noon. Undefined for anything else: zeros, blanks, half of a date, 30 February, a year outside
 * `yearMin`..`yearMax`.
 */
export function parseWallClock(text: string): WallClock | undefined {
  if (text.length > textCharsMax) return undefined;
  const match = wallClockPattern.exec(trimBlanks(text));
  if (match?.groups === undefined) return undefined;
  const { year, month, day, hour, minute, second, fraction, offset } = match.groups;
  const time =
    hour === undefined ? noon : { hour: Number(hour), minute: Number(minute), second: Number(second ?? '0') };
  const calendar = { year: Number(year), month: Number(month), day: Number(day), ...time };
  if (!isPlausible(calendar)) return undefined;
  const offsetMinutes = offset === undefined ? undefined : parseOffset(offset);
  return withOffset(formatCalendar(calendar) + formatFraction(fraction), offsetMinutes);
}

const wallClockPattern =
  /^(?<year>\d{4})[:/.-](?<month>[\d ]\d)[:/.-](?<day>[\d ]\d)(?:(?:T| {1,2})(?<hour>[\d ]\d):(?<minute>[\d ]\d)(?::(?<second>[\d ]\d)(?:[.,](?<fraction>\d+))?)? ?(?<offset>Z|[+-]\d{2}:?\d{2})?)?$/;

/** Adds EXIF's separate tags to a time that lacks them; blank or malformed ones are as good as absent. */
export function withSeparateParts(
  time: WallClock,
  parts: { readonly fraction?: string | undefined; readonly offset?: string | undefined },
): WallClock {
  const fraction = trimBlanks(parts.fraction ?? '');
  const local =
    time.local.includes('.') || !/^\d+$/.test(fraction) ? time.local : time.local + formatFraction(fraction);
  return withOffset(local, time.offsetMinutes ?? parseOffset(parts.offset ?? ''));
}

/** Minutes east of UTC of `Z`, `+05:45` or `-0700`; undefined for anything else and for zones that cannot be. */
export function parseOffset(text: string): number | undefined {
  const trimmed = trimBlanks(text);
  if (trimmed === 'Z') return 0;
  const match = /^([+-])(\d{2}):?(\d{2})$/.exec(trimmed);
  if (match === null) return undefined;
  const [hours, minutes] = [Number(match[2]), Number(match[3])];
  const total = (match[1] === '-' ? -1 : 1) * (hours * 60 + minutes);
  if (minutes > 59 || total < offsetMinutesMin || total > offsetMinutesMax) return undefined;
  return total === 0 ? 0 : total; // Never -0.
}

/** True if this day and time exist (proleptic Gregorian, no leap seconds) and a photograph could bear them. */
export function isPlausible({ year, month, day, hour, minute, second }: CalendarTime): boolean {
  if (year < yearMin || year > yearMax || month < 1 || month > 12) return false;
  if (day < 1 || day > daysInMonth(year, month)) return false;
  return hour <= 23 && minute <= 59 && second <= 59;
}

/** `YYYY-MM-DDTHH:MM:SS`. */
export function formatCalendar(time: CalendarTime): string {
  const date = [String(time.year).padStart(4, '0'), twoDigits(time.month), twoDigits(time.day)].join('-');
  return `${date}T${[time.hour, time.minute, time.second].map(twoDigits).join(':')}`;
}

function formatFraction(digits: string | undefined): string {
  return digits === undefined ? '' : `.${digits.slice(0, fractionDigitsMax)}`;
}

function withOffset(local: string, offsetMinutes: number | undefined): WallClock {
  return offsetMinutes === undefined ? { local } : { local, offsetMinutes };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

/** Fixed-length text fields are padded with blanks or NULs. */
function trimBlanks(text: string): string {
  return text.replaceAll('\0', ' ').trim();
}
