/** All agents who are signed in: what each does, and for how long. */
import { useComputed } from "@preact/signals";
import { arrangedAgents, wantedAgents } from "../model/arranging";
import { GROUP_OF, GROUPS } from "../model/groups";
import { AGENT_SORTS } from "../model/layout";
import { STATES, type StateCounts } from "../live/rows";
import { AgentsTable } from "../parts/agents_table";
import { StateBar, Swatch } from "../parts/bar";
import { Chip, Search, Select, toggled } from "../parts/controls";
import { ReverseIcon } from "../parts/icons";
import { agents, arrange, layout } from "../state";
import { locale, t, type Key } from "../texts";
import { Loading, NothingMatches } from "./floor";

export function Agents() {
  const counts = useComputed<StateCounts>(() => {
    agents.version.value;
    const all = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<keyof StateCounts, number>;
    for (const row of agents.all()) all[row.state] += 1;
    return all;
  });
  const keys = useComputed(() => {
    agents.version.value;
    const { search, groups, agentSort, reversed } = layout.value;
    return arrangedAgents(wantedAgents(agents.all(), search, groups), agentSort, reversed, locale())
      .map((row) => row.agent);
  });
  if (agents.heads.value === null) return <Loading />;
  const { groups, agentSort, reversed } = layout.value;
  const all = agents.keys.value.length;
  return (
    <>
      <div class="view-head">
        <h1>{t("agents")} <span class="muted count-after">{all}</span></h1>
        <StateBar counts={counts.value} />
      </div>
      <div class="toolbar">
        <Search label={t("search_agents")} />
        <div class="chips" role="group" aria-label={t("show_only")}>
          {GROUPS.map((group) => (
            <Chip key={group} pressed={groups.includes(group)} onToggle={() => arrange({ groups: toggled(groups, group) })}>
              <Swatch group={group} />
              <span>{t(group)}</span>
              <b>{STATES.reduce((sum, state) => sum + (GROUP_OF[state] === group ? counts.value[state] : 0), 0)}</b>
            </Chip>
          ))}
        </div>
        <p class="count" role="status">{keys.value.length < all && t("agents_shown", { shown: keys.value.length, all })}</p>
        <div class="toolbar-end">
          <Select
            label={t("sort_by")} labelHidden value={agentSort}
            options={AGENT_SORTS.map((one) => [one, t(`order_${one}` as Key)])}
            onChoose={(one) => arrange({ agentSort: one, reversed: false })}
          />
          <button
            type="button" class="icon-button" aria-pressed={reversed} aria-label={t("reverse")} title={t("reverse")}
            onClick={() => arrange({ reversed: !reversed })}
          >
            <ReverseIcon />
          </button>
        </div>
      </div>
      {all === 0 ? <p class="empty-note">{t("nobody_there")}</p>
        : keys.value.length === 0 ? <NothingMatches />
        : <AgentsTable keys={keys.value} />}
    </>
  );
}
