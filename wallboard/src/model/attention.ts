/** What needs attention, and why: one rule for the color, the order, the filter and the words. Pure. */
import type { Passed, QueueRow } from "../live/rows";

/** From the most urgent down: the index is the rank by which tiles are sorted. */
export const LEVELS = ["urgent", "watch", "calm", "closed"] as const;
export type Level = (typeof LEVELS)[number];

export type Reason = "nobody_signed_in" | "long_wait" | "wait" | "few_in_20s" | "nobody_there" | "all_well";

export interface Attention {
  readonly level: Level;
  readonly reason: Reason;
}

/** From when on somebody should look. Part of the layout, so of its address. */
export interface Goals {
  /** A wait from which a queue is to be watched, in seconds. */
  readonly watch_s: number;
  /** A wait from which it is urgent, in seconds. */
  readonly urgent_s: number;
  /** Share of inbound calls to be answered within 20 s, in percent. */
  readonly share_percent: number;
}

export const GOALS: Goals = { watch_s: 20, urgent_s: 60, share_percent: 80 };

/** Fewer calls than these say nothing about a share. */
export const SHARE_CALLS_MIN = 5;

/** What a queue needs at an instant of the server's clock. */
export function attention(row: QueueRow, now_ms: number, goals: Goals): Attention {
  if (row.waiting > 0) {
    if (row.signed_in === 0) return { level: "urgent", reason: "nobody_signed_in" };
    const wait_s = row.oldest_waiting_since_ms === null ? 0 : (now_ms - row.oldest_waiting_since_ms) / 1_000;
    if (wait_s >= goals.urgent_s) return { level: "urgent", reason: "long_wait" };
    if (wait_s >= goals.watch_s) return { level: "watch", reason: "wait" };
  }
  if (row.signed_in === 0) return { level: "closed", reason: "nobody_there" };
  const share = answeredIn20s(row);
  if (share.offered >= SHARE_CALLS_MIN && 100 * share.answered < goals.share_percent * share.offered) {
    return { level: "watch", reason: "few_in_20s" };
  }
  return { level: "calm", reason: "all_well" };
}

/** A share with both its numbers, so that nobody has to trust a percentage of one call. */
export interface Share {
  readonly answered: number;
  readonly offered: number;
}

/**
 * Inbound calls answered within 20 s, of those offered: the current five minutes and the ones before.
 * Just after a mark the current ones alone would say nothing.
 */
export function answeredIn20s(row: QueueRow): Share {
  return shareOf([row.five, row.last_five]);
}

export function shareOf(fives: readonly Passed[]): Share {
  let answered = 0;
  let offered = 0;
  for (const five of fives) {
    answered += five.answered_in_20s;
    offered += five.offered_in;
  }
  // A call offered before the first of them may be answered in it: no share is above the whole.
  return { answered: Math.min(answered, offered), offered };
}

/** In percent, rounded down, so that 100 means all; null where nothing was offered. */
export function percent(share: Share): number | null {
  return share.offered ? Math.floor((100 * share.answered) / share.offered) : null;
}

/** After all instants: where nobody waits. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;

/** Sorts by what needs attention: level, then who waits longest, then the name. Time alone changes no order
 * within a level, because waits are compared by when they began. */
export function byAttention(now_ms: number, goals: Goals, compareNames: (one: QueueRow, two: QueueRow) => number) {
  const ranks = new Map<QueueRow, number>();
  const rank = (row: QueueRow): number => {
    let known = ranks.get(row);
    if (known === undefined) ranks.set(row, (known = LEVELS.indexOf(attention(row, now_ms, goals).level)));
    return known;
  };
  return (one: QueueRow, two: QueueRow): number =>
    rank(one) - rank(two) ||
    (one.oldest_waiting_since_ms ?? NEVER_MS) - (two.oldest_waiting_since_ms ?? NEVER_MS) ||
    compareNames(one, two) ||
    one.skill - two.skill;
}
