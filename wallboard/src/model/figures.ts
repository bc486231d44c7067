/** The figures of a queue as the wallboard shows them: one row each, from which tiles, lists and panels are drawn. */
import type { QueueRow } from "../live/rows";
import type { Key } from "../texts";
import { answeredIn20s, percent } from "./attention";
import { grouped, type Group } from "./groups";

export type FigureName =
  | "waiting" | "longest_wait" | "in_20s" | "signed_in" | Group | "offered_today" | "answered_today" | "left_today";

/** The figures that the server explains, by its names; they are counts. */
export const EXPLAINED = [
  "waiting", "answered_in_20s", "offered_in", "signed_in", "idle", "talking", "work", "answered_today",
] as const;
export type Explained = (typeof EXPLAINED)[number];

export interface Figure {
  readonly label: Key;
  readonly meaning: Key;
  readonly period: "now" | "ten" | "day";
  /** A count; seconds that run since an instant; or percent. null: there is nothing to tell. */
  readonly kind: "count" | "since" | "percent";
  readonly value: (row: QueueRow) => number | null;
  /** What the panel can list: calls that wait, five minutes, the hours of the day, agents, all or of a group. */
  readonly evidence: "calls" | "fives" | "offered" | "left" | "agents" | Group | null;
  /** What of it the server explains. */
  readonly explained: readonly Explained[];
}

const group = (name: Group, ...explained: Explained[]): Figure => ({
  explained,
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
    value: (row) => row.waiting, evidence: "calls", explained: ["waiting"],
  },
  longest_wait: {
    label: "longest_wait", meaning: "mean_longest_wait", period: "now", kind: "since",
    value: (row) => row.oldest_waiting_since_ms, evidence: "calls", explained: [],
  },
  in_20s: {
    label: "in_20s", meaning: "mean_in_20s", period: "ten", kind: "percent",
    value: (row) => percent(answeredIn20s(row)), evidence: "fives",
    explained: ["answered_in_20s", "offered_in"],
  },
  signed_in: {
    label: "signed_in", meaning: "mean_signed_in", period: "now", kind: "count",
    value: (row) => row.signed_in, evidence: "agents", explained: ["signed_in"],
  },
  free: group("free", "idle"),
  ringing: group("ringing"),
  talking: group("talking", "talking"),
  wrapup: group("wrapup", "work"),
  away: group("away"),
  offered_today: {
    label: "offered_today", meaning: "mean_offered_today", period: "day", kind: "count",
    value: (row) => row.today.offered, evidence: "offered", explained: [],
  },
  answered_today: {
    label: "answered_today", meaning: "mean_answered_today", period: "day", kind: "count",
    value: (row) => row.today.answered, evidence: null, explained: ["answered_today"],
  },
  left_today: {
    label: "left_today", meaning: "mean_left_today", period: "day", kind: "count",
    value: (row) => row.today.left, evidence: "left", explained: [],
  },
};
