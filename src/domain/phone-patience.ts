// When a locked phone is worth a word: people charge them every night, locked, and unlock them when they want something of them. One
// rule for the icon, its menu, the status and the notices, so that none of them asks for what another keeps still about. Pure.

/** A phone that was saved from within this need not be unlocked now. */
export const freshMs = 2 * 86_400_000;
/** Nobody is asked to unlock a phone before this has passed: they may be about to. */
export const patienceMs = 60_000;

/** Both in milliseconds: since when it waits, and how long ago all of it was last saved (infinite: never). */
export function isToBeUnlocked(phone: { readonly waitsMs: number; readonly lastSuccessAgeMs: number }): boolean {
  return phone.lastSuccessAgeMs >= freshMs && phone.waitsMs >= patienceMs;
}
