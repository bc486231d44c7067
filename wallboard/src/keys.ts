/** The keyboard: single keys, which can be turned off, and Escape, which cannot. */
import { SORTS } from "./model/layout";
import { held } from "./parts/order";
import { singleKeys, theme } from "./preferences";
import { arrange, layout } from "./state";
import { chooseTheme, settingsOpen } from "./views/settings";
import { enterTv, leaveTv } from "./views/tv";

/** Where letters are letters. */
const TYPING = "input, select, textarea, [contenteditable]";

const search = (): void => document.querySelector<HTMLInputElement>("input[name=search]")?.focus();

function move(steps: number): void {
  const links = [...document.querySelectorAll<HTMLElement>(".tile-link")];
  const at = links.findIndex((link) => link === document.activeElement);
  const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + steps))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const ACTIONS: Readonly<Record<string, () => void>> = {
  "/": search,
  "1": () => arrange({ view: "floor", skill: null }),
  "2": () => arrange({ view: "agents", skill: null }),
  "3": () => arrange({ view: "health", skill: null }),
  t: () => (layout.peek().view === "tv" ? leaveTv() : enterTv()),
  s: () => arrange({ sort: SORTS[(SORTS.indexOf(layout.peek().sort) + 1) % SORTS.length] ?? "attention", reversed: false }),
  d: () => chooseTheme(theme.peek() === "dark" ? "light" : "dark"),
  j: () => move(1),
  k: () => move(-1),
  "?": () => (settingsOpen.value = true),
};

function escape(): void {
  const { view, search: sought, only, groups } = layout.peek();
  if (view === "tv") leaveTv();
  else if (sought || only.length || groups.length) arrange({ search: "", only: [], groups: [] });
  else if (view === "queue") arrange({ view: "floor", skill: null });
}

export function followKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return escape();
    if (singleKeys.peek() === "off" || (event.target as Element | null)?.matches?.(TYPING)) return;
    const action = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  // Whoever walks the tiles by keyboard finds the next one where it was.
  addEventListener("focusin", (event) => {
    held.value = (event.target as Element).matches?.(".tile :focus-visible, .tile-link:focus-visible") ?? false;
  });
  addEventListener("focusout", () => (held.value = false));
}
