/** How the wallboard looks and when it wants a look: all of it is in the address, to be kept and sent. */
import { signal, useSignal } from "@preact/signals";
import { isSignedIn, session, signOut } from "../live/server";
import { Select } from "../parts/controls";
import { Sheet } from "../parts/dialog";
import { LinkIcon } from "../parts/icons";
import { languageChosen, singleKeys, themeChosen } from "../preferences";
import { arrange, layout } from "../state";
import { t, type Key } from "../texts";

export const settingsOpen = signal(false);

export function Settings() {
  if (!settingsOpen.value) return null;
  return (
    <Sheet label={t("menu")} class="settings" onClose={() => (settingsOpen.value = false)}>
      <h2>{t("menu")}</h2>
      <div class="settings-group">
        <Select
          label={t("appearance")} value={layout.value.theme || themeChosen.value}
          options={[["", t("theme_system")], ["light", t("theme_light")], ["dark", t("theme_dark")]]}
          onChoose={chooseTheme}
        />
        <Select
          label={t("language")} value={layout.value.language || languageChosen.value}
          options={[["", t("theme_system")], ["en", "English"], ["zh", "中文"]]}
          onChoose={chooseLanguage}
        />
      </div>
      <h3>{t("goals")}</h3>
      <div class="settings-group">
        <NumberField words="goal_watch" unit="unit_s" of="watch_s" least={1} most={3_600} />
        <NumberField words="goal_urgent" unit="unit_s" of="urgent_s" least={1} most={3_600} />
        <NumberField words="goal_share" unit="unit_percent" of="share_percent" least={1} most={100} />
      </div>
      <h3>{t("tv")}</h3>
      <div class="settings-group">
        <NumberField words="tv_tiles" of="tiles" least={1} most={12} />
        <NumberField words="tv_dwell" unit="unit_s" of="dwell_s" least={3} most={600} />
      </div>
      <CopyLink />
      <Keyboard />
      <Who />
    </Sheet>
  );
}

/** A choice made here outlives the page, and takes the place of what the address said. */
export function chooseTheme(theme: string): void {
  themeChosen.value = theme;
  arrange({ theme: "" });
}

function chooseLanguage(language: string): void {
  languageChosen.value = language;
  arrange({ language: "" });
}

interface NumberShape {
  readonly words: Key;
  readonly unit?: Key;
  readonly of: "watch_s" | "urgent_s" | "share_percent" | "tiles" | "dwell_s";
  readonly least: number;
  readonly most: number;
}

function NumberField({ words, unit, of, least, most }: NumberShape) {
  return (
    <label class="number-field">
      <span>{t(words)}</span>
      <input
        type="number" inputMode="numeric" min={least} max={most} step={1} value={layout.value[of]} name={of}
        onChange={(event) => {
          const value = Math.round(event.currentTarget.valueAsNumber);
          if (value >= least && value <= most) arrange({ [of]: value });
          else event.currentTarget.value = String(layout.peek()[of]);
        }}
      />
      <span class="unit-word">{unit ? t(unit) : ""}</span>
    </label>
  );
}

function CopyLink() {
  const copied = useSignal(false);
  return (
    <p class="copy">
      <button
        type="button" class="button"
        onClick={() => navigator.clipboard.writeText(location.href).then(() => (copied.value = true), () => {})}
      >
        <LinkIcon />{t("layout_link")}
      </button>
      <span class="muted" role="status">{copied.value && t("layout_copied")}</span>
    </p>
  );
}

const KEYS: readonly (readonly [keys: string, words: Key])[] = [
  ["/", "key_search"], ["1 2 3", "key_views"], ["T", "key_tv"], ["S", "key_sort"], ["D", "key_theme"],
  ["J K", "key_move"], ["Enter", "key_open"], ["Esc", "key_escape"], ["?", "key_help"],
];

function Keyboard() {
  return (
    <>
      <h3>{t("keyboard")}</h3>
      <label class="check">
        <input
          type="checkbox" checked={singleKeys.value === "on"}
          onChange={(event) => (singleKeys.value = event.currentTarget.checked ? "on" : "off")}
        />
        {t("keyboard_on")}
      </label>
      <dl class="keys">
        {KEYS.map(([keys, words]) => (
          <div key={keys}>
            <dt>{keys.split(" ").map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{t(words)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function Who() {
  const who = session.value;
  if (!isSignedIn(who)) return null;
  const role = `role_${who.role}`;
  return (
    <p class="who">
      <span>
        {t("signed_in_as", { name: "" })}<bdi class="name">{who.user || t("role_link")}</bdi>
        <span class="muted"> · {["viewer", "supervisor", "admin", "link"].includes(who.role) ? t(role as Key) : who.role}</span>
      </span>
      {who.role !== "link" && (
        <button type="button" class="button" onClick={() => void signOut().then(() => (settingsOpen.value = false), () => {})}>
          {t("sign_out")}
        </button>
      )}
    </p>
  );
}
