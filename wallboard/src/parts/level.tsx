/** What a queue needs: the sign, and the reason in words. */
import { useComputed, type ReadonlySignal, type Signal } from "@preact/signals";
import type { QueueRow } from "../live/rows";
import { attention, type Attention, type Reason } from "../model/attention";
import { goals, shownSecond } from "../state";
import { t, type Key } from "../texts";
import { LevelIcon } from "./icons";

/** Follows what a row needs as time passes; changes only when that does. */
export function useAttention(row: Signal<QueueRow>): ReadonlySignal<string> {
  return useComputed(() => {
    const { level, reason } = attention(row.value, shownSecond.value * 1_000, goals.value);
    return `${level} ${reason}`;
  });
}

/** The value of `useAttention`, as it was before it became comparable text. */
export function told(text: string): Attention {
  const [level, reason] = text.split(" ");
  return { level, reason } as Attention;
}

export const reasonKey = (reason: Reason): Key => `because_${reason}`;

export function Badge({ level, reason }: Attention) {
  return (
    <span class={`badge ${level}`}>
      <LevelIcon level={level} />
      <span class="badge-word">{t(reasonKey(reason))}</span>
    </span>
  );
}
