/** Signing in: a name and a password, or the way over an organization's own sign-in. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Refusal, session, signIn, isSignedIn } from "../live/server";
import { whole } from "../live/rows";
import { clock } from "../model/durations";
import { Mark } from "../parts/icons";
import { t } from "../texts";

/** What a refusal is in words. */
function reason(refusal: unknown): string {
  if (!(refusal instanceof Refusal) || refusal.status === 0) return t("server_gone");
  if (refusal.status === 401) return t("sign_in_wrong");
  const retry_s = whole(refusal.body.retry_after_s);
  if ((refusal.status === 423 || refusal.status === 429) && retry_s) {
    return t("sign_in_locked", { time: clock(retry_s) });
  }
  return t("sign_in_failed", { status: refusal.status });
}

export function SignIn() {
  const offers = session.value;
  const busy = useSignal(false);
  const trouble = useSignal("");
  const demo = offers !== null && !isSignedIn(offers) && offers.demo;
  const oidc = offers !== null && !isSignedIn(offers) && offers.oidc;

  const attempt = async (credentials: Parameters<typeof signIn>[0]): Promise<void> => {
    busy.value = true;
    trouble.value = "";
    try {
      await signIn(credentials);
    } catch (refusal) {
      trouble.value = reason(refusal);
    } finally {
      busy.value = false;
    }
  };
  useEffect(() => {
    if (demo) void attempt({ demo: true });
    else if (new URLSearchParams(location.search).get("sign_in") === "refused") trouble.value = t("sign_in_wrong");
  }, [demo]);

  return (
    <main class="sign-in" id="figures">
      <section class="sign-in-lead" aria-hidden="true">
        <Pulse />
        <p>{t("sign_in_lead")}</p>
      </section>
      <form
        class="sign-in-form"
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          void attempt({ name: String(fields.get("name") ?? ""), password: String(fields.get("password") ?? "") });
        }}
      >
        <p class="brand"><Mark /><span>QueuePulse</span></p>
        <h1>{t("sign_in")}</h1>
        <label class="field">
          <span>{t("user_name")}</span>
          <input name="name" type="text" autocomplete="username" autocapitalize="none" spellcheck={false} required autofocus dir="auto" />
        </label>
        <label class="field">
          <span>{t("password")}</span>
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <p class="trouble" role="alert">{trouble.value}</p>
        <button type="submit" class="button primary" disabled={busy.value}>{t("sign_in")}</button>
        {oidc && <a class="button" href="/live/v1/oidc/start">{t("sign_in_oidc")}</a>}
      </form>
    </main>
  );
}

/** A drawing: calls as they come through a day. */
function Pulse() {
  return (
    <svg viewBox="0 0 480 200" class="pulse" focusable="false">
      {Array.from({ length: 40 }, (_, index) => {
        const height = 18 + 70 * Math.exp(-(((index - 13) / 5) ** 2)) + 52 * Math.exp(-(((index - 27) / 6) ** 2)) +
          9 * Math.sin(index * 2.4) + 7 * Math.sin(index * 5.1);
        return <rect key={index} x={index * 12} y={190 - height} width={7} height={height} rx={2} />;
      })}
    </svg>
  );
}
