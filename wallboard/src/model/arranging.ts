/** Which queues and agents are shown, and in which order. Pure. */
import type { AgentRow, QueueRow } from "../live/rows";
import { answeredIn20s, attention, byAttention, percent, type Goals, type Level } from "./attention";
import { GROUP_OF, GROUPS, grouped, type Group } from "./groups";
import type { AgentSort, Sort } from "./layout";

/** Small letters, width and accents aside: what is typed finds what is written otherwise. */
export function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Whether every word of a search is in the name, or is the number. */
function matches(search: string, name: string, number: number): boolean {
  const where = folded(name);
  return folded(search).split(/\s+/).filter(Boolean)
    .every((word) => where.includes(word) || String(number).startsWith(word));
}

export interface Wanted {
  readonly search: string;
  readonly only: readonly Level[];
  readonly skills: readonly number[];
}

export function wantedQueues(rows: readonly QueueRow[], wanted: Wanted, now_ms: number, goals: Goals): QueueRow[] {
  const skills = new Set(wanted.skills);
  return rows.filter(
    (row) =>
      (skills.size === 0 || skills.has(row.skill)) &&
      matches(wanted.search, row.name, row.skill) &&
      (wanted.only.length === 0 || wanted.only.includes(attention(row, now_ms, goals).level)),
  );
}

const most = (value: (row: QueueRow) => number) => (one: QueueRow, two: QueueRow) => value(two) - value(one);
const least = (value: (row: QueueRow) => number) => (one: QueueRow, two: QueueRow) => value(one) - value(two);

const ORDERS: Readonly<Record<Exclude<Sort, "attention" | "name">, (one: QueueRow, two: QueueRow) => number>> = {
  waiting: most((row) => row.waiting),
  longest: least((row) => row.oldest_waiting_since_ms ?? Number.MAX_SAFE_INTEGER),
  share: least((row) => percent(answeredIn20s(row)) ?? 101),
  free: least((row) => grouped(row.agents).free),
  ringing: most((row) => grouped(row.agents).ringing),
  talking: most((row) => grouped(row.agents).talking),
  wrapup: most((row) => grouped(row.agents).wrapup),
  away: most((row) => grouped(row.agents).away),
  answered: most((row) => row.today.answered ?? 0),
  left: most((row) => row.today.left ?? 0),
};

export interface Order {
  readonly sort: Sort;
  readonly reversed: boolean;
}

/** Names as the language orders them, numbers in them as numbers; those without a name come last. */
export function nameOrder(locale: string) {
  const collator = new Intl.Collator(locale, { numeric: true, sensitivity: "base" });
  return (one: { readonly name: string }, two: { readonly name: string }): number =>
    Number(one.name === "") - Number(two.name === "") || collator.compare(one.name, two.name);
}

/** A new list in that order; equals stand by name, then by number, so nothing moves without a reason. */
export function arrangedQueues(
  rows: readonly QueueRow[], order: Order, now_ms: number, goals: Goals, locale: string,
): QueueRow[] {
  const byName = nameOrder(locale);
  const sign = order.reversed ? -1 : 1;
  const compare =
    order.sort === "attention" ? byAttention(now_ms, goals, byName)
    : order.sort === "name" ? byName
    : ORDERS[order.sort];
  return [...rows].sort((one, two) => sign * compare(one, two) || byName(one, two) || one.skill - two.skill);
}

export function wantedAgents(rows: readonly AgentRow[], search: string, groups: readonly Group[]): AgentRow[] {
  return rows.filter(
    (row) =>
      matches(search, row.name, row.agent) && (groups.length === 0 || groups.includes(GROUP_OF[row.state])),
  );
}

export function arrangedAgents(
  rows: readonly AgentRow[], sort: AgentSort, reversed: boolean, locale: string,
): AgentRow[] {
  const byName = nameOrder(locale);
  const sign = reversed ? -1 : 1;
  const compare: Record<AgentSort, (one: AgentRow, two: AgentRow) => number> = {
    time: (one, two) => one.since_ms - two.since_ms,
    state: (one, two) =>
      GROUPS.indexOf(GROUP_OF[one.state]) - GROUPS.indexOf(GROUP_OF[two.state]) ||
      one.state.localeCompare(two.state) || one.since_ms - two.since_ms,
    name: byName,
  };
  return [...rows].sort((one, two) => sign * compare[sort](one, two) || byName(one, two) || one.agent - two.agent);
}
