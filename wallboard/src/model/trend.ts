/** The last hour of a queue in twelve times five minutes. Pure. */
import type { Five, QueueRow } from "../live/rows";

export const FIVE_MS = 300_000;
export const TREND_FIVES = 12;

/** The mark at which the five minutes of an instant began. */
export const markOf = (at_ms: number): number => at_ms - (at_ms % FIVE_MS);

/**
 * What is known of a queue's five minutes, with what its row says of the newest two, of which the last began
 * at `mark_ms`; what is older than an hour is dropped.
 */
export function extended(known: readonly Five[], row: QueueRow, mark_ms: number): readonly Five[] {
  const from_ms = mark_ms - (TREND_FIVES - 1) * FIVE_MS;
  const fives = new Map(known.map((five) => [five.mark_ms, five]));
  fives.set(mark_ms - FIVE_MS, { mark_ms: mark_ms - FIVE_MS, ...row.last_five });
  fives.set(mark_ms, { mark_ms, ...row.five });
  return [...fives.values()]
    .filter((five) => five.mark_ms >= from_ms && five.mark_ms <= mark_ms)
    .sort((one, two) => one.mark_ms - two.mark_ms);
}

/** The twelve five minutes up to those that began at `mark_ms`, oldest first; null where nothing happened or is known. */
export function lastHour(fives: readonly Five[], mark_ms: number): (Five | null)[] {
  const found = new Map(fives.map((five) => [five.mark_ms, five]));
  return Array.from(
    { length: TREND_FIVES },
    (_, index) => found.get(mark_ms - (TREND_FIVES - 1 - index) * FIVE_MS) ?? null,
  );
}
