/** Where it begins. */
import "@fontsource-variable/inter/opsz.css";
import "./style/index.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { run } from "./live/clock";
import { isSignedIn, loadSession, session } from "./live/server";
import { followKeys } from "./keys";
import { followPreferences } from "./preferences";
import { followAll, followTrends, layout, queues, vdn } from "./state";
import { t, type Key } from "./texts";
import { Wallboard } from "./views/shell";

/** Until the server answers for the first time. */
const START_RETRY_MS = 2_000;

async function start(): Promise<void> {
  try {
    await loadSession();
  } catch {
    setTimeout(() => void start(), START_RETRY_MS);
  }
}

/** What the tab is called: where one is, and how many wait, so that a tab in the background tells. */
function followTitle(): void {
  effect(() => {
    queues.version.value;
    const waiting = queues.all().reduce((sum, row) => sum + row.waiting, 0);
    const { view, skill } = layout.value;
    const row = skill === null ? undefined : queues.row(skill)?.value;
    const place = !isSignedIn(session.value) ? t("sign_in") : row?.name || t(view as Key);
    document.title = `${waiting ? `(${waiting}) ` : ""}${place} · ${vdn.value?.name || "QueuePulse"}`;
  });
}

run();
followPreferences();
followKeys();
followTitle();
followAll();
followTrends();
const place = document.getElementById("wallboard");
if (place) render(<Wallboard />, place);
void start();
