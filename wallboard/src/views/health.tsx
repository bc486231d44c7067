/** Whether the figures can be believed: sources, freshness, repairs, the log, the load. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { loadHealth, session, isSignedIn, type Health as Told, type Source } from "../live/server";
import { bytes, clock, count, dayAndTime } from "../model/durations";
import { LevelIcon } from "../parts/icons";
import { Since } from "../parts/times";
import { vdn, zone } from "../state";
import { locale, t, TEXTS, type Key } from "../texts";
import { Loading } from "./floor";

const ASK_EVERY_MS = 3_000;
/** A lag below this is no news: it is the time of one push. */
const LAG_MS_MAX = 2_000;

export function Health() {
  const told = useSignal<Told | null>(null);
  const of = vdn.value;
  useEffect(() => {
    if (!of) return;
    let timer = 0;
    let over = false;
    const ask = async (): Promise<void> => {
      // While the server is gone the last that is known stays; the banner says since when.
      const health = await loadHealth(of).catch(() => null);
      if (over) return;
      if (health) told.value = health;
      timer = window.setTimeout(() => void ask(), ASK_EVERY_MS);
    };
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [of?.cc, of?.vdn]);
  return told.value ? <Report told={told.value} /> : <Loading />;
}

function Verdict({ told }: { told: Told }) {
  const late = (told.lag_ms ?? 0) > LAG_MS_MAX;
  const level = told.lost.length ? "urgent" : late ? "watch" : "calm";
  return (
    <section class={`verdict ${level}`} role="status">
      <LevelIcon level={level} />
      <div>
        <h1>{told.lost.length ? t("health_lost", { count: told.lost.length }) : t(late ? "health_late" : "health_well")}</h1>
        <p>
          {told.lost.length ? t("health_lost_lead")
            : late ? t("health_late_lead", { time: clock((told.lag_ms ?? 0) / 1_000) })
            : t("health_well_lead")}
        </p>
      </div>
    </section>
  );
}

function Report({ told }: { told: Told }) {
  const number = (value: number | null): string => (value === null ? "–" : count(value, locale()));
  const at = (at_ms: number | null): string => (at_ms === null ? "–" : dayAndTime(at_ms, locale(), zone.value));
  const who = session.value;
  return (
    <>
      <Verdict told={told} />
      <div class="cards">
        <Card title={t("sources")}>
          {told.sources.length === 0 && <p class="muted">{t("no_sources")}</p>}
          <ul class="sources">
            {told.sources.map((one) => <OfSource key={one.source} of={one} at={at} />)}
          </ul>
        </Card>
        <Card title={t("figures_health")}>
          <Facts facts={[
            [t("confident_since"), confidence(told, at)],
            [t("data_clock"), at(told.clock_ms)],
            [t("lag"), told.lag_ms === null ? "–" : t("ms", { count: number(told.lag_ms) })],
            [t("position_log"), number(told.position)],
            [t("queues"), number(told.queues)],
            [t("agents"), number(told.agents)],
          ]} />
        </Card>
        <Card title={t("repairs")}>
          <p class="muted">{t(told.repairs.some(([, times]) => times) ? "repairs_lead" : "no_repairs")}</p>
          <Facts facts={told.repairs.filter(([, times]) => times).map(([kind, times]) => [repairWords(kind), number(times)])} />
        </Card>
        {told.log_events !== null && (
          <Card title={t("log")}>
            <Facts facts={[
              [t("log_events"), number(told.log_events)],
              [t("log_size"), told.log_bytes === null ? "–" : bytes(told.log_bytes, locale())],
            ]} />
          </Card>
        )}
        {told.rss_bytes !== null && (
          <Card title={t("load")}>
            <Facts facts={[
              [t("cpu"), told.cpu === null ? "–" : `${(100 * told.cpu).toFixed(0)} %`],
              [t("memory"), bytes(told.rss_bytes, locale())],
              [t("loop_lag"), told.loop_lag_ms === null ? "–" : t("ms", { count: number(Math.round(told.loop_lag_ms)) })],
              [t("open_streams"), number(told.streams)],
            ]} />
          </Card>
        )}
        <Card title="QueuePulse">
          <Facts facts={[
            [t("version"), isSignedIn(who) && who.version ? who.version : "–"],
            [t("uptime"), told.uptime_s === null ? "–" : ran(told.uptime_s)],
          ]} />
        </Card>
      </div>
    </>
  );
}

/** Since when pictures of the switches agree with the figures; or why that is not known. */
function confidence(of: Told | Source, at: (at_ms: number) => string): string {
  return of.confident_since_ms === null ? t(`confidence_${of.confidence}` as Key) : at(of.confident_since_ms);
}

function OfSource({ of, at }: { of: Source; at: (at_ms: number) => string }) {
  const lost_ms = of.lost_since_ms;
  return (
    <li class={lost_ms === null ? "" : "lost"}>
      <LevelIcon level={lost_ms === null ? "calm" : "urgent"} />
      <bdi class="name" title={of.source}>{of.source}</bdi>
      <span class="muted">
        {lost_ms !== null ? t("source_lost", { time: at(lost_ms) })
          : of.confident_since_ms !== null ? t("source_confident", { time: at(of.confident_since_ms) })
          : t(`confidence_${of.confidence}` as Key)}
      </span>
      {lost_ms !== null && <Since at_ms={lost_ms} />}
    </li>
  );
}

/** A kind of repair in words; one that is newer than these words by its name. */
function repairWords(kind: string): string {
  const key = `repair_${kind}`;
  return key in TEXTS ? t(key as Key) : kind;
}

/** A long time, to the hour or the minute. */
function ran(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes >= 1_440
    ? t("days_hours", { days: Math.floor(minutes / 1_440), hours: Math.floor((minutes % 1_440) / 60) })
    : t("hours_minutes", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

function Card({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="card">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Facts({ facts }: { facts: readonly (readonly [words: string, value: string])[] }) {
  if (!facts.length) return null;
  return (
    <dl class="facts">
      {facts.map(([words, value]) => (
        <div key={words}>
          <dt>{words}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
