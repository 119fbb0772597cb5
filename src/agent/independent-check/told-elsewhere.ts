// Agent and check each remember what they told. This takes over what the other one told, so that no fact is told by both within the
// days that one of them would wait. Pure.

import type { ReminderState, Told } from '../../domain/reminders.ts';

/** `state` as if what `other` told had been told by the same. Each has a steady time of its own: what carries over are ages. */
export function withToldBy(state: ReminderState, other: ReminderState, nowMs: number): ReminderState {
  const told: Record<string, Told> = { ...state.told };
  // As of `state`'s last look; where there was none, its time begins now.
  const sinceLookMs = Math.max(0, nowMs - (state.lastLookedAtMs ?? nowMs));
  const steadyMs = state.steadyMs ?? nowMs;
  for (const [key, theirs] of Object.entries(other.told)) {
    const ageMs =
      Math.max(0, (other.steadyMs ?? nowMs) - theirs.lastToldAtMs) +
      Math.max(0, nowMs - (other.lastLookedAtMs ?? nowMs));
    const lastToldAtMs = steadyMs + sinceLookMs - ageMs;
    const ours = told[key];
    if (ours !== undefined && ours.lastToldAtMs >= lastToldAtMs) continue;
    // Told by the other since: it counts as one more, so that both together do not tell more often than one would.
    const timesTold = Math.max(theirs.timesTold, ours?.timesTold ?? 0);
    const level = ours?.level === 'serious' && ours.timesTold > 0 ? ours.level : theirs.level;
    told[key] = { lastToldAtMs, timesTold, level };
  }
  return { ...state, told };
}
