/** The cards of challenges: counts of failures with their reasons, and the last challenges of the selected group. */
import type { ChallengeDocument, OutcomeDocument } from "../api/schemas.ts";
import { h, place, table } from "../../daemon/page/dom.ts";
import { bytes, dateOf, shortHex, whole } from "../../daemon/page/format.ts";

export function showOutcomes(outcomes: readonly OutcomeDocument[]): void {
  const all = outcomes.reduce((sum, { count }) => sum + count, 0);
  if (all === 0) return place("outcomes", h("p", { class: "empty" }, "No keeper has asked yet."));
  const failures = outcomes
    .filter(({ outcome }) => outcome !== "whole")
    .toSorted((a, b) => b.last_ms - a.last_ms);
  const proven = all - failures.reduce((sum, { count }) => sum + count, 0);
  const items = failures.map(({ group, outcome, reason, count, last_ms, detail }) =>
    h(
      "li",
      { "data-key": `${group}/${outcome}/${reason}` },
      h("span", { class: `tag ${outcome === "partial" ? "warn" : "bad"}` }, `${reason} ${whole(count)}×`),
      h(
        "span",
        { title: group },
        ` ${outcome}, group ${shortHex(group)}; the last on ${dateOf(last_ms / 1000)}`,
      ),
      detail !== "" && h("p", { class: "detail dim" }, detail),
    ),
  );
  const list = { class: "scroll reasons", tabindex: 0, role: "group", "aria-label": "Failed challenges" };
  place(
    "outcomes",
    h("p", {}, `Proven whole: ${whole(proven)} of ${whole(all)}.`),
    failures.length > 0 && h("div", list, h("ul", { class: "whys" }, ...items)),
  );
}

const kinds = { whole: "", partial: "warn", failed: "bad" } as const;

export function showChallenges(challenges: readonly ChallengeDocument[]): void {
  if (challenges.length === 0)
    return place("challenges", h("p", { class: "empty" }, "No keeper has asked yet."));
  const rows = challenges.map((one) =>
    h(
      "tr",
      { "data-key": `${one.committee}/${one.slot}/${one.keeper}/${one.time_ms}` },
      h("th", { scope: "row" }, whole(one.slot)),
      h("td", { class: "mono", title: one.keeper }, shortHex(one.keeper)),
      h(
        "td",
        {},
        h("span", { class: `tag ${kinds[one.outcome]}`, title: one.detail }, one.reason || one.outcome),
      ),
      h("td", {}, bytes(one.bytesProven)),
      h("td", {}, dateOf(one.time_ms / 1000)),
    ),
  );
  const region = { class: "scroll groups", tabindex: 0, role: "group", "aria-label": "Last challenges" };
  const heads = ["slot", "keeper", "outcome", "proven", "answered"];
  place("challenges", h("div", region, table("Newest first", heads, rows)));
}
