/** Rows for tests: a queue in which nothing happens but what is given. */
import { parseAgent, parseQueue, STATES, type AgentRow, type Passed, type QueueRow, type StateCounts } from "../src/live/rows";

export const counts = (given: Partial<Record<keyof StateCounts, number>> = {}): StateCounts => ({
  ...(Object.fromEntries(STATES.map((state) => [state, 0])) as Record<keyof StateCounts, number>), ...given,
});

export const passed = (given: Partial<Passed> = {}): Passed => ({ ...parseQueue({}).five, ...given });

export const queue = (given: Partial<QueueRow> = {}): QueueRow => ({
  ...parseQueue({ skill: 1, name: "Sales" }), agents: counts({ idle: 1 }), signed_in: 1, ...given,
});

export const agent = (given: Partial<AgentRow> = {}): AgentRow => ({ ...parseAgent({ agent: 1, name: "Ada" }), ...given });
