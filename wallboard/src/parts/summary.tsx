/** The floor in one line: the sums of the queues shown, and all agents, each once. */
import type { QueueRow, StateCounts } from "../live/rows";
import { shareOf, percent } from "../model/attention";
import { queues } from "../state";
import { t } from "../texts";
import { StateBar, StateNumbers } from "./bar";
import { FigureBlock } from "./figure";

export interface Totals {
  readonly waiting: number;
  readonly oldest_waiting_since_ms: number | null;
  readonly in_20s: number | null;
  readonly offered_today: number | null;
  readonly answered_today: number | null;
  readonly left_today: number | null;
  readonly agents: StateCounts | null;
}

/** Sums of rows; a sum of which a part is unknown is unknown. */
export function totalsOf(rows: readonly QueueRow[], agents: StateCounts | null): Totals {
  const sum = (value: (row: QueueRow) => number | null): number | null =>
    rows.reduce<number | null>((all, row) => {
      const one = value(row);
      return all === null || one === null ? null : all + one;
    }, 0);
  const oldest = rows.reduce((least, row) => Math.min(least, row.oldest_waiting_since_ms ?? Infinity), Infinity);
  return {
    waiting: sum((row) => row.waiting) ?? 0,
    oldest_waiting_since_ms: Number.isFinite(oldest) ? oldest : null,
    in_20s: percent(shareOf(rows.flatMap((row) => [row.five, row.last_five]))),
    offered_today: sum((row) => row.today.offered),
    answered_today: sum((row) => row.today.answered),
    left_today: sum((row) => row.today.left),
    agents,
  };
}

export function Summary() {
  queues.version.value;
  const totals = totalsOf(queues.all(), queues.heads.value?.agents ?? null);
  return (
    <section class="summary" aria-label={t("floor")}>
      <FigureBlock name="waiting" skill={null} value={totals.waiting} class="large" />
      <FigureBlock name="longest_wait" skill={null} value={totals.oldest_waiting_since_ms} class="large" />
      <FigureBlock name="in_20s" skill={null} value={totals.in_20s} class="large" />
      {totals.agents && (
        <div class="summary-agents">
          <span class="figure-label" aria-hidden="true">{t("agents")}</span>
          <StateBar counts={totals.agents} />
          <StateNumbers counts={totals.agents} skill={null} />
        </div>
      )}
      <DayFigures
        skill={null} offered={totals.offered_today} answered={totals.answered_today} left={totals.left_today}
      />
    </section>
  );
}

interface DayShape {
  readonly skill: number | null;
  readonly offered: number | null;
  readonly answered: number | null;
  readonly left: number | null;
}

/** The day so far; what the server does not know yet is left out. */
export function DayFigures({ skill, offered, answered, left }: DayShape) {
  return (
    <div class="summary-day">
      {offered !== null && <FigureBlock name="offered_today" skill={skill} value={offered} />}
      <FigureBlock name="answered_today" skill={skill} value={answered} />
      {left !== null && <FigureBlock name="left_today" skill={skill} value={left} />}
    </div>
  );
}
