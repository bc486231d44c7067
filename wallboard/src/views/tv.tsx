/**
 * TV mode: the floor for a room. It fills the screen, turns its pages by the clock, and needs nobody for days.
 *
 * Sizes hang on the height of the screen: from eight meters a figure has to be at least as high as its
 * twentieth part (40 mm on a 55-inch screen).
 */
import { useComputed } from "@preact/signals";
import type { Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { second } from "../live/clock";
import type { QueueRow } from "../live/rows";
import { attention } from "../model/attention";
import { timeOfDay } from "../model/durations";
import { FIGURES } from "../model/figures";
import { GROUPS, grouped } from "../model/groups";
import { StateBar, Swatch } from "../parts/bar";
import { Value } from "../parts/figure";
import { CloseIcon, Mark } from "../parts/icons";
import { Badge, told, useAttention } from "../parts/level";
import { Name, vdnName } from "../parts/names";
import { order } from "../parts/order";
import { totalsOf } from "../parts/summary";
import { Trend } from "../parts/trend";
import { arrange, goals, layout, lostSince, queues, shownSecond, vdn, zone } from "../state";
import { locale, t } from "../texts";
import { Loading } from "./floor";

/** Urgent queues named at the foot, whatever page is shown. */
const URGENT_NAMED = 4;
const POINTER_SHOWN_MS = 3_000;

export function Tv() {
  useStage();
  const { tiles, dwell_s } = layout.value;
  const columns = columnsFor(tiles);
  const pages = Math.max(1, Math.ceil(order.value.length / tiles));
  // By the clock, not by a counter: all screens of a room show the same page, and a restart changes nothing.
  const page = Math.floor(second.value / dwell_s) % pages;
  return (
    <main class="tv" id="figures">
      <Head />
      {queues.heads.value === null ? <Loading /> : (
        <div class={tiles > 6 ? "tv-tiles many" : "tv-tiles"} style={{ "--columns": String(columns), "--rows": String(Math.ceil(tiles / columns)) }}>
          {order.value.slice(page * tiles, (page + 1) * tiles).map((skill) => {
            const row = queues.row(skill);
            return row && <TvTile key={skill} row={row} />;
          })}
        </div>
      )}
      <Foot page={page} pages={pages} />
    </main>
  );
}

/** Wide rather than high, as a television is. */
function columnsFor(tiles: number): number {
  return tiles === 1 ? 1 : tiles <= 4 ? 2 : tiles <= 9 ? 3 : 4;
}

export function leaveTv(): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  arrange({ view: "floor", skill: null });
}

export function enterTv(): void {
  arrange({ view: "tv", skill: null });
  // Refused where nobody pressed anything, as in a kiosk, which fills the screen anyway.
  void document.documentElement.requestFullscreen?.().catch(() => {});
}

/** Keeps the screen awake and the pointer out of sight; leaving the full screen leaves TV mode. */
function useStage(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | null = null;
    let over = false;
    let timer = 0;
    const root = document.documentElement;
    const wake = (): void => {
      if (document.hidden) return;
      navigator.wakeLock?.request("screen").then(
        (got) => {
          if (over) void got.release();
          else lock = got;
        },
        () => {},
      );
    };
    const moved = (): void => {
      root.classList.add("pointing");
      clearTimeout(timer);
      timer = window.setTimeout(() => root.classList.remove("pointing"), POINTER_SHOWN_MS);
    };
    let wasFull = document.fullscreenElement !== null;
    const changed = (): void => {
      const full = document.fullscreenElement !== null;
      if (wasFull && !full) arrange({ view: "floor", skill: null });
      wasFull = full;
    };
    wake();
    document.addEventListener("visibilitychange", wake);
    document.addEventListener("fullscreenchange", changed);
    document.addEventListener("mousemove", moved);
    return () => {
      over = true;
      clearTimeout(timer);
      root.classList.remove("pointing");
      document.removeEventListener("visibilitychange", wake);
      document.removeEventListener("fullscreenchange", changed);
      document.removeEventListener("mousemove", moved);
      void lock?.release();
    };
  }, []);
}

function Head() {
  queues.version.value;
  const totals = totalsOf(queues.all(), queues.heads.value?.agents ?? null);
  const groups = totals.agents && grouped(totals.agents);
  const of = vdn.value;
  return (
    <header class="tv-head">
      <Mark />
      <h1><bdi>{of && vdnName(of)}</bdi></h1>
      <dl class="tv-totals">
        <div><dt>{t("waiting")}</dt><dd>{totals.waiting}</dd></div>
        <div><dt>{t("longest_wait")}</dt><dd><Value name="longest_wait" value={totals.oldest_waiting_since_ms} /></dd></div>
        <div><dt>{t("in_20s")}</dt><dd><Value name="in_20s" value={totals.in_20s} /></dd></div>
        {groups && <div><dt>{t("free")}</dt><dd>{groups.free}</dd></div>}
      </dl>
      <span class={`tv-clock ${lostSince.value === null ? "" : "lost"}`}>
        {timeOfDay(second.value * 1_000, locale(), zone.value)}
      </span>
      <button type="button" class="icon-button tv-leave" aria-label={t("tv_leave")} title={t("tv_leave")} onClick={leaveTv}>
        <CloseIcon />
      </button>
    </header>
  );
}

function TvTile({ row: signal }: { row: Signal<QueueRow> }) {
  const row = signal.value;
  const { level, reason } = told(useAttention(signal).value);
  const groups = grouped(row.agents);
  return (
    <article class={`tv-tile ${level} ${reason}`} data-skill={row.skill} aria-labelledby={`tv-${row.skill}`}>
      <header>
        <h2 id={`tv-${row.skill}`}><Name text={row.name} otherwise={t("skill_number", { skill: row.skill })} /></h2>
        <Badge level={level} reason={reason} />
      </header>
      <dl class="tv-figures">
        <div class="tv-waiting"><dt>{t("waiting")}</dt><dd>{row.waiting}</dd></div>
        <div class="tv-longest"><dt>{t("longest_wait")}</dt><dd><Value name="longest_wait" value={row.oldest_waiting_since_ms} /></dd></div>
        <div class="tv-share"><dt>{t("in_20s")}</dt><dd><Value name="in_20s" value={FIGURES.in_20s.value(row)} /></dd></div>
      </dl>
      <StateBar counts={row.agents} />
      <ul class="tv-groups">
        {GROUPS.filter((group) => group !== "ringing").map((group) => (
          <li key={group} class={groups[group] ? "" : "zero"}>
            <Swatch group={group} /><b>{groups[group]}</b> {t(group)}
          </li>
        ))}
      </ul>
      <Trend row={row} />
    </article>
  );
}

function Foot({ page, pages }: { page: number; pages: number }) {
  const urgent = useComputed(() => {
    queues.version.value;
    return queues.all()
      .filter((row) => attention(row, shownSecond.value * 1_000, goals.value).level === "urgent")
      .sort((one, two) => (one.oldest_waiting_since_ms ?? 0) - (two.oldest_waiting_since_ms ?? 0));
  }).value;
  return (
    <footer class="tv-foot">
      <ul class="tv-urgent">
        {pages > 1 && urgent.slice(0, URGENT_NAMED).map((row) => (
          <li key={row.skill}>
            <Badge level="urgent" reason="long_wait" />
            <Name text={row.name} otherwise={t("skill_number", { skill: row.skill })} />
            <Value name="longest_wait" value={row.oldest_waiting_since_ms} />
          </li>
        ))}
      </ul>
      {pages > 1 && (
        <ol class="tv-pages" aria-label={t("tv_page", { page: page + 1, pages })}>
          {Array.from({ length: Math.min(pages, 24) }, (_, index) => (
            <li key={index} class={index === page ? "here" : ""} aria-hidden="true" />
          ))}
        </ol>
      )}
    </footer>
  );
}
