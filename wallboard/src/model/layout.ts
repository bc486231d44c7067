/**
 * What is on the screen, as the address says it: so a bookmark is a saved layout, and "back" goes back.
 * One table of parameters; only what differs from its default is in the address. Pure.
 */
import { LEVELS, type Level } from "./attention";
import { GROUPS, type Group } from "./groups";

export const VIEWS = ["floor", "queue", "agents", "health", "tv"] as const;
export type View = (typeof VIEWS)[number];

export const SORTS = [
  "attention", "waiting", "longest", "share", "free", "ringing", "talking", "wrapup", "away", "answered", "left", "name",
] as const;
export type Sort = (typeof SORTS)[number];

/** The orders that put small before large; the others begin with what is most. */
export const LEAST_FIRST: ReadonlySet<Sort> = new Set<Sort>(["name", "share", "free"]);

export const AGENT_SORTS = ["time", "state", "name"] as const;
export type AgentSort = (typeof AGENT_SORTS)[number];

/** Queues one question may name, as at the server. */
export const SKILLS_MAX = 1_000;
/** Longer searches are no names. */
const SEARCH_CHARS_MAX = 200;

export interface Layout {
  readonly view: View;
  readonly skill: number | null;
  /** "cc.vdn", or empty: the first that the user may see. */
  readonly vdn: string;
  readonly search: string;
  readonly only: readonly Level[];
  readonly groups: readonly Group[];
  readonly skills: readonly number[];
  readonly sort: Sort;
  readonly agentSort: AgentSort;
  /** Against the natural order of `sort`, which puts first what is most to be seen. */
  readonly reversed: boolean;
  readonly as: "tiles" | "list";
  readonly watch_s: number;
  readonly urgent_s: number;
  readonly share_percent: number;
  readonly tiles: number;
  readonly dwell_s: number;
  readonly theme: "" | "light" | "dark";
  readonly language: "" | "en" | "zh";
}

export const DEFAULTS: Layout = {
  view: "floor", skill: null, vdn: "", search: "", only: [], groups: [], skills: [], sort: "attention",
  agentSort: "time", reversed: false, as: "tiles", watch_s: 20, urgent_s: 60, share_percent: 80, tiles: 6,
  dwell_s: 12, theme: "", language: "",
};

interface Parameter<Value> {
  readonly name: string;
  /** undefined for what is no value: the default is taken, whatever somebody typed. */
  readonly parse: (text: string) => Value | undefined;
  readonly format: (value: Value) => string;
}

const oneOf = <Value extends string>(name: string, values: readonly Value[]): Parameter<Value> => ({
  name,
  parse: (text) => values.find((value) => value === text),
  format: (value) => value,
});

const someOf = <Value extends string>(name: string, values: readonly Value[]): Parameter<readonly Value[]> => ({
  name,
  parse: (text) => {
    const wanted = new Set(text.split(","));
    return values.filter((value) => wanted.has(value));
  },
  format: (value) => value.join(","),
});

const wholeFrom = (name: string, least: number, most: number): Parameter<number> => ({
  name,
  parse: (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
    return value >= least && value <= most ? value : undefined;
  },
  format: String,
});

const PARAMETERS: { readonly [Key in Exclude<keyof Layout, "view" | "skill">]: Parameter<Layout[Key]> } = {
  vdn: { name: "vdn", parse: (text) => (/^\d{1,5}\.\d{1,5}$/.test(text) ? text : undefined), format: (value) => value },
  search: { name: "q", parse: (text) => text.slice(0, SEARCH_CHARS_MAX), format: (value) => value },
  only: someOf("only", LEVELS),
  groups: someOf("agents", GROUPS),
  skills: { name: "skills", parse: parseSkills, format: formatSkills },
  sort: oneOf("sort", SORTS),
  agentSort: oneOf("order", AGENT_SORTS),
  reversed: { name: "reversed", parse: (text) => text === "1", format: (value) => (value ? "1" : "0") },
  as: oneOf("as", ["tiles", "list"]),
  watch_s: wholeFrom("watch", 1, 86_400),
  urgent_s: wholeFrom("urgent", 1, 86_400),
  share_percent: wholeFrom("goal", 1, 100),
  tiles: wholeFrom("tiles", 1, 12),
  dwell_s: wholeFrom("dwell", 3, 600),
  theme: oneOf("theme", ["", "light", "dark"]),
  language: oneOf("lang", ["", "en", "zh"]),
};

/** "1,2,5-9" as its numbers, each once and in order; undefined if it is no such list. */
export function parseSkills(text: string): readonly number[] | undefined {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const range = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim());
    if (!range) return undefined;
    const first = Number(range[1]);
    const last = Number(range[2] ?? range[1]);
    if (first < 1 || last < first || last - first >= SKILLS_MAX) return undefined;
    for (let skill = first; skill <= last; skill += 1) found.add(skill);
    if (found.size > SKILLS_MAX) return undefined;
  }
  return [...found].sort((one, two) => one - two);
}

/** Numbers as "1,2,5-9". */
export function formatSkills(skills: readonly number[]): string {
  const parts: string[] = [];
  for (let index = 0; index < skills.length; index += 1) {
    const first = skills[index] ?? 0;
    while (skills[index + 1] === (skills[index] ?? 0) + 1) index += 1;
    const last = skills[index] ?? 0;
    parts.push(last - first > 1 ? `${first}-${last}` : last > first ? `${first},${last}` : `${first}`);
  }
  return parts.join(",");
}

/** The layout that an address (its part from # on) asks for. Anything may stand there. */
export function parseLayout(hash: string): Layout {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const [name, skill] = path.split("/");
  const parameters = new URLSearchParams(query);
  const found: Record<string, unknown> = { ...DEFAULTS, view: VIEWS.find((view) => view === name) ?? "floor" };
  if (found.view === "queue") {
    if (/^\d{1,9}$/.test(skill ?? "")) found.skill = Number(skill);
    else found.view = "floor";
  }
  for (const [key, parameter] of Object.entries(PARAMETERS) as [string, Parameter<unknown>][]) {
    const text = parameters.get(parameter.name);
    const value = text === null ? undefined : parameter.parse(text);
    if (value !== undefined) found[key] = value;
  }
  return found as unknown as Layout;
}

/** The address of a layout, from # on. */
export function formatLayout(layout: Layout): string {
  const parameters = new URLSearchParams();
  for (const [key, parameter] of Object.entries(PARAMETERS) as [keyof Layout, Parameter<unknown>][]) {
    const text = parameter.format(layout[key]);
    if (text !== parameter.format(DEFAULTS[key])) parameters.set(parameter.name, text);
  }
  const path = layout.view === "queue" ? `queue/${layout.skill ?? 0}` : layout.view;
  const query = parameters.toString().replaceAll("%2C", ",");
  return `#/${path}${query && `?${query}`}`;
}
