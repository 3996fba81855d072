/** The card of reasons: what this keeper skipped, refused or missed. */
import type { ReasonDocument } from "../api/schemas.ts";
import { h, place } from "../../daemon/page/dom.ts";
import { dateOf, shortHex, span, whole } from "../../daemon/page/format.ts";

export function showReasons(reasons: readonly ReasonDocument[]): void {
  if (reasons.length === 0) return place("reasons", h("p", { class: "empty" }, "Nothing so far."));
  // A region that scrolls must be reachable by keyboard.
  const region = { class: "reasons scroll", tabindex: 0, "aria-label": "Reasons, newest first" };
  place("reasons", h("ul", region, ...reasons.map(reasonItem)));
}

function reasonItem({ contract, code, day, count, at_ms, detail, explanation }: ReasonDocument): Element {
  const age = span(Math.max(0, (Date.now() - at_ms) / 1000));
  return h(
    "li",
    { "data-key": `${contract}/${code}/${day}` },
    h("div", { class: "line" }, h("strong", {}, code), h("span", { class: "num" }, `${whole(count)}×`)),
    h("p", {}, explanation),
    contract !== "" && h("p", { class: "dim mono", title: contract }, `in ${shortHex(contract)}`),
    h("p", { class: "dim detail" }, `last ${age} ago, ${dateOf(at_ms / 1000)}: ${detail}`),
  );
}
