/** Running times and instants. The text changes every second; nothing around it does. */
import { useComputed, useSignal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { second } from "../live/clock";
import { clock, isoDuration, timeOfDay } from "../model/durations";
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

/** A duration that is over, in seconds. */
export function Lasted({ seconds }: { seconds: number }) {
  return <time class="time" dateTime={isoDuration(seconds)}>{clock(seconds)}</time>;
}

/** The time of day in the VDN's zone. */
export function At({ at_ms, withSeconds = false }: { at_ms: number; withSeconds?: boolean }) {
  return (
    <time class="time" dateTime={new Date(at_ms).toISOString()}>
      {timeOfDay(at_ms, locale(), zone.value, withSeconds)}
    </time>
  );
}
