/** A sum of the day by the hour: the five minutes it is made of, as the server keeps them. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { now_ms } from "../live/clock";
import type { Five } from "../live/rows";
import { loadSeries } from "../live/server";
import { count } from "../model/durations";
import { FIVE_MS } from "../model/trend";
import { mark, queues, vdn } from "../state";
import { locale, t } from "../texts";
import { At } from "./times";

const HOUR_MS = 3_600_000;

interface Shape {
  readonly skill: number;
  readonly measure: "offered" | "left";
}

export function Hours({ skill, measure }: Shape) {
  const fives = useSignal<readonly Five[] | null>(null);
  const of = vdn.value;
  const day_ms = queues.heads.value?.day_ms ?? null;
  const now = queues.row(skill)?.value.today[measure];
  useEffect(() => {
    if (!of || day_ms === null) return;
    let over = false;
    loadSeries(of, [skill], day_ms, now_ms() + FIVE_MS).then(
      (found) => {
        if (!over) fives.value = found.of(skill);
      },
      () => {},
    );
    return () => (over = true) && undefined;
  }, [of?.cc, of?.vdn, skill, day_ms, mark.value, now]);
  if (fives.value === null || day_ms === null) return <p class="muted" role="status">{t("loading")}</p>;
  const hours = new Map<number, number>();
  for (const five of fives.value) {
    const begin_ms = five.mark_ms - ((five.mark_ms - day_ms) % HOUR_MS);
    hours.set(begin_ms, (hours.get(begin_ms) ?? 0) + five[measure]);
  }
  const sum = [...hours.values()].reduce((all, one) => all + one, 0);
  return (
    <>
      <h3>{t("made_of")}</h3>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t("from_time")}</th>
            <th scope="col" class="number">{t(measure)}</th>
          </tr>
        </thead>
        <tbody>
          {[...hours].map(([begin_ms, calls]) => (
            <tr key={begin_ms}>
              <th scope="row"><At at_ms={begin_ms} /></th>
              <td class="number">{count(calls, locale())}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{t("sum")}</th>
            <td class="number"><b>{count(sum, locale())}</b></td>
          </tr>
        </tfoot>
      </table>
    </>
  );
}
