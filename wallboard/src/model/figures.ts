/** The figures of a queue as the wallboard shows them: one row each, from which tiles, lists and panels are drawn. */
import type { QueueRow } from "../live/rows";
import type { Key } from "../texts";
import { answeredIn20s, percent } from "./attention";
import { grouped, type Group } from "./groups";

export type FigureName =
  | "waiting" | "longest_wait" | "in_20s" | "signed_in" | Group | "offered_today" | "answered_today" | "left_today";

export interface Figure {
  readonly label: Key;
  readonly meaning: Key;
  readonly period: "now" | "ten" | "day";
  /** A count; seconds that run since an instant; or percent. null: there is nothing to tell. */
  readonly kind: "count" | "since" | "percent";
  readonly value: (row: QueueRow) => number | null;
  /** What the panel can list: the calls that wait, the five minutes, or the agents, all or of a group. */
  readonly evidence: "calls" | "fives" | "agents" | Group | null;
}

const group = (name: Group): Figure => ({
  label: name,
  meaning: `mean_${name}` as Key,
  period: "now",
  kind: "count",
  value: (row) => grouped(row.agents)[name],
  evidence: name,
});

export const FIGURES: Readonly<Record<FigureName, Figure>> = {
  waiting: {
    label: "waiting", meaning: "mean_waiting", period: "now", kind: "count",
    value: (row) => row.waiting, evidence: "calls",
  },
  longest_wait: {
    label: "longest_wait", meaning: "mean_longest_wait", period: "now", kind: "since",
    value: (row) => row.oldest_waiting_since_ms, evidence: "calls",
  },
  in_20s: {
    label: "in_20s", meaning: "mean_in_20s", period: "ten", kind: "percent",
    value: (row) => percent(answeredIn20s(row)), evidence: "fives",
  },
  signed_in: {
    label: "signed_in", meaning: "mean_signed_in", period: "now", kind: "count",
    value: (row) => row.signed_in, evidence: "agents",
  },
  free: group("free"),
  ringing: group("ringing"),
  talking: group("talking"),
  wrapup: group("wrapup"),
  away: group("away"),
  offered_today: {
    label: "offered_today", meaning: "mean_offered_today", period: "day", kind: "count",
    value: (row) => row.today.offered, evidence: null,
  },
  answered_today: {
    label: "answered_today", meaning: "mean_answered_today", period: "day", kind: "count",
    value: (row) => row.today.answered, evidence: null,
  },
  left_today: {
    label: "left_today", meaning: "mean_left_today", period: "day", kind: "count",
    value: (row) => row.today.left, evidence: null,
  },
};
