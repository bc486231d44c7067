/**
 * One stream of the server, kept open for as long as it is wanted: it reconnects by itself, for days.
 *
 * It is read with `fetch` and not with `EventSource`, which hides the status of a refusal and the comments
 * that show that the line is alive. The world outside comes in through `Outside`, so tests have their own.
 */
import { SseReader, type Message } from "./sse";

/** Silence after which a line counts as dead; the server says something every 15 s. */
export const SILENT_MS_MAX = 35_000;
/** Waits before a new attempt: soon at first, and never so long that a person thinks of pressing reload. */
export const RETRY_MS = [250, 500, 1_000, 2_000, 4_000, 5_000] as const;
/** Wait after a refusal that only a change at the server can lift. */
export const REFUSED_RETRY_MS = 30_000;

export interface Outside {
  readonly fetch: (url: string, options: RequestInit) => Promise<Response>;
  /** Calls once, so many ms later; what it gives takes the call back. */
  readonly after: (ms: number, call: () => void) => () => void;
  /** From 0 to 1: keeps a thousand wallboards from coming back in the same instant. */
  readonly chance: () => number;
  /** A clock of any beginning, in ms. */
  readonly now: () => number;
}

export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  /** `silent_ms` is how long nothing had been heard when that was noticed. */
  | { readonly state: "lost"; readonly silent_ms: number }
  | { readonly state: "refused"; readonly status: number };

export interface Listener {
  /** A whole message. If it throws, the line is cut and begun anew, with a full state. */
  readonly message: (message: Message) => void;
  readonly link: (link: Link) => void;
}

export class Stream {
  private readonly url: string;
  private readonly listener: Listener;
  private readonly outside: Outside;
  private attempts = 0;
  private heardAt_ms: number;
  private lastId = "";
  private aborter: AbortController | null = null;
  private takeBack: () => void = () => {};
  private stopped = false;

  constructor(url: string, listener: Listener, outside: Outside) {
    this.url = url;
    this.listener = listener;
    this.outside = outside;
    this.heardAt_ms = outside.now();
  }

  start(): void {
    this.listener.link({ state: "connecting" });
    void this.connect();
  }

  /** Ends it for good. */
  stop(): void {
    this.stopped = true;
    this.takeBack();
    this.aborter?.abort();
  }

  /** Tries at once, when there is reason to think that it may work now: the network is back, the tab is seen. */
  hurry(): void {
    if (this.stopped || this.aborter) return;
    this.takeBack();
    void this.connect();
  }

  private async connect(): Promise<void> {
    const aborter = (this.aborter = new AbortController());
    let status = 0;
    try {
      this.watch(aborter);
      const answer = await this.outside.fetch(this.url, {
        headers: { Accept: "text/event-stream", ...(this.lastId && { "Last-Event-ID": this.lastId }) },
        cache: "no-store",
        signal: aborter.signal,
      });
      status = answer.status;
      if (answer.ok && answer.body) await this.read(answer.body, aborter);
      else await answer.body?.cancel();
    } catch {
      // Whatever broke, the line is gone: the same is done for all causes.
    }
    this.takeBack();
    this.aborter = null;
    if (!this.stopped) this.retry(status);
  }

  private async read(body: ReadableStream<Uint8Array>, aborter: AbortController): Promise<void> {
    const reader = new SseReader();
    const decoder = new TextDecoder();
    const pieces = body.getReader();
    // A line that is resumed may have nothing to tell for a while: that it is open is enough.
    this.listener.link({ state: "live" });
    this.heardAt_ms = this.outside.now();
    try {
      for (;;) {
        const { done, value } = await pieces.read();
        if (done || this.stopped) return;
        this.watch(aborter);
        this.attempts = 0;
        this.heardAt_ms = this.outside.now();
        for (const message of reader.feed(decoder.decode(value, { stream: true }))) this.take(message);
      }
    } finally {
      aborter.abort();
    }
  }

  private take(message: Message): void {
    try {
      this.listener.message(message);
    } catch (failure) {
      // What cannot be understood may be half of something: only a full state is sure.
      this.lastId = "";
      throw failure;
    }
    this.lastId = message.id;
  }

  /** Cuts the line when nothing is heard for too long; called anew with all that is heard. */
  private watch(aborter: AbortController): void {
    this.takeBack();
    this.takeBack = this.outside.after(SILENT_MS_MAX, () => aborter.abort());
  }

  private retry(status: number): void {
    const refused = status >= 400 && status < 500 && status !== 408;
    this.listener.link(refused ? { state: "refused", status } : { state: "lost", silent_ms: this.outside.now() - this.heardAt_ms });
    if (status === 401 || this.stopped) return;
    const wait = refused ? REFUSED_RETRY_MS : (RETRY_MS[Math.min(this.attempts, RETRY_MS.length - 1)] ?? 5_000);
    this.attempts += 1;
    this.takeBack = this.outside.after(wait * (0.75 + 0.5 * this.outside.chance()), () => void this.connect());
  }
}

/** The browser itself. */
export const BROWSER: Outside = {
  fetch: (url, options) => fetch(url, options),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  chance: () => Math.random(),
  now: () => performance.now(),
};
