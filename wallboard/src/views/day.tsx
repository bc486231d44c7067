/** The day of a queue in five minutes beside the same weekday: as charts, or as a table. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { now_ms, second } from "../live/clock";
import { loadSeries, type Vdn } from "../live/server";
import { dayEnd, dayOf, measured, type Day } from "../model/day";
import { day as dayWords, timeOfDay, weekBefore } from "../model/durations";
import { FIVE_MS } from "../model/trend";
import { Chart, written } from "../parts/chart";
import { At } from "../parts/times";
import { mark, queues, vdn, zone } from "../state";
import { locale, t } from "../texts";

const CHARTS = [["chart_offered", "offered"], ["chart_share", "share"], ["chart_wait", "wait"]] as const;

/** How long a day that could not be loaded is left alone. */
const AGAIN_S = 10;

export function Today({ skill }: { skill: number }) {
  const shown = useSignal<Day | null>(null);
  const failed = useSignal(false);
  const asTable = useSignal(false);
  const of = vdn.value;
  const day_ms = queues.heads.value?.day_ms ?? null;
  const mark_ms = mark.value;
  const attempt = failed.value ? Math.floor(second.value / AGAIN_S) : 0;
  useEffect(() => {
    if (!of || day_ms === null) return;
    let over = false;
    loadDay(of, skill, day_ms).then(
      (day) => {
        if (!over) [shown.value, failed.value] = [day, false];
      },
      () => {
        if (!over) failed.value = true;
      },
    );
    return () => (over = true) && undefined;
  }, [of?.cc, of?.vdn, skill, day_ms, mark_ms, attempt]);
  const day = shown.value;
  return (
    <section class="card day" aria-labelledby="day" aria-busy={day === null}>
      <div class="card-head">
        <h2 id="day">{t("day_chart")}</h2>
        {day && day_ms !== null && <Legend day={day} day_ms={day_ms} />}
        <button type="button" class="text-button" aria-pressed={asTable.value} onClick={() => (asTable.value = !asTable.value)}>
          {t(asTable.value ? "as_chart" : "as_table")}
        </button>
      </div>
      {failed.value && <p class="muted" role="status">{t("charts_failed")}</p>}
      {day && asTable.value ? <DayTable day={day} /> : (
        <div class="charts">
          {CHARTS.map(([title, measure]) =>
            day ? <Chart key={measure} title={title} measure={measure} day={day} />
            // As large as what will stand here.
            : <figure key={measure} class="chart"><figcaption>{t(title)}</figcaption><div class="plot" /></figure>)}
        </div>
      )}
    </section>
  );
}

function Legend({ day, day_ms }: { day: Day; day_ms: number }) {
  const before = t("same_weekday", { day: dayWords(weekBefore(day_ms, zone.value), locale(), zone.value) });
  return (
    <ul class="legend">
      <li><span class="key today" aria-hidden="true" />{t("this_day")} <KnownSince at_ms={day.known_ms.now} /></li>
      <li>
        <span class="key before" aria-hidden="true" />
        {day.before.some(Boolean) ? <>{before} <KnownSince at_ms={day.known_ms.before} /></> : t("no_history")}
      </li>
    </ul>
  );
}

/** From when on there are figures, if that is not the whole day. */
function KnownSince({ at_ms }: { at_ms: number | null }) {
  if (at_ms === null) return null;
  return <span class="muted">{t("known_since", { time: timeOfDay(at_ms, locale(), zone.value) })}</span>;
}

/** Raises Refusal. */
async function loadDay(of: Vdn, skill: number, day_ms: number): Promise<Day> {
  const before_ms = weekBefore(day_ms, of.timezone);
  const [now, before] = await Promise.all([
    loadSeries(of, [skill], day_ms, now_ms() + FIVE_MS),
    loadSeries(of, [skill], before_ms, weekBefore(dayEnd(day_ms, of.timezone), of.timezone)),
  ]);
  return dayOf(now.of(skill), before.of(skill), day_ms, of.timezone, {
    now: now.complete_from_ms > day_ms ? now.complete_from_ms : null,
    before: before.complete_from_ms > before_ms ? before.complete_from_ms : null,
  });
}

function DayTable({ day }: { day: Day }) {
  const columns = CHARTS.map(([title, measure]) => ({
    title, measure, now: measured(day.now, measure), before: measured(day.before, measure),
  }));
  return (
    <div class="table-box day-table" tabIndex={0} role="region" aria-label={t("day_chart")}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t("from_time")}</th>
            {columns.map(({ measure, title }) => <th key={measure} scope="col" class="number">{t(title)}</th>)}
          </tr>
        </thead>
        <tbody>
          {day.marks_s.map((mark_s, index) => (day.now[index] || day.before[index]) && (
            <tr key={mark_s}>
              <th scope="row"><At at_ms={mark_s * 1_000} /></th>
              {columns.map(({ measure, now, before }) => (
                <td key={measure} class="number">
                  {written(measure, now[index])}
                  <span class="muted before-value">
                    <span class="sr">{t("a_week_ago")} </span>{written(measure, before[index])}
                  </span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
