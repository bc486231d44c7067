import { describe, expect, it } from "vitest";
import { LINE_CHARS_MAX, SseReader } from "../src/live/sse";

const STREAM = ": alive\n\nevent: full\nid: 7\ndata: {\"a\":\ndata: 1}\n\nretry: 2000\r\nevent: change\r\nid: 8\r\ndata:x\r\n\r\n";
const MESSAGES = [
  { event: "full", id: "7", data: '{"a":\n1}' },
  { event: "change", id: "8", data: "x" },
];

describe("the reader of a stream", () => {
  it("gives the same messages wherever the text is cut", () => {
    for (let cut = 0; cut <= STREAM.length; cut += 1) {
      const reader = new SseReader();
      expect([...reader.feed(STREAM.slice(0, cut)), ...reader.feed(STREAM.slice(cut))]).toEqual(MESSAGES);
    }
    const reader = new SseReader();
    expect([...STREAM].flatMap((letter) => reader.feed(letter))).toEqual(MESSAGES);
    expect(reader.lastId).toBe("8");
  });

  it("keeps the id of the last whole message only", () => {
    const reader = new SseReader();
    reader.feed("id: 1\ndata: a\n\nid: 2\ndata: b\n");
    expect(reader.lastId).toBe("1");
  });

  it("gives no message without data", () => {
    expect(new SseReader().feed(": alive\n\nevent: full\n\n")).toEqual([]);
  });

  it("refuses a line without end", () => {
    const reader = new SseReader();
    expect(() => reader.feed("x".repeat(LINE_CHARS_MAX + 1))).toThrow("no end");
  });
});
