/** The floor as a list: one line a queue, every column a way to sort. For many queues, and for who reads tables. */
import type { Signal } from "@preact/signals";
import type { QueueRow } from "../live/rows";
import { FIGURES, type FigureName } from "../model/figures";
import { LEAST_FIRST, type Sort } from "../model/layout";
import { StateBar } from "../parts/bar";
import { FigureButton } from "../parts/figure";
import { Badge, told, useAttention } from "../parts/level";
import { Name } from "../parts/names";
import { order } from "../parts/order";
import { Trend } from "../parts/trend";
import { addressOf, arrange, layout, queues } from "../state";
import { t } from "../texts";

/** The columns of figures, and by which order a press on the head sorts. */
const COLUMNS: readonly (readonly [figure: FigureName, sort: Sort])[] = [
  ["waiting", "waiting"],
  ["longest_wait", "longest"],
  ["in_20s", "share"],
  ["free", "free"],
  ["ringing", "ringing"],
  ["talking", "talking"],
  ["wrapup", "wrapup"],
  ["away", "away"],
  ["answered_today", "answered"],
];

export function QueueList() {
  return (
    <div class="table-box">
      <table class="table queue-table">
        <thead>
          <tr>
            <Head sort="name" words={t("queue")} />
            <Head sort="attention" words={t("attention")} />
            {COLUMNS.map(([figure, sort]) => (
              <Head key={figure} sort={sort} words={t(FIGURES[figure].label)} number />
            ))}
            <th scope="col" class="wide">{t("agents_by_state")}</th>
            <th scope="col" class="wide">{t("last_hour")}</th>
          </tr>
        </thead>
        <tbody>
          {order.value.map((skill) => {
            const row = queues.row(skill);
            return row && <Line key={skill} row={row} />;
          })}
        </tbody>
      </table>
    </div>
  );
}

/** A head that sorts; a second press turns the order round. */
function Head({ sort, words, number = false }: { sort: Sort; words: string; number?: boolean }) {
  const chosen = layout.value.sort === sort;
  const reversed = layout.value.reversed;
  return (
    <th
      scope="col"
      class={number ? "number" : ""}
      aria-sort={chosen ? (reversed === LEAST_FIRST.has(sort) ? "descending" : "ascending") : undefined}
    >
      <button type="button" class="head-button" onClick={() => arrange({ sort, reversed: chosen && !reversed })}>
        {words}
        <span class={`arrow ${chosen ? (reversed ? "up" : "down") : ""}`} aria-hidden="true" />
      </button>
    </th>
  );
}

function Line({ row: signal }: { row: Signal<QueueRow> }) {
  const row = signal.value;
  const { level, reason } = told(useAttention(signal).value);
  return (
    <tr class={level} data-skill={row.skill}>
      <th scope="row">
        <a href={addressOf({ view: "queue", skill: row.skill })} class="tile-link">
          <Name text={row.name} otherwise={t("skill_number", { skill: row.skill })} />
        </a>
      </th>
      <td><Badge level={level} reason={reason} /></td>
      {COLUMNS.map(([figure]) => (
        <td key={figure} class={`number ${figure}`}>
          <FigureButton name={figure} skill={row.skill} value={FIGURES[figure].value(row)} />
        </td>
      ))}
      <td class="wide"><StateBar counts={row.agents} /></td>
      <td class="wide"><Trend row={row} /></td>
    </tr>
  );
}
