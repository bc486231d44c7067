/** Fields and switches that views share. */
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { arrange, layout } from "../state";
import { SearchIcon } from "./icons";

/** The search of a view; it is in the address, so it is part of a saved layout. */
export function Search({ label }: { label: string }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <label class="search">
      <SearchIcon />
      <span class="sr">{label}</span>
      <input
        ref={field}
        type="search"
        name="search"
        placeholder={label}
        autocomplete="off"
        spellcheck={false}
        maxLength={200}
        dir="auto"
        value={layout.value.search}
        onInput={(event) => arrange({ search: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          arrange({ search: "" });
          field.current?.blur();
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}

interface ChipShape {
  readonly pressed: boolean;
  readonly onToggle: () => void;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** A filter that is on or off. */
export function Chip({ pressed, onToggle, class: kind = "", children }: ChipShape) {
  return (
    <button type="button" class={`chip ${kind}`} aria-pressed={pressed} onClick={onToggle}>
      {children}
    </button>
  );
}

interface SelectShape<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly (readonly [value: Value, words: string])[];
  readonly onChoose: (value: Value) => void;
  readonly labelHidden?: boolean;
}

export function Select<Value extends string>({ label, value, options, onChoose, labelHidden }: SelectShape<Value>) {
  return (
    <label class="select">
      <span class={labelHidden ? "sr" : "select-label"}>{label}</span>
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value as Value)}>
        {options.map(([one, words]) => <option key={one} value={one}>{words}</option>)}
      </select>
    </label>
  );
}

/** Puts a value into a list, or takes it out of it. */
export function toggled<Value>(list: readonly Value[], value: Value): Value[] {
  return list.includes(value) ? list.filter((one) => one !== value) : [...list, value];
}
