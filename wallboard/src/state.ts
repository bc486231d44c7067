/** What the wallboard knows and shows: the layout of the address, the streams it wants, and what they said. */
import { batch, computed, effect, signal } from "@preact/signals";
import { Board } from "./live/board";
import { now_ms, second, tell } from "./live/clock";
import { parseAgent, parseQueue, type Five } from "./live/rows";
import { agentsUrl, isSignedIn, loadSession, loadSeries, queuesUrl, session, type Vdn } from "./live/server";
import { BROWSER, Stream, type Link } from "./live/stream";
import type { Goals } from "./model/attention";
import { formatLayout, parseLayout, type Layout } from "./model/layout";
import { extended, FIVE_MS, markOf, TREND_FIVES } from "./model/trend";

// The layout

export const layout = signal<Layout>(parseLayout(location.hash));
addEventListener("hashchange", () => (layout.value = parseLayout(location.hash)));

/** Changes the layout, and with it the address; a new view gets an entry of its own in the browser's history. */
export function arrange(change: Partial<Layout>): void {
  const before = layout.peek();
  const after = { ...before, ...change };
  const address = formatLayout(after);
  if (after.view !== before.view || after.skill !== before.skill) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  layout.value = after;
}

/** The address of the layout with this changed: for links. */
export const addressOf = (change: Partial<Layout>): string => formatLayout({ ...layout.value, ...change });

export const goals = computed<Goals>(() => {
  const { watch_s, urgent_s, share_percent } = layout.value;
  return { watch_s, urgent_s, share_percent };
});

/** The VDN looked at: the one in the address if the user may see it, else the first. */
export const vdn = computed<Vdn | null>(() => {
  const who = session.value;
  if (!isSignedIn(who)) return null;
  return who.vdns.find((one) => `${one.cc}.${one.vdn}` === layout.value.vdn) ?? who.vdns[0] ?? null;
});

export const zone = computed(() => vdn.value?.timezone ?? "UTC");

// What the server pushes

export const queues = new Board("queues", "skill", parseQueue);
export const agents = new Board("agents", "agent", parseAgent);

/** The line over which the queues come. `since_ms` is when it was last heard, once it is lost. */
export const link = signal<{ readonly link: Link; readonly since_ms: number | null }>({
  link: { state: "connecting" }, since_ms: null,
});

/** A line that is back within this time was never worth a word. */
const UNNOTICED_S = 2;

/** Since when there is no connection, in epoch ms; null while there is one. */
export const lostSince = computed(() => {
  const since_ms = link.value.since_ms;
  return since_ms !== null && second.value - since_ms / 1_000 >= UNNOTICED_S ? since_ms : null;
});

/** The second by which running times are shown: they stop where the figures did. */
export const shownSecond = computed(() =>
  lostSince.value === null ? second.value : Math.floor(lostSince.value / 1_000),
);

function heard(next: Link): void {
  const before = link.peek();
  if (next.state === "live" || next.state === "connecting") link.value = { link: next, since_ms: null };
  else {
    const silent_ms = next.state === "lost" ? next.silent_ms : 0;
    link.value = { link: next, since_ms: before.since_ms ?? now_ms() - silent_ms };
  }
  if (next.state === "refused" && next.status === 401) void loadSession().catch(() => {});
  if (next.state === "live" && before.since_ms !== null) {
    void checkVersion();
    // What passed meanwhile is in no row.
    asked = "";
    const of = vdn.peek();
    if (of) void askTrends(of);
  }
}

/** A server that comes back may bring a new wallboard along. */
export const otherVersion = signal(false);

async function checkVersion(): Promise<void> {
  const before = session.peek();
  await loadSession().catch(() => {});
  const after = session.peek();
  if (isSignedIn(before) && isSignedIn(after) && before.version !== after.version) {
    // Nobody sits at a television who could press a button.
    if (layout.peek().view === "tv") location.reload();
    else otherVersion.value = true;
  }
}

let queuesStream: Stream | null = null;
let agentsStream: Stream | null = null;

function follow<Row>(board: Board<Row>, url: string | null, told: (link: Link) => void): Stream | null {
  board.clear();
  if (url === null) return null;
  const stream = new Stream(url, {
    message: (message) => {
      board.take(message);
      const heads = board.heads.peek();
      if (heads) tell(heads.at_ms);
    },
    link: told,
  }, BROWSER);
  stream.start();
  return stream;
}

const queuesWanted = computed(() => (vdn.value ? queuesUrl(vdn.value) : null));

/** A panel can ask for the agents of a queue, too: the skill, or null. */
export const panelSkill = signal<number | null>(null);

const agentsWanted = computed(() => {
  if (!vdn.value) return null;
  const { view, skill } = layout.value;
  if (panelSkill.value !== null) return agentsUrl(vdn.value, panelSkill.value);
  return view === "agents" ? agentsUrl(vdn.value, null)
    : view === "queue" ? agentsUrl(vdn.value, skill)
    : null;
});

export const agentsLink = signal<Link>({ state: "connecting" });

/** Opens and closes the streams as what is shown wants them. */
export function followAll(): void {
  effect(() => {
    const url = queuesWanted.value;
    queuesStream?.stop();
    batch(() => {
      link.value = { link: { state: "connecting" }, since_ms: null };
      trends.value = new Map();
    });
    queuesStream = follow(queues, url, heard);
  });
  effect(() => {
    const url = agentsWanted.value;
    agentsStream?.stop();
    agentsStream = follow(agents, url, (told) => (agentsLink.value = told));
  });
  const hurry = (): void => {
    queuesStream?.hurry();
    agentsStream?.hurry();
  };
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) hurry();
  });
}

// The last hour of every queue

/** What is known of each queue's five minutes, by skill. */
export const trends = signal<ReadonlyMap<number, readonly Five[]>>(new Map());

/** When the five minutes that run began, as the rows see it. */
export const mark = computed(() => queues.heads.value?.mark_ms || markOf(second.value * 1_000));

/** Asks for the last hour when a VDN is first seen; from then on the rows themselves tell. */
export function followTrends(): void {
  effect(() => {
    const of = vdn.value;
    const known = queues.keys.value.length > 0;
    if (of && known) void askTrends(of);
  });
  effect(() => {
    // Five minutes that are over are kept when their successor begins.
    mark.value;
    keepTrends();
  });
}

/** What was asked last: the same is not asked twice, unless the line was lost between. */
let asked = "";

async function askTrends(of: Vdn): Promise<void> {
  const skills = queues.keys.peek();
  if (!skills.length) return;
  const question = `${of.cc}.${of.vdn}:${skills.length}`;
  if (question === asked) return;
  asked = question;
  const to_ms = markOf(now_ms()) + FIVE_MS;
  try {
    const found = await loadSeries(of, skills, to_ms - TREND_FIVES * FIVE_MS, to_ms);
    if (vdn.peek()?.cc === of.cc && vdn.peek()?.vdn === of.vdn) {
      trends.value = new Map(skills.map((skill) => [skill, found.of(skill)]));
    }
  } catch {
    // Without a past the bars begin now, and grow by themselves.
  }
  keepTrends();
}

function keepTrends(): void {
  const mark_ms = mark.peek();
  trends.value = new Map(
    queues.all().map((row) => [row.skill, extended(trends.peek().get(row.skill) ?? [], row, mark_ms)]),
  );
}
