/** The figures of a queue as the wallboard shows them: one row each, from which tiles, lists and panels are drawn. */
import type { QueueRow } from "../live/rows";
import type { Key } from "../texts";
import { answeredIn20s, percent } from "./attention";
import { GROUPS, grouped, type Group } from "./groups";

export type FigureName =
  | "waiting" | "longest_wait" | "in_20s" | "signed_in" | Group | "offered_today" | "answered_today" | "left_today";

export interface Figure {
  readonly label: Key;
  readonly meaning: Key;
  readonly period: "now" | "ten" | "day";
  /** A count; seconds that run since an instant; or percent. null: there is nothing to tell. */
  readonly kind: "count" | "since" | "percent";
  readonly value: (row: QueueRow) => number | null;
  /** What the panel can list: the calls that wait, or the agents of a group. */
  readonly evidence: "calls" | Group | "agents" | null;
  /** The figure of the same meaning at `GET /v1/explain`. */
  readonly explain: string | null;
}

const group = (name: Group, explain: string | null): Figure => ({
  label: name,
  meaning: `mean_${name}` as Key,
  period: "now",
  kind: "count",
  value: (row) => grouped(row.agents)[name],
  evidence: name,
  explain,
});

export const FIGURES: Readonly<Record<FigureName, Figure>> = {
  waiting: {
    label: "waiting", meaning: "mean_waiting", period: "now", kind: "count",
    value: (row) => row.waiting, evidence: "calls", explain: "waiting",
  },
  longest_wait: {
    label: "longest_wait", meaning: "mean_longest_wait", period: "now", kind: "since",
    value: (row) => row.oldest_waiting_since_ms, evidence: "calls", explain: "oldest_waiting",
  },
  in_20s: {
    label: "in_20s", meaning: "mean_in_20s", period: "ten", kind: "percent",
    value: (row) => percent(answeredIn20s(row)), evidence: null, explain: "answered_in_20s",
  },
  signed_in: {
    label: "signed_in", meaning: "mean_signed_in", period: "now", kind: "count",
    value: (row) => row.signed_in, evidence: "agents", explain: "signed_in",
  },
  free: group("free", "idle"),
  ringing: group("ringing", null),
  talking: group("talking", "talking"),
  wrapup: group("wrapup", "work"),
  away: group("away", null),
  offered_today: {
    label: "offered_today", meaning: "mean_offered_today", period: "day", kind: "count",
    value: (row) => row.today.offered, evidence: null, explain: "offered",
  },
  answered_today: {
    label: "answered_today", meaning: "mean_answered_today", period: "day", kind: "count",
    value: (row) => row.today.answered, evidence: null, explain: "answered",
  },
  left_today: {
    label: "left_today", meaning: "mean_left_today", period: "day", kind: "count",
    value: (row) => row.today.left, evidence: null, explain: "left",
  },
};

/** The figures of agents, in the order of the bar. */
export const GROUP_FIGURES: readonly Group[] = GROUPS;
