/** A day in five minutes, beside the same weekday a week before: columns for a chart. Pure. */
import type { Five } from "../live/rows";
import { weekBefore, zoneOffset_ms } from "./durations";
import { FIVE_MS } from "./trend";

/** What is charted of five minutes; null where there is nothing to divide by. */
export const MEASURES = {
  offered: (five: Five): number | null => five.offered,
  share: (five: Five): number | null =>
    five.offered_in ? Math.min(100, (100 * five.answered_in_20s) / five.offered_in) : null,
  wait: (five: Five): number | null => (five.waits ? five.wait_ms / five.waits / 1_000 : null),
} as const;
export type Measure = keyof typeof MEASURES;

export interface Day {
  /** The marks of the day, in epoch seconds: the x axis. */
  readonly marks_s: readonly number[];
  /** What happened at each mark of this day, up to now; undefined where it is not yet, or was silent. */
  readonly now: readonly (Five | undefined)[];
  /** The same a week ago, by the local time of day. */
  readonly before: readonly (Five | undefined)[];
  /** From when on (epoch ms) there are figures of each; null: of all of it. */
  readonly known_ms: Known;
}

export interface Known {
  readonly now: number | null;
  readonly before: number | null;
}

const ALL_KNOWN: Known = { now: null, before: null };

/** A day has at most 25 hours. */
const HOUR_FIVES = 12;
const MARKS_MAX = 25 * HOUR_FIVES;

/** The marks of a day and what is known at each; undefined where nothing happened or nothing is known. */
export function dayOf(
  fives: readonly Five[], before: readonly Five[], day_ms: number, zone: string, known_ms: Known = ALL_KNOWN,
): Day {
  const known = new Map(fives.map((five) => [five.mark_ms, five]));
  const knownBefore = new Map(before.map((five) => [five.mark_ms, five]));
  const all = Array.from({ length: MARKS_MAX }, (_, index) => day_ms + index * FIVE_MS)
    .filter((mark_ms) => mark_ms < dayEnd(day_ms, zone));
  const marks = opened(all, (mark_ms) => known.has(mark_ms) || knownBefore.has(weekBefore(mark_ms, zone)));
  return {
    marks_s: marks.map((mark_ms) => mark_ms / 1_000),
    now: marks.map((mark_ms) => known.get(mark_ms)),
    before: marks.map((mark_ms) => knownBefore.get(weekBefore(mark_ms, zone))),
    known_ms,
  };
}

/** The marks from the full hour before the first at which anything happened to the full hour after the last. */
function opened(marks: readonly number[], happened: (mark_ms: number) => boolean): readonly number[] {
  const first = marks.findIndex(happened);
  if (first < 0) return marks;
  const last = marks.findLastIndex(happened);
  return marks.slice(first - (first % HOUR_FIVES), last - (last % HOUR_FIVES) + HOUR_FIVES);
}

/** When the day ends that began then: at the same local time, 23, 24 or 25 hours later. */
export function dayEnd(day_ms: number, zone: string): number {
  const next_ms = day_ms + 86_400_000;
  return next_ms + zoneOffset_ms(day_ms, zone) - zoneOffset_ms(next_ms, zone);
}

/** A measure of each of these five minutes. */
export function measured(fives: readonly (Five | undefined)[], measure: Measure): (number | null)[] {
  return fives.map((five) => (five ? MEASURES[measure](five) : null));
}
