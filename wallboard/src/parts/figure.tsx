/** A figure of a queue, or of the floor: its words and its value, and a press shows what is behind it. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { FIGURES, type FigureName } from "../model/figures";
import { count } from "../model/durations";
import { locale, t } from "../texts";
import { Since } from "./times";

/** The figure whose panel is open; `skill` null is the whole floor. */
export const behind = signal<{ readonly figure: FigureName; readonly skill: number | null } | null>(null);

/** A figure's value as it is shown: a dash where there is nothing to tell. */
export function Value({ name, value }: { name: FigureName; value: number | null }) {
  if (value === null) return <span class="none" aria-label={t("nobody")}>–</span>;
  switch (FIGURES[name].kind) {
    case "count":
      return <>{count(value, locale())}</>;
    case "percent":
      return <>{value}<span class="unit">%</span></>;
    case "since":
      return <Since at_ms={value} />;
  }
}

interface Shown {
  readonly name: FigureName;
  readonly skill: number | null;
  readonly value: number | null;
  readonly class?: string;
  readonly children?: ComponentChildren;
}

/** The value alone, to be pressed; for screen readers with its words. */
export function FigureButton({ name, skill, value, children, class: kind = "" }: Shown) {
  return (
    <button
      type="button"
      class={`figure-button ${kind}`}
      title={t("behind")}
      aria-haspopup="dialog"
      onClick={() => (behind.value = { figure: name, skill })}
    >
      <span class="sr">{t(FIGURES[name].label)}: </span>
      {children ?? <Value name={name} value={value} />}
    </button>
  );
}

/** The words above, the value below. */
export function FigureBlock(shown: Shown) {
  return (
    <div class={`figure ${shown.name} ${shown.class ?? ""}`}>
      <span class="figure-label" aria-hidden="true">{t(FIGURES[shown.name].label)}</span>
      <FigureButton name={shown.name} skill={shown.skill} value={shown.value}>{shown.children}</FigureButton>
    </div>
  );
}
