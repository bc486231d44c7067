/** Which queues are shown in which order. It follows the figures at leisure, so that nothing jumps from under a hand. */
import { computed, signal } from "@preact/signals";
import { second } from "../live/clock";
import { arrangedQueues, wantedQueues } from "../model/arranging";
import { attention, LEVELS, type Level } from "../model/attention";
import { goals, layout, queues, shownSecond } from "../state";
import { locale } from "../texts";

/** Seconds between two looks at the order, when only figures changed. */
const REORDER_EVERY_S = 3;

/** Whether somebody is about to press something: then the order stays. */
export const held = signal(false);

const turn = computed(() => (held.value ? -1 : Math.floor(second.value / REORDER_EVERY_S)));

let before: readonly number[] = [];

/** The skills of the queues shown, in order. The same list as before when nothing moved. */
export const order = computed<readonly number[]>(() => {
  turn.value;
  queues.keys.value;
  const { search, only, skills, sort, reversed } = layout.value;
  const now = shownSecond.peek() * 1_000;
  const wanted = wantedQueues(queues.all(), { search, only, skills }, now, goals.value);
  const next = arrangedQueues(wanted, { sort, reversed }, now, goals.value, locale()).map((row) => row.skill);
  if (next.length !== before.length || next.some((skill, index) => skill !== before[index])) before = next;
  return before;
});

/** How many queues there are of each level, whatever is filtered. */
export const levels = computed(() => {
  queues.version.value;
  const at_ms = shownSecond.value * 1_000;
  const counts = Object.fromEntries(LEVELS.map((level) => [level, 0])) as Record<Level, number>;
  for (const row of queues.all()) counts[attention(row, at_ms, goals.value).level] += 1;
  return counts;
});
