/** What the server pushes, as it is known here. Parsed once, where it comes in; nothing after that doubts it. */

/** The states of an agent, by the names of the engine. */
export const STATES = [
  "idle", "preoccupied", "occupied", "answering", "talking", "work", "busy", "rest", "study", "adjust",
] as const;
export type State = (typeof STATES)[number];
export type StateCounts = Readonly<Record<State, number>>;

/** What happened in one queue in five minutes. Durations are sums in ms. */
export interface Passed {
  readonly offered: number;
  readonly offered_in: number;
  readonly answered: number;
  readonly answered_in_20s: number;
  readonly left: number;
  readonly waits: number;
  readonly wait_ms: number;
  readonly wait_ms_max: number;
}

/** The same, with the mark (epoch ms) at which those five minutes began. */
export interface Five extends Passed {
  readonly mark_ms: number;
}

/** What happened in one queue since its statistics day began; null where the server does not know all of it. */
export interface Today {
  readonly offered: number | null;
  readonly answered: number | null;
  readonly left: number | null;
}

/** One skill queue. What runs is an instant (`…_since_ms`), so that a second passing changes no row. */
export interface QueueRow {
  readonly skill: number;
  readonly name: string;
  readonly waiting: number;
  readonly oldest_waiting_since_ms: number | null;
  readonly agents: StateCounts;
  readonly signed_in: number;
  readonly available: number;
  readonly longest_idle_since_ms: number | null;
  /** Of the five minutes that run, whose mark is in the heads, and of those before. */
  readonly five: Passed;
  readonly last_five: Passed;
  readonly today: Today;
}

/** One agent who is signed in. */
export interface AgentRow {
  readonly agent: number;
  readonly name: string;
  readonly phone: string;
  readonly state: State;
  readonly since_ms: number;
  readonly reason: string;
  readonly skills: readonly number[];
  readonly talks: number;
  readonly wrapup_until_ms: number | null;
}

/** A call that waits. `caller` is masked, or empty, for those who may not see it. */
export interface WaitingCall {
  readonly call: string;
  readonly waiting_since_ms: number;
  readonly ringing: readonly number[];
  readonly priority: number;
  readonly caller: string;
}

/** What stands at the head of every message: how fresh and how true the figures are. */
export interface Heads {
  readonly at_ms: number;
  readonly position: number;
  readonly stale_since_ms: number | null;
  readonly confident_since_ms: number | null;
  readonly day_ms: number | null;
  /** When the five minutes that run began. */
  readonly mark_ms: number;
  /** How many rows there are at the server, which may be more than it sends. */
  readonly total: number;
  /** All agents of the VDN, each once; null where the server does not tell. */
  readonly agents: StateCounts | null;
}

type Json = Record<string, unknown>;

/** Anything that came in, as an object; an empty one if it is none. */
export function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** The list under a key; an empty one if there is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A whole number, or 0. */
export function whole(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? Math.trunc(value) : 0;
}

/** A number, or null where there is none. */
export function numberOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** An instant in epoch ms, or null where nothing runs. */
export function instant(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null;
}

/** Text in one line: control characters become spaces. Markup in it is text like any other. */
export function text(value: unknown): string {
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? value.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, " ").trim() : "";
}

function counts(value: unknown): StateCounts {
  const given = asObject(value);
  return Object.fromEntries(STATES.map((state) => [state, whole(given[state])])) as Record<State, number>;
}

function passed(value: unknown): Passed {
  const given = asObject(value);
  return {
    offered: whole(given.offered),
    offered_in: whole(given.offered_in),
    answered: whole(given.answered),
    answered_in_20s: whole(given.answered_in_20s),
    left: whole(given.left),
    waits: whole(given.waits),
    wait_ms: whole(given.wait_ms),
    wait_ms_max: whole(given.wait_ms_max),
  };
}

/** A line of a series. */
export function parseFive(value: unknown): Five {
  return { mark_ms: whole(asObject(value).mark_ms), ...passed(value) };
}

export function parseQueue(value: unknown): QueueRow {
  const given = asObject(value);
  const today = asObject(given.today);
  return {
    skill: whole(given.skill),
    name: text(given.name),
    waiting: whole(given.waiting),
    oldest_waiting_since_ms: instant(given.oldest_waiting_since_ms),
    agents: counts(given.agents),
    signed_in: whole(given.signed_in),
    available: whole(given.available),
    longest_idle_since_ms: instant(given.longest_idle_since_ms),
    five: passed(given.five),
    last_five: passed(given.last_five),
    today: {
      offered: numberOrNull(today.offered),
      answered: numberOrNull(today.answered),
      left: numberOrNull(today.left),
    },
  };
}

export function parseAgent(value: unknown): AgentRow {
  const given = asObject(value);
  const state = text(given.state) as State;
  return {
    agent: whole(given.agent),
    name: text(given.name),
    phone: text(given.phone),
    state: STATES.includes(state) ? state : "occupied",
    since_ms: instant(given.since_ms) ?? 0,
    reason: text(given.reason),
    skills: listOf(given.skills).map(whole),
    talks: whole(given.talks),
    wrapup_until_ms: instant(given.wrapup_until_ms),
  };
}

export function parseCall(value: unknown): WaitingCall {
  const given = asObject(value);
  return {
    call: text(given.call),
    waiting_since_ms: instant(given.waiting_since_ms) ?? 0,
    ringing: listOf(given.ringing).map(whole),
    priority: whole(given.priority),
    caller: text(given.caller),
  };
}

/** The heads of a message; what it leaves out is as it was before. */
export function parseHeads(value: Json, before: Heads | null, totalKey: string): Heads {
  const kept = <T>(key: string, parsed: (one: unknown) => T, old: T | undefined): T | null =>
    key in value ? parsed(value[key]) : (old ?? null);
  return {
    at_ms: instant(value.at_ms) ?? before?.at_ms ?? 0,
    position: whole(value.position ?? before?.position),
    stale_since_ms: kept("stale_since_ms", instant, before?.stale_since_ms),
    confident_since_ms: kept("confident_since_ms", instant, before?.confident_since_ms),
    day_ms: kept("day_ms", instant, before?.day_ms),
    mark_ms: whole(value.mark_ms ?? before?.mark_ms),
    total: whole(value[totalKey] ?? before?.total),
    agents: totalKey === "queues_total" && value.agents ? counts(value.agents) : (before?.agents ?? null),
  };
}
