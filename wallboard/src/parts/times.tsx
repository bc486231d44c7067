/** Running times and instants. The text changes every second; nothing around it does. */
import { useComputed, useSignal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { second } from "../live/clock";
import { clock, timeOfDay } from "../model/durations";
import { shownSecond, zone } from "../state";
import { locale } from "../texts";

/**
 * How long something has run since an instant (epoch ms). It stands still while the figures do; what is told
 * of the standing still itself runs on (`always`).
 */
export function Since({ at_ms, always = false }: { at_ms: number; always?: boolean }) {
  const began = useSignal(at_ms);
  useLayoutEffect(() => {
    began.value = at_ms;
  }, [at_ms]);
  const text = useComputed(() => clock((always ? second : shownSecond).value - Math.floor(began.value / 1_000)));
  return <span class="time" role="timer">{text}</span>;
}

/** How long it still is to an instant (epoch ms); 0:00 when that is past. */
export function Until({ at_ms }: { at_ms: number }) {
  const ends = useSignal(at_ms);
  useLayoutEffect(() => {
    ends.value = at_ms;
  }, [at_ms]);
  const text = useComputed(() => clock(Math.ceil(ends.value / 1_000) - shownSecond.value));
  return <span class="time" role="timer">{text}</span>;
}

/** The time of day in the VDN's zone. */
export function At({ at_ms, withSeconds = false }: { at_ms: number; withSeconds?: boolean }) {
  return (
    <time class="time" dateTime={new Date(at_ms).toISOString()}>
      {timeOfDay(at_ms, locale(), zone.value, withSeconds)}
    </time>
  );
}
