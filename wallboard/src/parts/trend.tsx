/** The last hour of a queue in twelve bars: what was offered, and how much of it was answered within 20 s. */
import type { Five, QueueRow } from "../live/rows";
import { extended, lastHour } from "../model/trend";
import { mark, trends } from "../state";
import { t } from "../texts";

const WIDTH = 10;
const GAP = 3;
const HEIGHT = 30;
/** The scale never gets finer than this: two calls are no rush. */
const OFFERED_MIN = 4;

export function Trend({ row }: { row: QueueRow }) {
  const mark_ms = mark.value;
  const hour = lastHour(extended(trends.value.get(row.skill) ?? [], row, mark_ms), mark_ms);
  return <Bars fives={hour} />;
}

/** The same with its words: what it is, and how many calls that were. */
export function Hour({ row }: { row: QueueRow }) {
  const mark_ms = mark.value;
  const hour = lastHour(extended(trends.value.get(row.skill) ?? [], row, mark_ms), mark_ms);
  const offered = hour.reduce((sum, five) => sum + (five?.offered ?? 0), 0);
  return (
    <div class="hour">
      <p class="hour-words" aria-hidden="true">
        <span>{t("last_hour")}</span>
        <span class="time">{t("calls", { count: offered })}</span>
      </p>
      <Bars fives={hour} />
    </div>
  );
}

function Bars({ fives }: { fives: readonly (Five | null)[] }) {
  const most = Math.max(OFFERED_MIN, ...fives.map((five) => five?.offered ?? 0));
  const offered = fives.reduce((sum, five) => sum + (five?.offered ?? 0), 0);
  const answered = fives.reduce((sum, five) => sum + (five?.answered_in_20s ?? 0), 0);
  return (
    <svg
      class="trend"
      viewBox={`0 0 ${fives.length * (WIDTH + GAP) - GAP} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={t("last_hour_of", { offered, answered })}
    >
      {fives.map((five, index) => {
        const x = index * (WIDTH + GAP);
        const all = five ? (five.offered / most) * (HEIGHT - 1) : 0;
        const soon = five ? (Math.min(five.answered_in_20s, five.offered) / most) * (HEIGHT - 1) : 0;
        return (
          <g key={index} class={index === fives.length - 1 ? "running" : ""}>
            <rect class="ground" x={x} y={HEIGHT - 1} width={WIDTH} height={1} />
            <rect class="offered" x={x} y={HEIGHT - 1 - all} width={WIDTH} height={all} />
            <rect class="soon" x={x} y={HEIGHT - 1 - soon} width={WIDTH} height={soon} />
          </g>
        );
      })}
    </svg>
  );
}
