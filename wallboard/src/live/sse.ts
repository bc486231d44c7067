/** The text of a stream of Server-Sent Events, piece by piece, as the HTML standard reads it. No I/O. */

export interface Message {
  readonly event: string;
  readonly data: string;
  readonly id: string;
}

/** A line may be as long as a full state of 1000 queues; far beyond that, something is wrong. */
export const LINE_CHARS_MAX = 16_000_000;

/** Takes text in whatever pieces it comes, and gives the messages that became whole. */
export class SseReader {
  /** The id of the last whole message: what a new connection resumes from. */
  lastId = "";
  private rest = "";
  private event = "";
  private data: string[] = [];
  private id: string | null = null;

  feed(piece: string): Message[] {
    const messages: Message[] = [];
    // A CR at the end may be half of a CRLF: it waits for what follows.
    const whole = this.rest + piece;
    const held = whole.endsWith("\r") ? 1 : 0;
    const lines = whole.slice(0, whole.length - held).split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? "") + (held ? "\r" : "");
    if (this.rest.length > LINE_CHARS_MAX) throw new Error("a line of the stream has no end");
    for (const line of lines) {
      if (line === "") {
        const message = this.dispatch();
        if (message) messages.push(message);
      } else {
        this.field(line);
      }
    }
    return messages;
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.event = value;
    else if (name === "data") this.data.push(value);
    else if (name === "id" && !value.includes("\0")) this.id = value;
  }

  private dispatch(): Message | null {
    if (this.id !== null) this.lastId = this.id;
    const message = this.data.length
      ? { event: this.event || "message", data: this.data.join("\n"), id: this.lastId }
      : null;
    this.event = "";
    this.data = [];
    this.id = null;
    return message;
  }
}
