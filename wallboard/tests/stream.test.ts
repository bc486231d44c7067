import { describe, expect, it } from "vitest";
import type { Message } from "../src/live/sse";
import { REFUSED_RETRY_MS, RETRY_MS, SILENT_MS_MAX, Stream, type Link, type Outside } from "../src/live/stream";

interface Request {
  readonly headers: Record<string, string>;
  readonly answer: (status: number) => void;
  readonly say: (text: string) => void;
  readonly end: () => void;
  readonly aborted: () => boolean;
}

/** A world of the test's own: its time passes when the test says so. */
class World implements Outside {
  readonly requests: Request[] = [];
  readonly links: Link[] = [];
  readonly messages: Message[] = [];
  throwing = false;
  private time = 0;
  private timers: { at: number; call: () => void }[] = [];

  readonly chance = (): number => 0.5;


  readonly fetch = (_: string, options: RequestInit): Promise<Response> => {
    const encoder = new TextEncoder();
    const signal = options.signal as AbortSignal;
    return new Promise((resolve, reject) => {
      let writer: ReadableStreamDefaultController<Uint8Array> | undefined;
      const body = new ReadableStream<Uint8Array>({ start: (controller) => void (writer = controller) });
      signal.addEventListener("abort", () => {
        reject(new Error("aborted"));
        try {
          writer?.error(new Error("aborted"));
        } catch {
          // It had ended before.
        }
      });
      this.requests.push({
        headers: options.headers as Record<string, string>,
        answer: (status) => resolve(new Response(status === 200 ? body : "{}", { status })),
        say: (text) => writer?.enqueue(encoder.encode(text)),
        end: () => writer?.close(),
        aborted: () => signal.aborted,
      });
    });
  };

  readonly now = (): number => this.time;

  readonly after = (ms: number, call: () => void): (() => void) => {
    const timer = { at: this.time + ms, call };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((one) => one !== timer));
  };

  async pass(ms: number): Promise<void> {
    await settled();
    this.time += ms;
    const due = this.timers.filter((timer) => timer.at <= this.time);
    this.timers = this.timers.filter((timer) => timer.at > this.time);
    for (const timer of due) timer.call();
    await settled();
  }

  open(): Stream {
    const stream = new Stream("/s", {
      link: (link) => this.links.push(link),
      message: (message) => {
        if (this.throwing) throw new Error("not understood");
        this.messages.push(message);
      },
    }, this);
    stream.start();
    return stream;
  }

  get last(): Request {
    const request = this.requests.at(-1);
    if (!request) throw new Error("nothing was asked");
    return request;
  }

  get state(): string | undefined {
    return this.links.at(-1)?.state;
  }
}

/** All that is promised has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

const FULL = "event: full\nid: 5\ndata: {}\n\n";

describe("a stream", () => {
  it("is live as soon as it is open, and gives what is said", async () => {
    const world = new World();
    world.open();
    expect(world.state).toBe("connecting");
    world.last.answer(200);
    world.last.say(FULL);
    await settled();
    expect(world.state).toBe("live");
    expect(world.messages).toEqual([{ event: "full", id: "5", data: "{}" }]);
  });

  it("comes back by itself and says where it was", async () => {
    const world = new World();
    world.open();
    world.last.answer(200);
    world.last.say(FULL);
    await settled();
    world.last.end();
    await settled();
    expect(world.state).toBe("lost");
    await world.pass(RETRY_MS[0]);
    expect(world.requests).toHaveLength(2);
    expect(world.last.headers["Last-Event-ID"]).toBe("5");
  });

  it("waits longer and longer, but never long", async () => {
    const world = new World();
    world.open();
    for (const [tries, wait] of [...RETRY_MS, 5_000, 5_000].entries()) {
      world.last.answer(503);
      await world.pass(wait - 1);
      expect(world.requests).toHaveLength(tries + 1);
      await world.pass(1);
      expect(world.requests).toHaveLength(tries + 2);
    }
    world.last.answer(200);
    world.last.say(": alive\n\n");
    await settled();
    world.last.end();
    await world.pass(RETRY_MS[0]);
    expect(world.requests).toHaveLength(RETRY_MS.length + 4);
  });

  it("takes silence for death, and words of any kind for life", async () => {
    const world = new World();
    world.open();
    world.last.answer(200);
    await world.pass(SILENT_MS_MAX - 1);
    world.last.say(": alive\n\n");
    await world.pass(SILENT_MS_MAX - 1);
    expect(world.state).toBe("live");
    await world.pass(1);
    expect(world.links.at(-1)).toEqual({ state: "lost", silent_ms: SILENT_MS_MAX });
    expect(world.last.aborted()).toBe(true);
  });

  it("begins anew after a message that it cannot understand", async () => {
    const world = new World();
    world.open();
    world.last.answer(200);
    world.last.say(FULL);
    await settled();
    world.throwing = true;
    world.last.say("event: change\nid: 6\ndata: {\n\n");
    await settled();
    expect(world.state).toBe("lost");
    await world.pass(RETRY_MS[0]);
    expect(world.last.headers["Last-Event-ID"]).toBeUndefined();
  });

  it("asks no more when nobody is signed in", async () => {
    const world = new World();
    world.open();
    world.last.answer(401);
    await world.pass(REFUSED_RETRY_MS * 10);
    expect(world.links.at(-1)).toEqual({ state: "refused", status: 401 });
    expect(world.requests).toHaveLength(1);
  });

  it("asks seldom when it may not", async () => {
    const world = new World();
    world.open();
    world.last.answer(403);
    await world.pass(REFUSED_RETRY_MS - 1);
    expect(world.requests).toHaveLength(1);
    await world.pass(1);
    expect(world.requests).toHaveLength(2);
  });

  it("asks at once when told to hurry, and never twice at a time", async () => {
    const world = new World();
    const stream = world.open();
    stream.hurry();
    expect(world.requests).toHaveLength(1);
    world.last.answer(503);
    await settled();
    stream.hurry();
    expect(world.requests).toHaveLength(2);
    world.last.answer(503);
    await settled();
  });

  it("is silent once it is stopped", async () => {
    const world = new World();
    const stream = world.open();
    world.last.answer(200);
    world.last.say(FULL);
    await settled();
    const told = world.links.length;
    stream.stop();
    await world.pass(60_000);
    expect(world.requests).toHaveLength(1);
    expect(world.links).toHaveLength(told);
  });
});
