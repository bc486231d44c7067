/** The ten states of an agent in the five groups that a supervisor thinks in. */
import { STATES, type State, type StateCounts } from "../live/rows";

export const GROUPS = ["free", "ringing", "talking", "wrapup", "away"] as const;
export type Group = (typeof GROUPS)[number];

export const GROUP_OF: Readonly<Record<State, Group>> = {
  idle: "free",
  preoccupied: "ringing",
  answering: "ringing",
  talking: "talking",
  work: "wrapup",
  adjust: "wrapup",
  busy: "away",
  rest: "away",
  study: "away",
  occupied: "away",
};

export const statesOf = (group: Group): State[] => STATES.filter((state) => GROUP_OF[state] === group);

export type GroupCounts = Readonly<Record<Group, number>>;

export function grouped(counts: StateCounts): GroupCounts {
  const sums: Record<Group, number> = { free: 0, ringing: 0, talking: 0, wrapup: 0, away: 0 };
  for (const state of STATES) sums[GROUP_OF[state]] += counts[state];
  return sums;
}
