/** What the server says of how a figure comes about: `GET /v1/explain`, where it has that and lets us ask. */
import type { Vdn } from "./server";
import { asObject, listOf, text } from "./rows";

/** More lines than these nobody reads in a panel; the command line shows them all. */
const LINES_MAX = 100;

/** Lines of text, one for each thing the figure is made of; none where the server has nothing to say. */
export async function loadExplanation(vdn: Vdn, skill: number, figure: string): Promise<readonly string[]> {
  const url = `/v1/explain?cc=${vdn.cc}&vdn=${vdn.vdn}&skill=${skill}&figure=${encodeURIComponent(figure)}`;
  const answer = await fetch(url, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok || !answer.headers.get("content-type")?.includes("json")) return [];
  const told = asObject(await answer.json().catch(() => null));
  return listOf(told.lines).map(text).slice(0, LINES_MAX);
}
