// What the independent check can find: one thing that is not as it should be, with its words for the owner and its codes for
// everybody else.

import type { OverdueLevel } from '../domain/overdue.ts';
import type { Need } from '../domain/status.ts';

export interface Finding extends Need {
  /** The same as long as it is the same thing; the same as the agent's own where the agent tells it too. */
  readonly key: string;
  readonly level: OverdueLevel;
  /** It is in the agent's own reminders: while the agent is well, the owner hears of it from there. */
  readonly isAgents: boolean;
  /** What it is about, by the name its owner gave it. */
  readonly name?: string;
  /** Whole days that it has been so, where that is known from the facts themselves. */
  readonly days?: number;
  /** Why, in codes. */
  readonly because?: readonly string[];
  /** Nobody is told before it has been so for this many days: it may be as its owner wants it. Absent: at once. */
  readonly tellAfterDays?: number;
}

/** What is found by the check alone. */
export function ownFinding(need: Need, level: OverdueLevel): Finding {
  return { ...need, key: `need:${need.code}`, level, isAgents: false };
}
