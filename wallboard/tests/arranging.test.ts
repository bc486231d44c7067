import { describe, expect, it } from "vitest";
import { arrangedAgents, arrangedQueues, wantedAgents, wantedQueues } from "../src/model/arranging";
import { GOALS } from "../src/model/attention";
import { SORTS } from "../src/model/layout";
import { agent, counts, passed, queue } from "./given";

const NOW = 1_000_000;
const ROWS = [
  queue({ skill: 10, name: "Köln 2", waiting: 1, oldest_waiting_since_ms: NOW - 5_000, agents: counts({ idle: 3 }), signed_in: 3 }),
  queue({ skill: 2, name: "Köln 10", waiting: 4, oldest_waiting_since_ms: NOW - 2_000, agents: counts({ idle: 1, talking: 2 }), signed_in: 3 }),
  queue({ skill: 3, name: "", five: passed({ offered_in: 9, answered_in_20s: 1 }), today: { answered: 5, offered: 6, left: 1 } }),
];
const skills = (sort: (typeof SORTS)[number], reversed = false) =>
  arrangedQueues(ROWS, { sort, reversed }, NOW, GOALS, "en").map((row) => row.skill);
const found = (search: string) =>
  wantedQueues(ROWS, { search, only: [], skills: [] }, NOW, GOALS).map((row) => row.skill);

describe("queues", () => {
  it("are found by parts of names, whatever the accents, and by numbers", () => {
    expect(found("KOLN")).toEqual([10, 2]);
    expect(found("  10 köl ")).toEqual([10, 2]);
    expect(found("3")).toEqual([3]);
    expect(found("<script>")).toEqual([]);
  });

  it("are kept by level and by skill", () => {
    expect(wantedQueues(ROWS, { search: "", only: ["watch"], skills: [] }, NOW, GOALS).map((row) => row.skill)).toEqual([3]);
    expect(wantedQueues(ROWS, { search: "", only: [], skills: [2, 99] }, NOW, GOALS).map((row) => row.skill)).toEqual([2]);
  });

  it("stand as each order says", () => {
    expect(skills("name")).toEqual([10, 2, 3]);
    expect(skills("name", true)).toEqual([3, 2, 10]);
    expect(skills("waiting")).toEqual([2, 10, 3]);
    expect(skills("longest")).toEqual([10, 2, 3]);
    expect(skills("share")).toEqual([3, 10, 2]);
    expect(skills("free")).toEqual([2, 3, 10]);
    expect(skills("talking")).toEqual([2, 10, 3]);
    expect(skills("answered")).toEqual([3, 10, 2]);
  });

  it("are all there in every order", () => {
    for (const sort of SORTS) expect(skills(sort).sort()).toEqual([10, 2, 3]);
  });
});

describe("agents", () => {
  const rows = [
    agent({ agent: 1, name: "Ben", state: "talking", since_ms: 5 }),
    agent({ agent: 2, name: "Ada", state: "idle", since_ms: 9 }),
    agent({ agent: 3, name: "Cem", state: "rest", since_ms: 1 }),
  ];

  it("are found by name and number, and kept by what they do", () => {
    expect(wantedAgents(rows, "e", []).map((row) => row.agent)).toEqual([1, 3]);
    expect(wantedAgents(rows, "", ["free", "away"]).map((row) => row.agent)).toEqual([2, 3]);
  });

  it("stand by time, state or name", () => {
    const order = (sort: "time" | "state" | "name") => arrangedAgents(rows, sort, false, "en").map((row) => row.agent);
    expect(order("time")).toEqual([3, 1, 2]);
    expect(order("state")).toEqual([2, 1, 3]);
    expect(order("name")).toEqual([2, 1, 3]);
  });
});
