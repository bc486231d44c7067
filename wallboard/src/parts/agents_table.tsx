/** Agents with what they do and since when. */
import { useSignal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import type { AgentRow } from "../live/rows";
import { GROUP_OF } from "../model/groups";
import { addressOf, agents } from "../state";
import { t, type Key } from "../texts";
import { Swatch } from "./bar";
import { Name, queueName } from "./names";
import { Since, Until } from "./times";

/** Rows drawn at first, and with each press for more: a thousand are soon there, ten thousand nobody reads. */
const SHOWN_AT_ONCE = 200;
/** Queues of an agent named in his row; the others are counted. */
const QUEUES_NAMED = 3;

interface Shape {
  readonly keys: readonly number[];
  /** Without the queues, where all are of one. */
  readonly ofOneQueue?: boolean;
}

export function AgentsTable({ keys, ofOneQueue = false }: Shape) {
  const shown = useSignal(SHOWN_AT_ONCE);
  const hasPhones = keys.some((key) => agents.row(key)?.value.phone);
  const more = keys.length - shown.value;
  return (
    <>
      <div class="table-box">
        <table class="table agents-table">
          <thead>
            <tr>
              <th scope="col">{t("agent")}</th>
              <th scope="col">{t("state")}</th>
              <th scope="col" class="number">{t("in_state")}</th>
              {!ofOneQueue && <th scope="col" class="optional">{t("queues")}</th>}
              {hasPhones && <th scope="col" class="number optional">{t("phone")}</th>}
            </tr>
          </thead>
          <tbody>
            {keys.slice(0, shown.value).map((key) => {
              const row = agents.row(key);
              return row && <Line key={key} row={row} ofOneQueue={ofOneQueue} hasPhones={hasPhones} />;
            })}
          </tbody>
        </table>
      </div>
      {more > 0 && (
        <button type="button" class="button more" onClick={() => (shown.value += SHOWN_AT_ONCE)}>
          {t("show_more", { count: Math.min(more, SHOWN_AT_ONCE) })}
        </button>
      )}
    </>
  );
}

interface LineShape {
  readonly row: Signal<AgentRow>;
  readonly ofOneQueue: boolean;
  readonly hasPhones: boolean;
}

function Line({ row: signal, ofOneQueue, hasPhones }: LineShape) {
  const row = signal.value;
  const group = GROUP_OF[row.state];
  return (
    <tr class={group} data-agent={row.agent}>
      <th scope="row">
        <span class="agent-name">
          <Name text={row.name} otherwise={t("agent_number", { agent: row.agent })} />
          {row.name && <span class="muted number-after">{row.agent}</span>}
        </span>
      </th>
      <td>
        <span class="state">
          <Swatch group={group} />
          {t(`state_${row.state}` as Key)}
          {row.reason && <bdi class="muted reason">{row.reason}</bdi>}
          {row.state === "adjust" && row.wrapup_until_ms !== null && <WrapupEnds at_ms={row.wrapup_until_ms} />}
        </span>
      </td>
      <td class="number"><Since at_ms={row.since_ms} /></td>
      {!ofOneQueue && (
        <td class="optional queues-cell">
          {row.skills.slice(0, QUEUES_NAMED).map((skill) => (
            <a key={skill} href={addressOf({ view: "queue", skill })} class="queue-tag">
              <bdi>{queueName(skill)}</bdi>
            </a>
          ))}
          {row.skills.length > QUEUES_NAMED && <span class="muted">+{row.skills.length - QUEUES_NAMED}</span>}
        </td>
      )}
      {hasPhones && <td class="number optional muted"><bdi>{row.phone}</bdi></td>}
    </tr>
  );
}

function WrapupEnds({ at_ms }: { at_ms: number }) {
  const [before, after] = t("wrapup_ends").split("{time}");
  return <span class="muted reason">{before}<Until at_ms={at_ms} />{after}</span>;
}
