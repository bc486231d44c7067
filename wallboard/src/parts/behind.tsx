/** What is behind a figure: its meaning, its period, and the calls, agents or queues it is made of. */
import { useComputed } from "@preact/signals";
import type { Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { QueueRow } from "../live/rows";
import { arrangedAgents } from "../model/arranging";
import { answeredIn20s, shareOf } from "../model/attention";
import { FIGURES, type Figure, type FigureName } from "../model/figures";
import { GROUP_OF, type Group } from "../model/groups";
import { FIVE_MS } from "../model/trend";
import { isSignedIn, session } from "../live/server";
import { addressOf, agents, mark, panelSkill, queues, vdn } from "../state";
import { locale, t } from "../texts";
import { CallersTable, useCallers } from "../views/queue";
import { AgentsTable } from "./agents_table";
import { Sheet } from "./dialog";
import { HowItComes } from "./explained";
import { behind, Value } from "./figure";
import { Hours } from "./hours";
import { Name } from "./names";
import { totalsOf } from "./summary";
import { At } from "./times";

/** Queues listed under a sum: those that bring the most to it. */
const QUEUES_LISTED = 30;

export function Behind() {
  const open = behind.value;
  if (!open) return null;
  const close = (): void => {
    behind.value = null;
    panelSkill.value = null;
  };
  return (
    <Sheet key={`${open.figure} ${open.skill}`} label={t(FIGURES[open.figure].label)} class="behind" onClose={close}>
      {open.skill === null ? <OfFloor name={open.figure} /> : <OfQueue name={open.figure} skill={open.skill} />}
    </Sheet>
  );
}

interface HeadShape {
  readonly name: FigureName;
  readonly value: number | null;
  readonly where: string;
  readonly rows: readonly QueueRow[];
}

function Head({ name, value, where, rows }: HeadShape) {
  const figure = FIGURES[name];
  const share = shareOf(rows.flatMap((row) => [row.five, row.last_five]));
  return (
    <>
      <p class="behind-where"><bdi class="name">{where}</bdi></p>
      <h2 class="behind-label">{t(figure.label)}</h2>
      <p class="behind-value"><Value name={name} value={value} /></p>
      <p class="behind-period muted"><Period figure={figure} /></p>
      <p class="behind-meaning">{t(figure.meaning)}</p>
      {name === "in_20s" && (
        <p class="behind-share">{t("within_20s_of", { answered: share.answered, offered: share.offered })}</p>
      )}
    </>
  );
}

function Period({ figure }: { figure: Figure }) {
  if (figure.period === "now") return <>{t("period_now")}</>;
  if (figure.period === "day") {
    const day_ms = queues.heads.value?.day_ms;
    return day_ms ? <>{t("period_day")} (<At at_ms={day_ms} />)</> : <>{t("period_day")}</>;
  }
  const [before, after] = t("period_ten").split("{time}");
  return <>{before}<At at_ms={mark.value - FIVE_MS} />{after}</>;
}

function OfFloor({ name }: { name: FigureName }) {
  queues.version.value;
  const figure = FIGURES[name];
  const rows = queues.all();
  const totals = totalsOf(rows, queues.heads.value?.agents ?? null);
  const value =
    name === "longest_wait" ? totals.oldest_waiting_since_ms
    : name === "waiting" || name === "in_20s" || name === "offered_today" || name === "answered_today" || name === "left_today"
      ? totals[name]
    : totals.agents ? figureOfAll(name, rows, totals.agents) : null;
  const rank = (row: QueueRow): number => {
    const one = figure.value(row);
    if (one === null) return -Infinity;
    return figure.kind === "count" ? one : -one;
  };
  const made = rows.filter((row) => figure.value(row) !== null && figure.value(row) !== 0)
    .sort((one, two) => rank(two) - rank(one)).slice(0, QUEUES_LISTED);
  return (
    <>
      <Head name={name} value={value} where={vdn.value?.name || t("floor")} rows={rows} />
      <h3>{t("made_of")}</h3>
      <table class="table">
        <tbody>
          {made.map((row) => (
            <tr key={row.skill}>
              <th scope="row">
                <a href={addressOf({ view: "queue", skill: row.skill })} onClick={() => (behind.value = null)}>
                  <Name text={row.name} otherwise={t("skill_number", { skill: row.skill })} />
                </a>
              </th>
              {name === "in_20s" && <td class="number muted"><Parts row={row} /></td>}
              <td class="number"><Value name={name} value={figure.value(row)} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Parts({ row }: { row: QueueRow }) {
  const { answered, offered } = answeredIn20s(row);
  return <>{answered} / {offered}</>;
}

/** A figure of agents for the whole floor: the head counts each agent once. */
function figureOfAll(name: FigureName, rows: readonly QueueRow[], counts: QueueRow["agents"]): number | null {
  const sample = rows[0];
  return sample ? FIGURES[name].value({ ...sample, agents: counts }) : null;
}

function OfQueue({ name, skill }: { name: FigureName; skill: number }) {
  const row = queues.row(skill);
  if (!row) return <p class="muted">{t("gone_queue")}</p>;
  const figure = FIGURES[name];
  return (
    <>
      <Head
        name={name} value={figure.value(row.value)} rows={[row.value]}
        where={row.value.name || t("skill_number", { skill })}
      />
      <Evidence figure={figure} row={row} />
      {figure.explained.length > 0 && mayExplain() && (
        <HowItComes
          figures={figure.explained} skill={skill} value={changesWith(figure, row.value)}
          closed={figure.evidence !== null && figure.evidence !== "fives"}
        />
      )}
    </>
  );
}

function Evidence({ figure: { evidence }, row }: { figure: Figure; row: Signal<QueueRow> }) {
  if (evidence === null) return null;
  if (evidence === "calls") return <Calls row={row} />;
  if (evidence === "fives") return <Fives row={row.value} />;
  if (evidence === "offered" || evidence === "left") return <Hours skill={row.value.skill} measure={evidence} />;
  return <AgentsOf skill={row.value.skill} evidence={evidence} />;
}

/** Explanations name agents and calls: they are for who may look into queues. */
function mayExplain(): boolean {
  const who = session.value;
  return isSignedIn(who) && who.views.includes("queue");
}

/** What the explanation of a figure hangs on, of what the rows tell. */
function changesWith(figure: Figure, row: QueueRow): string {
  return figure.evidence === "fives" ? JSON.stringify([row.five.offered, row.five.answered])
    : JSON.stringify([figure.value(row), row.agents, row.waiting]);
}

function Calls({ row }: { row: Signal<QueueRow> }) {
  const calls = useCallers(row.value.skill, row).value;
  return (
    <>
      <h3>{t("made_of")}</h3>
      {calls && <CallersTable calls={calls} />}
    </>
  );
}

function AgentsOf({ skill, evidence }: { skill: number; evidence: "agents" | Group }) {
  useEffect(() => {
    panelSkill.value = skill;
  }, [skill]);
  const keys = useComputed(() => {
    agents.version.value;
    const rows = agents.all().filter((row) => evidence === "agents" || GROUP_OF[row.state] === evidence);
    return arrangedAgents(rows, "time", false, locale()).map((row) => row.agent);
  });
  return (
    <>
      <h3>{t("made_of")}</h3>
      {keys.value.length ? <AgentsTable keys={keys.value} ofOneQueue /> : <p class="muted">{t("nobody")}</p>}
    </>
  );
}

/** The five minutes a share is made of: those that run, and those before. */
function Fives({ row }: { row: QueueRow }) {
  const parts = [[mark.value - FIVE_MS, row.last_five], [mark.value, row.five]] as const;
  return (
    <>
      <h3>{t("made_of")}</h3>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t("from_time")}</th>
            <th scope="col" class="number">{t("offered_inbound")}</th>
            <th scope="col" class="number">{t("chart_share")}</th>
          </tr>
        </thead>
        <tbody>
          {parts.map(([mark_ms, five]) => (
            <tr key={mark_ms}>
              <th scope="row"><At at_ms={mark_ms} /></th>
              <td class="number">{five.offered_in}</td>
              <td class="number">{five.answered_in_20s}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
