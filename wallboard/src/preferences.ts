/** What a person chose for this browser: it holds where the address says nothing else. */
import { computed, effect, signal, type Signal } from "@preact/signals";
import { layout } from "./state";
import { language, LANGUAGES, locale, type Language } from "./texts";

/** A choice that outlives the page, where the browser lets it. */
function kept(name: string, values: readonly string[], otherwise: string): Signal<string> {
  let before: string | null = null;
  try {
    before = localStorage.getItem(name);
  } catch {
    // A browser may forbid it: then the choice lasts as long as the page.
  }
  const choice = signal(values.find((value) => value === before) ?? otherwise);
  effect(() => {
    const value = choice.value;
    try {
      localStorage.setItem(name, value);
    } catch {
      // As above.
    }
  });
  return choice;
}

export const themeChosen = kept("queuepulse-theme", ["light", "dark"], "");
export const languageChosen = kept("queuepulse-language", LANGUAGES, "");
export const singleKeys = kept("queuepulse-keys", ["on", "off"], "on");

const systemIsDark = signal(matchMedia("(prefers-color-scheme: dark)").matches);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (change) => {
  systemIsDark.value = change.matches;
});

/** What is to be seen, after address, choice and system. */
export const theme = computed<"light" | "dark">(() => {
  const chosen = layout.value.theme || themeChosen.value;
  return chosen === "dark" || chosen === "light" ? chosen : systemIsDark.value ? "dark" : "light";
});

function spoken(): Language {
  const chosen = layout.value.language || languageChosen.value;
  const known = LANGUAGES.find((one) => one === chosen);
  return known ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
}

/** Keeps the document in the chosen theme and language. */
export function followPreferences(): void {
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
  effect(() => {
    language.value = spoken();
    document.documentElement.lang = locale();
  });
}
