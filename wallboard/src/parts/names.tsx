/** Names that others chose. They are text, whatever is in them, and stand apart from the direction around them. */
import type { Vdn } from "../live/server";
import { queues } from "../state";
import { t } from "../texts";

/** A name in one line; what does not fit is cut, and shown whole when pointed at. */
export function Name({ text, otherwise }: { text: string; otherwise: string }) {
  const shown = text || otherwise;
  return <bdi class="name" title={shown}>{shown}</bdi>;
}

/** The name of a queue by its skill: from its row, or its number. */
export function queueName(skill: number): string {
  return queues.row(skill)?.value.name || t("skill_number", { skill });
}

/** The name of a VDN, or its numbers. */
export function vdnName(vdn: Vdn): string {
  return vdn.name || t("vdn_number", { cc: vdn.cc, vdn: vdn.vdn });
}
