/** What stands around every view: the bar at the top, the banner of freshness, and the sheets over it. */
import { useComputed } from "@preact/signals";
import type { ComponentType } from "preact";
import { second } from "../live/clock";
import { isSignedIn, session } from "../live/server";
import { timeOfDay } from "../model/durations";
import type { View } from "../model/layout";
import { Behind } from "../parts/behind";
import { AgentsIcon, FloorIcon, HealthIcon, Mark, SettingsIcon, TvIcon } from "../parts/icons";
import { vdnName } from "../parts/names";
import { At, Since } from "../parts/times";
import { addressOf, arrange, layout, link, lostSince, otherVersion, queues, vdn, zone } from "../state";
import { locale, t, type Key } from "../texts";
import { Agents } from "./agents";
import { Announcer } from "./announcer";
import { Floor } from "./floor";
import { Health } from "./health";
import { Queue } from "./queue";
import { Settings, settingsOpen } from "./settings";
import { SignIn } from "./sign_in";
import { enterTv, Tv } from "./tv";

const SHOWN: Readonly<Record<Exclude<View, "tv">, ComponentType>> = {
  floor: Floor, queue: Queue, agents: Agents, health: Health,
};
const NAVIGATION = [["floor", FloorIcon], ["agents", AgentsIcon], ["health", HealthIcon]] as const;

export function Wallboard() {
  const who = session.value;
  if (who === null) return <Starting />;
  if (!isSignedIn(who)) return <SignIn />;
  if (!vdn.value) return <main id="figures"><p class="empty-note">{t("no_vdns")}</p><Settings /></main>;
  if (layout.value.view === "tv") return <><Announcer /><Freshness /><Tv /></>;
  const View = SHOWN[layout.value.view];
  return (
    <div class={lostSince.value === null ? "shell" : "shell lost"}>
      <a class="skip" href="#figures" onClick={skip}>{t("skip")}</a>
      <Top />
      <Freshness />
      <main id="figures" tabIndex={-1}>
        {link.value.link.state === "refused" ? <Refused status={link.value.link.status} /> : <View />}
      </main>
      <Behind />
      <Settings />
      <Announcer />
    </div>
  );
}

/** The address is the layout: a link within the page must not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("figures")?.focus();
}

function Starting() {
  return <main id="figures"><p class="empty-note starting" role="status">{t("server_gone")}</p></main>;
}

function Refused({ status }: { status: number }) {
  return <p class="empty-note" role="alert">{t(status === 429 ? "too_many" : "refused")}</p>;
}

function Top() {
  const who = session.value;
  if (!isSignedIn(who)) return null;
  const view = layout.value.view === "queue" ? "floor" : layout.value.view;
  return (
    <header class="top">
      <a class="brand" href={addressOf({ view: "floor", skill: null })} aria-label="QueuePulse">
        <Mark /><span class="brand-word">QueuePulse</span>
      </a>
      <VdnChoice />
      <nav class="views" aria-label={t("views")}>
        {NAVIGATION.filter(([name]) => who.views.includes(name)).map(([name, Icon]) => (
          <a key={name} href={addressOf({ view: name, skill: null, search: "" })} aria-current={view === name ? "page" : undefined}>
            <Icon />{t(name)}
          </a>
        ))}
      </nav>
      <div class="top-end">
        {who.demo && <span class="demo">{t("demo")}</span>}
        <Line />
        <button type="button" class="icon-button" aria-label={t("tv")} title={t("tv")} onClick={enterTv}><TvIcon /></button>
        <button
          type="button" class="icon-button" aria-label={t("menu")} title={t("menu")} aria-haspopup="dialog"
          onClick={() => (settingsOpen.value = true)}
        >
          <SettingsIcon />
        </button>
      </div>
    </header>
  );
}

function VdnChoice() {
  const who = session.value;
  const of = vdn.value;
  if (!isSignedIn(who) || !of) return null;
  if (who.vdns.length === 1) return <span class="vdn"><bdi class="name">{vdnName(of)}</bdi></span>;
  return (
    <label class="select vdn">
      <span class="sr">{t("vdn")}</span>
      <select
        value={`${of.cc}.${of.vdn}`}
        onChange={(event) => arrange({ vdn: event.currentTarget.value, view: "floor", skill: null, skills: [] })}
      >
        {who.vdns.map((one) => <option key={`${one.cc}.${one.vdn}`} value={`${one.cc}.${one.vdn}`}>{vdnName(one)}</option>)}
      </select>
    </label>
  );
}

/** The state of the line, and the time of day there. */
function Line() {
  const words = useComputed((): Key =>
    lostSince.value !== null ? "lost" : queues.heads.value ? "live" : "connecting",
  );
  const time = useComputed(() => timeOfDay(second.value * 1_000, locale(), zone.value, true));
  return (
    <span class={`line ${words.value}`}>
      <span class="dot" aria-hidden="true" />
      <span class="line-word">{t(words.value)}</span>
      <span class="line-time time" role="timer" aria-label={zone.value}>{time}</span>
    </span>
  );
}

/** Says clearly when figures are old, and since when. */
function Freshness() {
  const lost_ms = lostSince.value;
  const stale_ms = queues.heads.value?.stale_since_ms ?? null;
  if (lost_ms !== null) return <Banner level="urgent" words="lost_since" at_ms={lost_ms} />;
  if (stale_ms !== null) return <Banner level="watch" words="stale_since" at_ms={stale_ms} />;
  if (!otherVersion.value) return null;
  return (
    <div class="banner calm" role="status">
      {t("new_version")}
      <button type="button" class="text-button" onClick={() => location.reload()}>{t("reload")}</button>
    </div>
  );
}

function Banner({ level, words, at_ms }: { level: "urgent" | "watch"; words: Key; at_ms: number }) {
  const [before, after] = t(words).split("{time}");
  return (
    <div class={`banner ${level}`} role="alert">
      <span>{before}<At at_ms={at_ms} withSeconds />{after}</span>
      <RunningFor at_ms={at_ms} />
    </div>
  );
}

/** How long that has been so. It runs on while the figures stand still. */
function RunningFor({ at_ms }: { at_ms: number }) {
  const [before, after] = t("for_time").split("{time}");
  return <span class="banner-time" aria-hidden="true">{before}<Since at_ms={at_ms} always />{after}</span>;
}
