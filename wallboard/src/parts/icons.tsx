/** The few signs that stand beside words, or for them where the words are hidden. */
import type { ComponentChildren } from "preact";
import type { Level } from "../model/attention";

function Icon({ children, filled = false }: { children: ComponentChildren; filled?: boolean }) {
  return (
    <svg class={filled ? "icon filled" : "icon"} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const SearchIcon = () => <Icon><circle cx="7" cy="7" r="4.5" /><path d="M10.5 10.5 14 14" /></Icon>;
export const TvIcon = () => <Icon><rect x="1.5" y="3" width="13" height="8.5" rx="1.5" /><path d="M5.5 14h5" /></Icon>;
export const SettingsIcon = () => (
  <Icon><path d="M2 4.5h7M12.5 4.5H14M2 11.5h1.5M7 11.5h7" /><circle cx="10.75" cy="4.5" r="1.75" /><circle cx="5.25" cy="11.5" r="1.75" /></Icon>
);
export const CloseIcon = () => <Icon><path d="m3.5 3.5 9 9M12.5 3.5l-9 9" /></Icon>;
export const BackIcon = () => <Icon><path d="M9.5 3 4.5 8l5 5" /></Icon>;
export const ReverseIcon = () => <Icon><path d="M5 13V3M2.5 5.5 5 3l2.5 2.5M11 3v10M8.5 10.5 11 13l2.5-2.5" /></Icon>;
export const TilesIcon = () => (
  <Icon><rect x="2" y="2" width="5" height="5" rx="1" /><rect x="9" y="2" width="5" height="5" rx="1" /><rect x="2" y="9" width="5" height="5" rx="1" /><rect x="9" y="9" width="5" height="5" rx="1" /></Icon>
);
export const ListIcon = () => <Icon><path d="M2 3.5h12M2 8h12M2 12.5h12" /></Icon>;
export const FloorIcon = TilesIcon;
export const AgentsIcon = () => <Icon><circle cx="8" cy="5" r="2.75" /><path d="M2.5 14c.4-3 2.6-4.5 5.5-4.5s5.100 1.500 5.500 4.500" /></Icon>;
export const HealthIcon = () => <Icon><path d="M1.500 8.500h3l2-5 3 9.500 2-6 .75 1.500h2.250" /></Icon>;
export const LinkIcon = () => <Icon><path d="M6.500 9.500a2.750 2.750 0 0 0 4 0l2.500-2.500a2.830 2.830 0 0 0-4-4l-1 1M9.500 6.500a2.750 2.750 0 0 0-4 0L3 9a2.830 2.830 0 0 0 4 4l1-1" /></Icon>;

/** The brand: a pulse. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" />
    <path d="M5 17h5l3-8 5 15 3.500-10 1.500 3h4" />
  </svg>
);

/** A shape of its own for each level, so that color is never the only thing that tells. */
export function LevelIcon({ level }: { level: Level }) {
  switch (level) {
    case "urgent":
      return <Icon filled><path d="M8 1 15.500 14.500H.5Z" /><path class="cut" d="M8 6v4M8 12v.5" /></Icon>;
    case "watch":
      return <Icon filled><path d="M8 1.500 14.500 8 8 14.500 1.500 8Z" /></Icon>;
    case "calm":
      return <Icon><path d="M3.500 8.500 6.500 11.500 12.500 5" /></Icon>;
    case "closed":
      return <Icon><path d="M3.500 8h9" /></Icon>;
  }
}
