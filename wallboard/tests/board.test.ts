import { effect } from "@preact/signals";
import { describe, expect, it } from "vitest";
import { Board } from "../src/live/board";
import { parseAgent, parseCall, parseQueue } from "../src/live/rows";

const board = () => new Board("queues", "skill", parseQueue);
const message = (event: string, told: unknown) => ({ event, id: "1", data: JSON.stringify(told) });

describe("a board", () => {
  it("merges a change over the row it has", () => {
    const queues = board();
    queues.take(message("full", { at_ms: 1, queues: [{ skill: 3, name: "Sales", waiting: 2, today: { answered: 4 } }] }));
    queues.take(message("change", { at_ms: 2, queues: [{ skill: 3, waiting: 3 }] }));
    expect(queues.row(3)?.value).toMatchObject({ name: "Sales", waiting: 3, today: { answered: 4, left: null } });
  });

  it("wakes only who looks at the row that changed", () => {
    const queues = board();
    queues.take(message("full", { queues: [{ skill: 1 }, { skill: 2 }] }));
    let drawn = 0;
    effect(() => {
      queues.row(1)?.value;
      drawn += 1;
    });
    queues.take(message("change", { queues: [{ skill: 2, waiting: 9 }] }));
    expect(drawn).toBe(1);
    queues.take(message("change", { queues: [{ skill: 1, waiting: 9 }] }));
    expect(drawn).toBe(2);
  });

  it("lets rows go, and takes a full state for all there is", () => {
    const queues = board();
    queues.take(message("full", { queues: [{ skill: 1, waiting: 5 }, { skill: 2 }, { skill: 3 }] }));
    queues.take(message("change", { queues: [], gone: [2] }));
    expect(queues.keys.value).toEqual([1, 3]);
    queues.take(message("full", { queues: [{ skill: 9 }, { skill: 1 }] }));
    expect(queues.keys.value).toEqual([1, 9]);
    expect(queues.row(1)?.value.waiting).toBe(0);
  });

  it("keeps heads that a change leaves out, and not those of an older full state", () => {
    const queues = board();
    queues.take(message("full", { at_ms: 1, stale_since_ms: 500, mark_ms: 300_000, queues_total: 7, queues: [] }));
    queues.take(message("change", { at_ms: 2, queues: [] }));
    expect(queues.heads.value).toMatchObject({ at_ms: 2, stale_since_ms: 500, mark_ms: 300_000, total: 7 });
    queues.take(message("change", { at_ms: 3, stale_since_ms: null, queues: [] }));
    expect(queues.heads.value?.stale_since_ms).toBeNull();
    queues.take(message("full", { at_ms: 4, queues: [] }));
    expect(queues.heads.value?.total).toBe(0);
  });

  it("raises what is no JSON, and ignores messages it does not know", () => {
    const queues = board();
    expect(() => queues.take({ event: "full", id: "", data: "{" })).toThrow();
    queues.take(message("weather", { queues: [{ skill: 1 }] }));
    expect(queues.keys.value).toEqual([]);
  });
});

describe("what comes in", () => {
  it("is made what it should be, whatever it is", () => {
    for (const odd of [null, 5, "x", [], {}, { skill: "x", agents: 3, five: [], today: null, waiting: "9" }]) {
      expect(parseQueue(odd)).toMatchObject({ skill: 0, waiting: 0, name: "", oldest_waiting_since_ms: null });
      expect(parseAgent(odd).skills).toEqual([]);
      expect(parseCall(odd).ringing).toEqual([]);
    }
  });

  it("keeps a name as it is, but in one line", () => {
    expect(parseQueue({ name: "<b>A\u0000\n B</b>" }).name).toBe("<b>A B</b>");
    expect(parseAgent({ reason: 12 }).reason).toBe("12");
  });
});
