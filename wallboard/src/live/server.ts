/** What is asked of the server outside the streams: the session, signing in and out, and the smaller views. */
import { signal } from "@preact/signals";
import { formatSkills } from "../model/layout";
import { tell } from "./clock";
import { parseExplanation, type Explanation } from "./explanation";
import { asObject, instant, listOf, numberOrNull, parseCall, parseFive, text, whole, type Five, type WaitingCall } from "./rows";

export interface Vdn {
  readonly cc: number;
  readonly vdn: number;
  readonly name: string;
  readonly timezone: string;
}

export interface Session {
  readonly user: string;
  readonly role: string;
  readonly csrf: string;
  readonly vdns: readonly Vdn[];
  readonly version: string;
  readonly demo: boolean;
  /** The views that may be offered; the server refuses what belongs to others. */
  readonly views: readonly string[];
}

/** Nobody is signed in: what the server offers for it. */
export interface SignedOut {
  readonly demo: boolean;
  readonly oidc: boolean;
}

/** An answer that is none: `status` 0 when the server cannot be reached. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: Record<string, unknown>;

  constructor(status: number, body: unknown) {
    super(`status ${status}`);
    this.status = status;
    this.body = asObject(body);
  }
}

/** Who looks; null until the server has said it. */
export const session = signal<Session | SignedOut | null>(null);

export function isSignedIn(value: Session | SignedOut | null): value is Session {
  return value !== null && "user" in value;
}

/** Longest wait for a short answer; a wallboard asks again anyway. */
const ANSWER_MS_MAX = 10_000;

async function ask(path: string, body?: unknown): Promise<Record<string, unknown>> {
  const who = session.peek();
  const options: RequestInit = { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS_MAX) };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json", ...(isSignedIn(who) && { "X-CSRF-Token": who.csrf }) };
  }
  const answer = await fetch(path, options).catch(() => null);
  if (answer === null) throw new Refusal(0, null);
  const told: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(answer.status, told);
  return asObject(told);
}

function parseSession(told: Record<string, unknown>): Session {
  const user = asObject(told.user);
  const at_ms = instant(told.server_at_ms);
  if (at_ms !== null) tell(at_ms);
  return {
    user: text(user.name),
    role: text(user.role),
    csrf: text(told.csrf),
    version: text(told.version),
    demo: told.demo === true,
    views: "views" in told ? listOf(told.views).map(text) : ["floor", "queue", "agents", "health"],
    vdns: listOf(told.vdns).map((one) => {
      const given = asObject(one);
      return {
        cc: whole(given.cc),
        vdn: whole(given.vdn),
        name: text(given.name),
        timezone: text(given.timezone) || "UTC",
      };
    }),
  };
}

/** Asks who is signed in. Raises Refusal when the server cannot say. */
export async function loadSession(): Promise<void> {
  try {
    session.value = parseSession(await ask("/live/v1/session"));
  } catch (refusal) {
    if (!(refusal instanceof Refusal) || refusal.status !== 401) throw refusal;
    session.value = { demo: refusal.body.demo === true, oidc: refusal.body.oidc === true };
  }
}

/** Raises Refusal: 401 for a wrong name or password, 423 with `retry_after_s` when there were too many. */
export async function signIn(credentials: { name: string; password: string } | { demo: true }): Promise<void> {
  session.value = parseSession(await ask("/live/v1/sign-in", credentials));
}

export async function signOut(): Promise<void> {
  await ask("/live/v1/sign-out", {});
  await loadSession();
}

const ofVdn = (vdn: Vdn): string => `cc=${vdn.cc}&vdn=${vdn.vdn}`;

export const queuesUrl = (vdn: Vdn): string => `/live/v1/queues?${ofVdn(vdn)}`;

export const agentsUrl = (vdn: Vdn, skill: number | null): string =>
  `/live/v1/agents?${ofVdn(vdn)}${skill === null ? "" : `&skill=${skill}`}`;

export async function loadWaiting(vdn: Vdn, skill: number): Promise<WaitingCall[]> {
  const told = await ask(`/live/v1/waiting?${ofVdn(vdn)}&skill=${skill}`);
  return listOf(told.calls).map(parseCall).sort((one, two) => one.waiting_since_ms - two.waiting_since_ms);
}

/** Five minutes of queues: only those in which something happened, in order. */
export interface Series {
  /** Before this instant some may be lacking. */
  readonly complete_from_ms: number;
  readonly of: (skill: number) => readonly Five[];
}

/** The five minutes of queues in [from, to). Raises Refusal. */
export async function loadSeries(
  vdn: Vdn, skills: readonly number[], from_ms: number, to_ms: number,
): Promise<Series> {
  const asked = `skills=${formatSkills(skills)}&from_ms=${from_ms}&to_ms=${to_ms}`;
  const told = await ask(`/live/v1/series?${ofVdn(vdn)}&${asked}`);
  const bySkill = new Map(
    listOf(told.queues).map((one) => {
      const { skill, five } = asObject(one);
      return [whole(skill), listOf(five).map(parseFive)];
    }),
  );
  return { complete_from_ms: whole(told.complete_from_ms), of: (skill) => bySkill.get(skill) ?? [] };
}

/** What a figure of a queue is made of, now. Raises Refusal. */
export async function loadExplained(vdn: Vdn, skill: number, figure: string): Promise<Explanation> {
  return parseExplanation(await ask(`/live/v1/explain?${ofVdn(vdn)}&skill=${skill}&figure=${figure}`));
}

/** How far the switch's own pictures agree with the figures. */
export const CONFIDENCES = ["checked", "awaited", "unchecked", "lost"] as const;
export type Confidence = (typeof CONFIDENCES)[number];

const confidenceOf = (value: unknown): Confidence => CONFIDENCES.find((one) => one === value) ?? "unchecked";

export interface Source {
  readonly source: string;
  readonly confidence: Confidence;
  readonly confident_since_ms: number | null;
  readonly lost_since_ms: number | null;
}

export interface Health {
  readonly at_ms: number;
  readonly clock_ms: number | null;
  readonly position: number;
  readonly lag_ms: number | null;
  /** The sources whose link is lost now. */
  readonly lost: readonly { readonly source: string; readonly since_ms: number }[];
  readonly sources: readonly Source[];
  readonly confidence: Confidence;
  readonly repairs: readonly (readonly [kind: string, count: number])[];
  readonly confident_since_ms: number | null;
  readonly log_events: number | null;
  readonly log_bytes: number | null;
  readonly cpu: number | null;
  readonly rss_bytes: number | null;
  readonly loop_lag_ms: number | null;
  readonly uptime_s: number | null;
  readonly queues: number | null;
  readonly agents: number | null;
  readonly calls: number | null;
  readonly streams: number | null;
}

export async function loadHealth(vdn: Vdn): Promise<Health> {
  const told = await ask(`/live/v1/health?${ofVdn(vdn)}`);
  const log = asObject(told.log);
  const load = asObject(told.load);
  return {
    at_ms: whole(told.at_ms),
    clock_ms: instant(told.clock_ms),
    position: whole(told.position),
    lag_ms: numberOrNull(told.lag_ms),
    lost: listOf(told.links).flatMap((one) => {
      const { source, lost_since_ms } = asObject(one);
      const since_ms = instant(lost_since_ms);
      return since_ms === null ? [] : { source: text(source), since_ms };
    }),
    sources: listOf(told.sources).map((one) => {
      const given = asObject(one);
      return {
        source: text(given.source),
        confidence: confidenceOf(given.confidence),
        confident_since_ms: instant(given.confident_since_ms),
        lost_since_ms: instant(given.lost_since_ms),
      };
    }),
    confidence: confidenceOf(told.confidence),
    repairs: Object.entries(asObject(told.repairs)).map(([kind, count]) => [kind, whole(count)] as const),
    confident_since_ms: instant(told.confident_since_ms),
    log_events: numberOrNull(log.events),
    log_bytes: numberOrNull(log.bytes),
    cpu: numberOrNull(load.cpu),
    rss_bytes: numberOrNull(load.rss_bytes),
    loop_lag_ms: numberOrNull(load.loop_lag_ms),
    uptime_s: numberOrNull(told.uptime_s),
    queues: numberOrNull(told.queues),
    agents: numberOrNull(told.agents),
    calls: numberOrNull(told.calls),
    streams: numberOrNull(load.streams),
  };
}
