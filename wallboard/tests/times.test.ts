import { describe, expect, it } from "vitest";
import { dayEnd, dayOf, measured } from "../src/model/day";
import { bytes, clock, timeOfDay, weekBefore } from "../src/model/durations";
import { extended, FIVE_MS, lastHour, markOf, TREND_FIVES } from "../src/model/trend";
import { parseFive } from "../src/live/rows";
import { passed, queue } from "./given";

const at = (text: string) => Date.parse(text);
const BERLIN = "Europe/Berlin";

describe("durations", () => {
  it.each([[-3, "0:00"], [7.9, "0:07"], [59, "0:59"], [60, "1:00"], [3_599, "59:59"], [3_600, "1:00:00"], [360_000, "100:00:00"]])(
    "are written %s s as %s", (seconds, words) => expect(clock(seconds)).toBe(words),
  );

  it("of bytes are sizes for people", () => {
    expect([0, 999, 1_000, 12_345, 61_000_000].map((size) => bytes(size, "en"))).toEqual(["0 B", "999 B", "1 kB", "12 kB", "61 MB"]);
  });
});

describe("the time of day", () => {
  it("is that of the VDN, not of the browser", () => {
    expect(timeOfDay(at("2026-07-01T22:30:00Z"), "en-GB", BERLIN)).toBe("00:30");
    expect(timeOfDay(at("2026-07-01T22:30:05Z"), "zh-CN", "UTC", true)).toBe("22:30:05");
    expect(timeOfDay(at("2026-07-01T22:30:00Z"), "en-GB", "Mars/Olympus")).toBe("22:30");
  });

  it("is the same a week before, whatever summer time did between", () => {
    expect(weekBefore(at("2026-03-30T08:00:00Z"), BERLIN)).toBe(at("2026-03-23T09:00:00Z"));
    expect(weekBefore(at("2026-10-26T09:00:00Z"), BERLIN)).toBe(at("2026-10-19T08:00:00Z"));
    expect(weekBefore(at("2026-07-08T08:00:00Z"), BERLIN)).toBe(at("2026-07-01T08:00:00Z"));
  });

  it.each([["2026-03-28T23:00:00Z", 23], ["2026-10-24T22:00:00Z", 25], ["2026-07-01T22:00:00Z", 24]])(
    "ends a day that began %s after %s hours", (begin, hours) => {
      expect(dayEnd(at(begin), BERLIN) - at(begin)).toBe(hours * 3_600_000);
    },
  );
});

describe("a day", () => {
  const day_ms = at("2026-11-23T00:00:00Z");
  const five = (mark_ms: number, offered: number) => ({ ...parseFive({ mark_ms }), offered });

  it("stands beside the same weekday, from the first hour with anything in it to the last", () => {
    const nine_ms = day_ms + 9 * 3_600_000;
    const day = dayOf([five(nine_ms + FIVE_MS, 3)], [five(nine_ms - 7 * 86_400_000 + 3_600_000, 8)], day_ms, "UTC");
    expect(day.marks_s[0]).toBe(nine_ms / 1_000);
    expect(day.marks_s).toHaveLength(24);
    expect(measured(day.now, "offered").filter((value) => value !== null)).toEqual([3]);
    expect(measured(day.before, "offered")[12]).toBe(8);
  });

  it("has nothing where there is nothing to divide by", () => {
    const some = { ...parseFive({ mark_ms: 0 }), offered_in: 4, answered_in_20s: 1, waits: 2, wait_ms: 9_000 };
    expect([measured([some, five(0, 1), undefined], "share"), measured([some, five(0, 1)], "wait")]).toEqual([
      [25, null, null], [4.5, null],
    ]);
  });
});

describe("the last hour", () => {
  it("is what was known and what the row says of the newest two, and no older", () => {
    const mark_ms = markOf(at("2026-11-23T10:37:12Z"));
    const known = [mark_ms - 2 * 3_600_000, mark_ms - 3 * FIVE_MS, mark_ms - FIVE_MS].map((mark) => parseFive({ mark_ms: mark, offered: 1 }));
    const row = queue({ five: passed({ offered: 5 }), last_five: passed({ offered: 7 }) });
    const hour = lastHour(extended(known, row, mark_ms), mark_ms);
    expect(hour).toHaveLength(TREND_FIVES);
    expect(hour.map((one) => one?.offered ?? null)).toEqual([null, null, null, null, null, null, null, null, 1, null, 7, 5]);
  });
});
