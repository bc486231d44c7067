import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CAUSES, WHATS, WHY_NOT } from "../src/live/explanation";
import { GROUPS } from "../src/model/groups";
import { SORTS } from "../src/model/layout";
import { STATES } from "../src/live/rows";
import { CONFIDENCES } from "../src/live/server";
import { language, t, TEXTS } from "../src/texts";

const places = (words: string) => [...words.matchAll(/\{\w+\}/g)].map(String).sort();
const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name)).map((name) => [name, readFileSync(`src/${name}`, "utf8")] as const);

describe("the words", () => {
  it.each(Object.entries(TEXTS))("are there in both languages, with the same places (%s)", (_, [english, chinese]) => {
    expect(english.trim() && chinese.trim()).toBeTruthy();
    expect(places(chinese)).toEqual(places(english));
  });

  it("have a row for every name that is made of parts", () => {
    const made = [...STATES.map((one) => `state_${one}`), ...GROUPS, ...GROUPS.map((one) => `mean_${one}`), ...SORTS.map((one) => `sort_${one}`),
      ...WHATS.filter((one) => one !== "agent").map((one) => `term_${one}`), ...WHY_NOT.map((one) => `why_${one}`), ...CAUSES.map((one) => `cause_${one}`), ...CONFIDENCES.map((one) => `confidence_${one}`)];
    for (const key of made) expect(Object.keys(TEXTS)).toContain(key);
  });

  it("are all said somewhere", () => {
    const made = /^(state|mean|sort|order|because|role|repair|term|why|cause|operand|figure|confidence)_/;
    const said = sources.filter(([name]) => name !== "texts.ts").map(([, text]) => text).join("\n");
    const silent = Object.keys(TEXTS).filter((key) => !made.test(key) && !new RegExp(`["\\b]${key}["\\b]`).test(said));
    expect(silent).toEqual([]);
  });

  it("take what is put in as it is", () => {
    language.value = "en";
    expect(t("signed_in_as", { name: "{count} $& <b>" })).toBe("Signed in as {count} $& <b>");
    expect(t("lost_since")).toContain("{time}");
  });
});

describe("the source", () => {
  it.each(sources)("makes no markup of text (%s)", (_, text) => {
    expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|eval\(|new Function/);
  });

  it.each(sources)("is short enough to be read (%s)", (_, text) => {
    expect(text.split("\n").length).toBeLessThanOrEqual(400);
  });

  it.each(sources)("speaks to nobody but its own server (%s)", (_, text) => {
    expect(text).not.toMatch(/https?:\/\//);
  });
});
