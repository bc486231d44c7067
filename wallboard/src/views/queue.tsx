/** One queue: who waits, who is there for them, and how the day has gone. */
import { useComputed, useSignal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { second } from "../live/clock";
import type { QueueRow, WaitingCall } from "../live/rows";
import { loadWaiting } from "../live/server";
import { arrangedAgents } from "../model/arranging";
import { FIGURES } from "../model/figures";
import { AgentsTable } from "../parts/agents_table";
import { StateBar, StateNumbers } from "../parts/bar";
import { FigureBlock, FigureButton } from "../parts/figure";
import { BackIcon } from "../parts/icons";
import { Badge, told, useAttention } from "../parts/level";
import { Name } from "../parts/names";
import { DayFigures } from "../parts/summary";
import { Since } from "../parts/times";
import { addressOf, agents, layout, queues, vdn } from "../state";
import { locale, t } from "../texts";
import { Today } from "./day";
import { Loading } from "./floor";

export function Queue() {
  const skill = layout.value.skill ?? 0;
  queues.keys.value;
  const row = queues.row(skill);
  if (queues.heads.value === null) return <Loading />;
  if (!row) return <><Back /><p class="empty-note">{t("gone_queue")}</p></>;
  return <Shown key={skill} row={row} />;
}

const Back = () => (
  <a class="back" href={addressOf({ view: "floor", skill: null })}><BackIcon />{t("back")}</a>
);

function Shown({ row: signal }: { row: Signal<QueueRow> }) {
  const row = signal.value;
  const skill = row.skill;
  const { level, reason } = told(useAttention(signal).value);
  const keys = useComputed(() => {
    agents.version.value;
    return arrangedAgents(agents.all(), "state", false, locale()).map((one) => one.agent);
  });
  return (
    <>
      <Back />
      <div class="view-head">
        <h1>
          <Name text={row.name} otherwise={t("skill_number", { skill })} />
          {row.name && <span class="muted number-after">{skill}</span>}
        </h1>
        <Badge level={level} reason={reason} />
      </div>
      <section class={`summary queue-summary ${level}`} aria-label={t("queue")}>
        <FigureBlock name="waiting" skill={skill} value={row.waiting} class="large" />
        <FigureBlock name="longest_wait" skill={skill} value={row.oldest_waiting_since_ms} class="large" />
        <FigureBlock name="in_20s" skill={skill} value={FIGURES.in_20s.value(row)} class="large" />
        <div class="summary-agents">
          <span class="figure-label" aria-hidden="true">{t("agents")}</span>
          <StateBar counts={row.agents} />
          <StateNumbers counts={row.agents} skill={skill} />
        </div>
        <DayFigures skill={skill} offered={row.today.offered} answered={row.today.answered} left={row.today.left} />
      </section>
      <div class="columns">
        <div class="column">
          <section class="card" aria-labelledby="callers">
            <h2 id="callers">{t("callers")} <span class="muted count-after">{row.waiting}</span></h2>
            <Callers row={signal} />
          </section>
          <Today skill={skill} />
        </div>
        <section class="card" aria-labelledby="queue-agents">
          <h2 id="queue-agents">
            {t("agents")} <FigureButton name="signed_in" skill={skill} value={row.signed_in} class="muted count-after" />
          </h2>
          {keys.value.length ? <AgentsTable keys={keys.value} ofOneQueue /> : <p class="muted">{t("nobody_there")}</p>}
        </section>
      </div>
    </>
  );
}

/** At most one question a second for the callers, and one in ten when nothing is heard. */
const CALLERS_EVERY_MS = 1_000;
const CALLERS_QUIET_S = 10;

/** The calls that wait, asked for anew whenever their number or the oldest of them changes. */
export function useCallers(skill: number, row: Signal<QueueRow> | undefined): Signal<readonly WaitingCall[] | null> {
  const calls = useSignal<readonly WaitingCall[] | null>(null);
  const asked = useSignal(0);
  const of = vdn.value;
  const key = `${row?.value.waiting} ${row?.value.oldest_waiting_since_ms} ${Math.floor(second.value / CALLERS_QUIET_S)}`;
  useEffect(() => {
    if (!of) return;
    let over = false;
    const wait_ms = Math.max(0, asked.peek() + CALLERS_EVERY_MS - performance.now());
    const timer = window.setTimeout(() => {
      asked.value = performance.now();
      loadWaiting(of, skill).then(
        (found) => {
          if (!over) calls.value = found;
        },
        // The panel and the view say what they have; the banner says that the server is gone.
        () => {},
      );
    }, wait_ms);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [of?.cc, of?.vdn, skill, key]);
  return calls;
}

function Callers({ row }: { row: Signal<QueueRow> }) {
  const calls = useCallers(row.value.skill, row).value;
  if (calls === null) return <p class="muted">{t("loading")}</p>;
  return <CallersTable calls={calls} />;
}

/** Those who wait, the longest first. */
export function CallersTable({ calls }: { calls: readonly WaitingCall[] }) {
  if (calls.length === 0) return <p class="muted">{t("none_waiting")}</p>;
  return (
    <div class="table-box">
      <table class="table">
        <thead>
          <tr>
            <th scope="col" class="place">{t("position")}</th>
            <th scope="col">{t("caller")}</th>
            <th scope="col" class="optional">{t("rings_at")}</th>
            <th scope="col" class="number">{t("waits_for")}</th>
          </tr>
        </thead>
        <tbody>
          {calls.map((call, index) => (
            <tr key={call.call} data-call={call.call}>
              <td class="place muted">{index + 1}</td>
              <td><bdi class="name" title={call.call}>{call.caller || t("caller_hidden")}</bdi></td>
              <td class="optional">
                {call.ringing.map((agent) => agents.row(agent)?.value.name || t("agent_number", { agent })).join(", ")}
              </td>
              <td class="number"><Since at_ms={call.waiting_since_ms} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
