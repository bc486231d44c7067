/** The floor: every queue at a glance, what needs attention first. */
import { signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { LEVELS } from "../model/attention";
import { SORTS } from "../model/layout";
import { Chip, Search, Select, toggled } from "../parts/controls";
import { useGliding } from "../parts/gliding";
import { LevelIcon, ListIcon, ReverseIcon, TilesIcon } from "../parts/icons";
import { held, levels, order } from "../parts/order";
import { Summary } from "../parts/summary";
import { Tile } from "../parts/tile";
import { arrange, layout, queues } from "../state";
import { t, type Key } from "../texts";
import { QueueList } from "./queue_list";

export function Floor() {
  if (queues.heads.value === null) return <Loading />;
  return (
    <>
      <h1 class="sr">{t("floor")}</h1>
      <Summary />
      <Toolbar />
      {queues.keys.value.length === 0 ? <p class="empty-note">{t("no_queues")}</p> : <Shown />}
    </>
  );
}

/** Until the first full state is there. */
export function Loading() {
  return <p class="empty-note" role="status">{t("loading")}</p>;
}

function Toolbar() {
  const { only, sort, reversed, as } = layout.value;
  return (
    <div class="toolbar">
      <Search label={t("search_queues")} />
      <div class="chips" role="group" aria-label={t("show_only")}>
        {LEVELS.map((level) => (
          <Chip
            key={level}
            class={`level ${level} ${levels.value[level] ? "" : "zero"}`}
            pressed={only.includes(level)}
            onToggle={() => arrange({ only: toggled(only, level) })}
          >
            <LevelIcon level={level} />
            <span>{t(level)}</span>
            <b>{levels.value[level]}</b>
          </Chip>
        ))}
      </div>
      <Count />
      <div class="toolbar-end">
        <Select
          label={t("sort_by")}
          labelHidden
          value={sort}
          options={SORTS.map((one) => [one, t(`sort_${one}` as Key)])}
          onChoose={(one) => arrange({ sort: one, reversed: false })}
        />
        <button
          type="button" class="icon-button" aria-pressed={reversed} aria-label={t("reverse")} title={t("reverse")}
          onClick={() => arrange({ reversed: !reversed })}
        >
          <ReverseIcon />
        </button>
        <div class="switch" role="group" aria-label={t("arrange")}>
          <button type="button" aria-pressed={as === "tiles"} aria-label={t("tiles")} title={t("tiles")}
            onClick={() => arrange({ as: "tiles" })}><TilesIcon /></button>
          <button type="button" aria-pressed={as === "list"} aria-label={t("list")} title={t("list")}
            onClick={() => arrange({ as: "list" })}><ListIcon /></button>
        </div>
      </div>
    </div>
  );
}

/** How many of all are shown, once that is not all of them. */
function Count() {
  const shown = order.value.length;
  const all = queues.heads.value?.total || queues.keys.value.length;
  return (
    <p class="count" role="status">
      {shown < all && t("queues_shown", { shown, all })}
    </p>
  );
}

function Shown() {
  if (order.value.length === 0) return <NothingMatches />;
  return layout.value.as === "list" ? <QueueList /> : <Tiles />;
}

export function NothingMatches() {
  return (
    <p class="empty-note">
      {t("no_match")}{" "}
      <button type="button" class="text-button" onClick={() => arrange({ search: "", only: [], skills: [], groups: [] })}>
        {t("clear_filters")}
      </button>
    </p>
  );
}

/** A tile as it is drawn at least, and what stands above the tiles, in rem. */
const TILE_REM = { width: 19.5, height: 16.5, above: 15 } as const;
const ZOOM_MAX = 1.75;

/** How large tiles may be, so that few of them fill a large screen: by eighths, so that it seldom changes. */
function zoomFor(tiles: number): number {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const width = innerWidth / rem;
  const height = innerHeight / rem - TILE_REM.above;
  if (width < 60 || tiles === 0) return 1;
  for (let zoom = ZOOM_MAX; zoom > 1; zoom -= 1 / 8) {
    const columns = Math.floor((width - 4) / (TILE_REM.width * zoom));
    if (Math.ceil(tiles / columns) * TILE_REM.height * zoom <= height) return zoom;
  }
  return 1;
}

const size = signal(0);
addEventListener("resize", () => (size.value += 1));

function Tiles() {
  const grid = useRef<HTMLDivElement>(null);
  const skills = order.value;
  useGliding(grid, skills);
  size.value;
  return (
    <div
      class="tiles"
      ref={grid}
      style={{ "--zoom": String(zoomFor(skills.length)) }}
      onPointerDown={() => (held.value = true)}
      onPointerUp={() => (held.value = false)}
      onPointerCancel={() => (held.value = false)}
      onPointerLeave={() => (held.value = false)}
    >
      {skills.map((skill) => {
        const row = queues.row(skill);
        return row && <Tile key={skill} row={row} />;
      })}
    </div>
  );
}
