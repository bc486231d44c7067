import { describe, expect, it } from "vitest";
import { answeredIn20s, attention, byAttention, GOALS, percent, SHARE_CALLS_MIN } from "../src/model/attention";
import { counts, passed, queue } from "./given";

const NOW = 1_000_000;
const waits = (seconds: number, more = {}) =>
  queue({ waiting: 1, oldest_waiting_since_ms: NOW - seconds * 1_000, ...more });

describe("attention", () => {
  it.each([
    [queue(), "calm", "all_well"],
    [waits(GOALS.watch_s - 1), "calm", "all_well"],
    [waits(GOALS.watch_s), "watch", "wait"],
    [waits(GOALS.urgent_s - 1), "watch", "wait"],
    [waits(GOALS.urgent_s), "urgent", "long_wait"],
    [waits(0, { signed_in: 0, agents: counts() }), "urgent", "nobody_signed_in"],
    [queue({ signed_in: 0, agents: counts() }), "closed", "nobody_there"],
    [queue({ five: passed({ offered_in: SHARE_CALLS_MIN, answered_in_20s: SHARE_CALLS_MIN - 2 }) }), "watch", "few_in_20s"],
    [queue({ five: passed({ offered_in: SHARE_CALLS_MIN, answered_in_20s: SHARE_CALLS_MIN - 1 }) }), "calm", "all_well"],
    [queue({ five: passed({ offered_in: SHARE_CALLS_MIN - 1 }) }), "calm", "all_well"],
  ] as const)("sees what a queue needs (%#)", (row, level, reason) => {
    expect(attention(row, NOW, GOALS)).toEqual({ level, reason });
  });

  it("follows the goals", () => {
    expect(attention(waits(10), NOW, { ...GOALS, watch_s: 5, urgent_s: 10 }).level).toBe("urgent");
  });

  it("puts first what needs it most, then who waits longest, then the name", () => {
    const rows = [
      queue({ skill: 1, name: "B" }), queue({ skill: 2, name: "A" }), waits(30, { skill: 3 }), waits(70, { skill: 4 }),
      waits(90, { skill: 5 }), queue({ skill: 6, signed_in: 0 }),
    ];
    const names = (one: { name: string }, two: { name: string }) => one.name.localeCompare(two.name);
    expect(rows.sort(byAttention(NOW, GOALS, names)).map((row) => row.skill)).toEqual([5, 4, 3, 2, 1, 6]);
  });

  it("tells a share with its parts, never above the whole, and rounds it down", () => {
    const row = queue({
      five: passed({ offered_in: 1, answered_in_20s: 2 }), last_five: passed({ offered_in: 2, answered_in_20s: 0 }),
    });
    expect(answeredIn20s(row)).toEqual({ answered: 2, offered: 3 });
    expect(percent({ answered: 2, offered: 3 })).toBe(66);
    expect(percent({ answered: 5, offered: 5 })).toBe(100);
    expect(percent({ answered: 0, offered: 0 })).toBeNull();
    expect(answeredIn20s(queue({ five: passed({ offered_in: 1, answered_in_20s: 2 }) })).answered).toBe(1);
  });
});
