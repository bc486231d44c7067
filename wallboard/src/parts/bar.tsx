/** The agents of a queue by what they do: a bar, and its numbers beneath. */
import { GROUPS, grouped, type Group } from "../model/groups";
import type { StateCounts } from "../live/rows";
import { t } from "../texts";
import { FigureButton } from "./figure";

/** The bar alone: its widths are shares, so it never changes its place or size. */
export function StateBar({ counts }: { counts: StateCounts }) {
  const groups = grouped(counts);
  const all = GROUPS.reduce((sum, group) => sum + groups[group], 0);
  return (
    <div class={all ? "state-bar" : "state-bar empty"} aria-hidden="true">
      {GROUPS.map((group) => groups[group] > 0 && (
        <span key={group} class={`segment ${group}`} style={{ flexGrow: groups[group] }} />
      ))}
    </div>
  );
}

/** The numbers of a bar, each with the mark of its color and its word. */
export function StateNumbers({ counts, skill }: { counts: StateCounts; skill: number | null }) {
  const groups = grouped(counts);
  return (
    <ul class="state-numbers" aria-label={t("agents_by_state")}>
      {GROUPS.map((group) => (
        <li key={group} class={groups[group] ? "" : "zero"}>
          <FigureButton name={group} skill={skill} value={groups[group]} class="state-number">
            <span class={`swatch ${group}`} aria-hidden="true" />
            <b>{groups[group]}</b>
            <span class="state-word" aria-hidden="true">{t(group)}</span>
          </FigureButton>
        </li>
      ))}
    </ul>
  );
}

/** The mark of a group's color, with its word for those who do not see it. */
export function Swatch({ group }: { group: Group }) {
  return <span class={`swatch ${group}`} aria-hidden="true" />;
}
