/** The server's clock, as far as it is known here: all running times are counted by it, not by the browser's. */
import { signal } from "@preact/signals";

/** How far the server's clock is ahead of the browser's. */
let ahead_ms = 0;
let known = false;

/** The server's time in whole seconds: what shows a running time hangs on it. */
export const second = signal(Math.floor(Date.now() / 1_000));

/** The server's time in ms. */
export function now_ms(): number {
  return Date.now() + ahead_ms;
}

/**
 * A message tells the server's time when it was made. It took a while to come, so the clock may be ahead of
 * what one message says, but never behind it; and a step of either clock is followed at once.
 */
export function tell(at_ms: number): void {
  const told = at_ms - Date.now();
  if (!known || told > ahead_ms || ahead_ms - told > 5_000) {
    ahead_ms = told;
    known = true;
    tick();
  }
}

function tick(): void {
  second.value = Math.floor(now_ms() / 1_000);
}

/** Ticks at every full second of the server. */
export function run(): void {
  tick();
  setTimeout(run, 1_000 - (now_ms() % 1_000));
}
