// When "tomorrow" begins for somebody who sleeps at night. Pure.

/** People mean the day, not midnight. */
const morningHour = 6;

/** Six in the morning of the next day there; in the small hours, of the same day, which is still today's night. */
export function morningAfter(nowMs: number, timeZone: string): number {
  const now = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(timeZone);
  const day = now.hour < morningHour ? now : now.add({ days: 1 });
  return day.withPlainTime({ hour: morningHour }).epochMilliseconds;
}
