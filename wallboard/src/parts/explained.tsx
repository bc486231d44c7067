/** How a figure comes about: the sum, and one by one what it is made of, as of one instant of the server. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { second } from "../live/clock";
import type { Explanation, Term } from "../live/explanation";
import { loadExplained } from "../live/server";
import { count } from "../model/durations";
import type { Explained } from "../model/figures";
import { agents, panelSkill, vdn } from "../state";
import { locale, t, type Key } from "../texts";
import { Name } from "./names";
import { At } from "./times";

/** At most one question in so long, however fast the figure changes. */
const EVERY_MS = 2_000;
/** How long a question that failed is left alone. */
const AGAIN_S = 10;

interface Shape {
  readonly figures: readonly Explained[];
  readonly skill: number;
  /** Changes with the figure: then it is explained anew. */
  readonly value: string;
  /** Whether what it is made of is listed above already; then it stands closed. */
  readonly closed: boolean;
}

export function HowItComes({ figures, skill, value, closed }: Shape) {
  const { shown, failed } = useExplained(figures, skill, value);
  useEffect(() => {
    // For their names.
    panelSkill.value = skill;
  }, [skill]);
  return (
    <section class="explained" aria-labelledby="explained" aria-busy={shown === null && !failed}>
      <h3 id="explained">{t("how_it_comes")}</h3>
      {failed && <p class="muted" role="status">{t("explain_failed")}</p>}
      {shown === null && !failed && <p class="muted" role="status">{t("loading")}</p>}
      {shown?.map((explanation) => (
        <One key={explanation.figure} explanation={explanation} isOnly={shown.length === 1} closed={closed} />
      ))}
      {shown?.[0] && (
        <p class="muted as-of">
          {t("as_of")} <At at_ms={shown[0].at_ms} withSeconds /> · {t("event_number", { position: count(shown[0].position, locale()) })}
        </p>
      )}
    </section>
  );
}

/** The explanations of now, asked for when the panel opens and whenever the figure changes; the last ones stay. */
function useExplained(figures: readonly Explained[], skill: number, value: string) {
  const shown = useSignal<readonly Explanation[] | null>(null);
  const failed = useSignal(false);
  const asked = useSignal(-EVERY_MS);
  const of = vdn.value;
  const attempt = failed.value ? Math.floor(second.value / AGAIN_S) : 0;
  useEffect(() => {
    if (!of) return;
    let over = false;
    const timer = window.setTimeout(() => {
      asked.value = performance.now();
      Promise.all(figures.map((figure) => loadExplained(of, skill, figure))).then(
        (found) => {
          if (!over) [shown.value, failed.value] = [found, false];
        },
        () => {
          if (!over) failed.value = true;
        },
      );
    }, Math.max(0, asked.peek() + EVERY_MS - performance.now()));
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [of?.cc, of?.vdn, skill, figures.join(), value, attempt]);
  return { shown: shown.value, failed: failed.value };
}

function One({ explanation, isOnly, closed }: { explanation: Explanation; isOnly: boolean; closed: boolean }) {
  const { figure, terms, terms_total } = explanation;
  const isOpen = useSignal(!closed);
  return (
    <>
      {!isOnly && <h4 class="explained-figure">{t(`figure_${figure}` as Key)}</h4>}
      <p class="equation"><Equation explanation={explanation} /></p>
      {terms_total > 0 && (
        <details open={isOpen.value} onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
          <summary>{t("one_by_one")} <span class="muted">{count(terms_total, locale())}</span></summary>
          <Terms terms={terms} />
          <Others explanation={explanation} />
        </details>
      )}
    </>
  );
}

/** What its parts give: "3 in talk now + 117 ended today = 120", or how many of those looked at count. */
function Equation({ explanation: { operands, value, terms_total } }: { explanation: Explanation }) {
  const number = (of: number) => <b>{count(of, locale())}</b>;
  if (operands.length === 1) {
    const [before, between, after] = t("counts_of").split(/\{counted\}|\{all\}/);
    const parts = [number(operands[0]?.value ?? 0), number(terms_total)];
    // The languages name the two in different orders.
    if (t("counts_of").indexOf("{all}") < t("counts_of").indexOf("{counted}")) parts.reverse();
    return <>{before}{parts[0]}{between}{parts[1]}{after}</>;
  }
  return (
    <>
      {operands.map((operand, index) => (
        <span key={operand.name}>
          {index > 0 && " + "}{number(operand.value)} {t(`operand_${operand.name}` as Key)}
        </span>
      ))}
      {" = "}{number(value ?? 0)}
    </>
  );
}

function Terms({ terms }: { terms: readonly Term[] }) {
  return (
    <div class="table-box">
      <table class="table terms">
        <thead>
          <tr>
            <th scope="col">{t("term_when")}</th>
            <th scope="col">{t("term_what")}</th>
            <th scope="col" class="number">{t("term_counts")}</th>
          </tr>
        </thead>
        <tbody>
          {terms.map((term, index) => <Line key={index} term={term} />)}
        </tbody>
      </table>
    </div>
  );
}

function Line({ term }: { term: Term }) {
  const at_ms = term.at_ms ?? term.since_ms;
  return (
    <tr class={term.why_not ? "counts-not" : ""}>
      <td>{at_ms !== null && <At at_ms={at_ms} withSeconds />}</td>
      <th scope="row">
        <span class="term-what">
          {t((term.what === "agent" ? `state_${term.state}` : `term_${term.what}`) as Key)}
          {term.cause && <span class="muted"> {t(`cause_${term.cause}` as Key)}</span>}
        </span>
        <Who term={term} />
      </th>
      <td class="number">
        {term.why_not ? <span class="muted">{t(`why_${term.why_not}` as Key)}</span>
          : <>+{count(term.adds ?? 0, locale())}</>}
      </td>
    </tr>
  );
}

/** The agent, and the call by its id: telephone numbers are in no explanation. */
function Who({ term: { agent, name, call } }: { term: Term }) {
  if (agent === null && !call) return null;
  return (
    <span class="term-who muted">
      {agent !== null && (
        <Name text={name || agents.row(agent)?.value.name || ""} otherwise={t("agent_number", { agent })} />
      )}
      {call && <bdi class="name call-id" title={call}>{call}</bdi>}
    </span>
  );
}

/** The terms that are not listed, and what they add. */
function Others({ explanation: { terms, terms_total, operands } }: { explanation: Explanation }) {
  const left = terms_total - terms.length;
  if (left <= 0) return null;
  const sum = operands.reduce((all, operand) => all + operand.others, 0);
  return <p class="muted">{t("others_add", { count: count(left, locale()), sum: count(sum, locale()) })}</p>;
}
