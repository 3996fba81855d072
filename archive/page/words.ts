/** Words for copies, the same everywhere on the page. */
import { h, sign } from "../../daemon/page/dom.ts";
import { whole } from "../../daemon/page/format.ts";
import type { FileDocument, StandDocument } from "./documents.ts";

export function copiesText(copies: number): string {
  return copies === 0 ? "no copy" : `${whole(copies)} ${copies === 1 ? "copy" : "copies"}`;
}

/** The number of proven copies with a sign: trouble, attention, all well. */
export function copiesSign({ now }: StandDocument, { isAlarming, derivedFrom }: FileDocument): Element {
  const words = now === 0 ? "no copy" : now === 1 ? "the last copy" : "few copies";
  const state = isAlarming
    ? sign("▲", `alarm: ${words}: `, now <= 1 ? "bad" : "wait")
    : derivedFrom !== null && now === 0
      ? sign("–", "can be derived: ", "none")
      : sign("✓", "", "good");
  return h("span", { class: "state num" }, state, whole(now));
}
