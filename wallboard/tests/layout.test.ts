import { describe, expect, it } from "vitest";
import { DEFAULTS, formatLayout, formatSkills, parseLayout, parseSkills, SKILLS_MAX, type Layout } from "../src/model/layout";

const OTHER: Layout = {
  view: "queue", skill: 7, vdn: "3.12", search: "a&b=c #ü", only: ["urgent", "closed"], groups: ["away"],
  skills: [1, 2, 5, 6, 7, 8], sort: "longest", agentSort: "name", reversed: true, as: "list", watch_s: 5,
  urgent_s: 30, share_percent: 90, tiles: 12, dwell_s: 30, theme: "dark", language: "zh",
};

describe("the address of a layout", () => {
  it("holds all of it, and nothing that is as usual", () => {
    expect(parseLayout(formatLayout(OTHER))).toEqual(OTHER);
    expect(formatLayout(DEFAULTS)).toBe("#/floor");
    expect(parseLayout("")).toEqual(DEFAULTS);
  });

  it("names every part that can be other than usual", () => {
    for (const key of Object.keys(DEFAULTS) as (keyof Layout)[]) expect(OTHER[key]).not.toEqual(DEFAULTS[key]);
  });

  it.each([
    "#/attic", "#/queue", "#/queue/x", "#/queue/99999999999", "#/floor?sort=magic&as=cube&watch=-1&urgent=1e9&tiles=0",
    "#/floor?skills=1-99999999&vdn=x&theme=pink&lang=xx&dwell=&goal=101&only=never",
    "#/%ff%fe?%zz", "#?????&&&===",
  ])("takes what is no value for the usual (%s)", (hash) => {
    expect(parseLayout(hash)).toEqual(DEFAULTS);
  });

  it("takes no search that is longer than a name", () => {
    expect(parseLayout(`#/floor?q=${"x".repeat(10_000)}`).search).toHaveLength(200);
  });
});

describe("a list of skills", () => {
  it("is written short", () => {
    expect(formatSkills([1, 2, 3, 5, 7, 8])).toBe("1-3,5,7,8");
    expect(parseSkills("7,1-3, 5,2,8")).toEqual([1, 2, 3, 5, 7, 8]);
  });

  it.each(["", "x", "0", "3-1", "1,,2", `1-${SKILLS_MAX + 1}`, "1-600,2000-2600", "1-2-3"])("is refused (%s)", (text) => {
    expect(parseSkills(text)).toBeUndefined();
  });
});
