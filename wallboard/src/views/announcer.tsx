/** Tells those who listen what others see at a glance: a queue that becomes urgent. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { second } from "../live/clock";
import { attention } from "../model/attention";
import { queueName } from "../parts/names";
import { goals, lostSince, queues } from "../state";
import { t, type Key } from "../texts";

/** Seconds between two announcements: more would only drown each other. */
const SAY_EVERY_S = 10;
/** Queues in one announcement. */
const SAID_AT_ONCE = 3;

export function Announcer() {
  const said = useSignal("");
  const urgentBefore = useRef<ReadonlySet<number> | null>(null);
  const turn = Math.floor(second.value / SAY_EVERY_S);
  useEffect(() => {
    const at_ms = second.peek() * 1_000;
    const urgent = queues.all().flatMap((row) => {
      const found = attention(row, at_ms, goals.peek());
      return found.level === "urgent" ? [{ skill: row.skill, reason: found.reason }] : [];
    });
    const before = urgentBefore.current;
    // What is urgent when the page opens is there to be read.
    const fresh = before ? urgent.filter((one) => !before.has(one.skill)).slice(0, SAID_AT_ONCE) : [];
    urgentBefore.current = queues.heads.peek() ? new Set(urgent.map((one) => one.skill)) : null;
    if (fresh.length) {
      said.value = fresh
        .map((one) => t("said_urgent", { name: queueName(one.skill), reason: t(`because_${one.reason}` as Key) }))
        .join(". ");
    }
  }, [turn]);
  const lost = lostSince.value !== null;
  const wasLost = useRef(lost);
  useEffect(() => {
    // That the line is lost, the banner says.
    if (wasLost.current && !lost) said.value = t("connected_again");
    wasLost.current = lost;
  }, [lost]);
  return <p class="sr" role="status" aria-live="polite">{said.value}</p>;
}
