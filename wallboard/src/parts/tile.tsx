/** One queue on the floor: all that a supervisor wants to know of it without asking. */
import type { Signal } from "@preact/signals";
import type { QueueRow } from "../live/rows";
import { answeredIn20s, SHARE_CALLS_MIN } from "../model/attention";
import { FIGURES } from "../model/figures";
import { addressOf } from "../state";
import { t } from "../texts";
import { StateBar, StateNumbers } from "./bar";
import { FigureBlock } from "./figure";
import { Badge, told, useAttention } from "./level";
import { Name } from "./names";
import { Hour } from "./trend";

export function Tile({ row: signal }: { row: Signal<QueueRow> }) {
  const row = signal.value;
  const { level, reason } = told(useAttention(signal).value);
  const skill = row.skill;
  // A share of a few calls is told in a low voice.
  const thin = answeredIn20s(row).offered < SHARE_CALLS_MIN ? "thin" : "";
  return (
    <article class={`tile ${level} ${reason}`} data-skill={skill} aria-labelledby={`queue-${skill}`}>
      <header class="tile-head">
        <h2 id={`queue-${skill}`} class="tile-name">
          <a href={addressOf({ view: "queue", skill })} class="tile-link">
            <Name text={row.name} otherwise={t("skill_number", { skill })} />
          </a>
        </h2>
        <Badge level={level} reason={reason} />
      </header>
      <div class="tile-figures">
        <FigureBlock name="waiting" skill={skill} value={row.waiting} class="large" />
        <FigureBlock name="longest_wait" skill={skill} value={row.oldest_waiting_since_ms} />
        <FigureBlock name="in_20s" skill={skill} value={FIGURES.in_20s.value(row)} class={thin} />
      </div>
      <StateBar counts={row.agents} />
      <StateNumbers counts={row.agents} skill={skill} />
      <Hour row={row} />
    </article>
  );
}
