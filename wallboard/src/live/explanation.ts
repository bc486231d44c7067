/** What a figure is made of, as the server told it at one instant. */
import { asObject, listOf, numberOrNull, STATES, text, whole, type State } from "./rows";

/** What a term may be, and why it may count nothing: the names of the server, each with words of its own. */
export const WHATS = ["agent", "waiting", "talking", "offered", "answered", "left", "talked", "talks", "idled"] as const;
export const WHY_NOT = ["other_state", "in_use", "outbound", "too_late", "closed", "unknown_wait"] as const;
export const CAUSES = [
  "abandoned", "timeout", "no_agent", "full", "key", "withdrawn", "overflowed", "closed",
] as const;
export type What = (typeof WHATS)[number];
export type WhyNot = (typeof WHY_NOT)[number];
export type Cause = (typeof CAUSES)[number];

/** One call, agent or event, and what it adds to the figure; null, where `why_not` says why. */
export interface Term {
  readonly what: What;
  readonly adds: number | null;
  readonly why_not: WhyNot | null;
  readonly call: string;
  readonly agent: number | null;
  readonly name: string;
  readonly state: State;
  readonly since_ms: number | null;
  readonly at_ms: number | null;
  readonly cause: Cause | null;
}

export interface Operand {
  readonly name: string;
  readonly value: number;
  /** What the terms add that are not listed. */
  readonly others: number;
}

export interface Explanation {
  readonly figure: string;
  readonly value: number | null;
  readonly at_ms: number;
  readonly position: number;
  readonly operands: readonly Operand[];
  readonly terms_total: number;
  readonly terms: readonly Term[];
}

const one = <T extends string>(value: unknown, of: readonly T[]): T | null =>
  of.includes(value as T) ? (value as T) : null;

function parseTerm(value: unknown): Term {
  const given = asObject(value);
  const adds = Object.values(asObject(given.adds)).map(whole);
  return {
    what: one(given.what, WHATS) ?? "agent",
    adds: adds.length ? adds.reduce((sum, number) => sum + number) : null,
    why_not: one(given.why_not, WHY_NOT),
    call: text(given.call),
    agent: numberOrNull(given.agent),
    name: text(given.name),
    state: one(given.state, STATES) ?? "occupied",
    since_ms: numberOrNull(given.since_ms),
    at_ms: numberOrNull(given.at_ms),
    cause: one(given.cause, CAUSES),
  };
}

export function parseExplanation(told: Record<string, unknown>): Explanation {
  return {
    figure: text(told.figure),
    value: numberOrNull(told.value),
    at_ms: whole(told.at_ms),
    position: whole(told.position),
    operands: Object.entries(asObject(told.operands)).map(([name, value]) => {
      const given = asObject(value);
      return { name: text(name), value: whole(given.value), others: whole(given.others) };
    }),
    terms_total: whole(told.terms_total),
    terms: listOf(told.terms).map(parseTerm),
  };
}
