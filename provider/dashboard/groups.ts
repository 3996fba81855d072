/** The card of payers: every group with what is proven, earned and coming, and how long its money lasts. */
import type { GroupDocument, MoneyDocument, ProviderStatus } from "../api/schemas.ts";
import { h, place, table } from "../../daemon/page/dom.ts";
import { groupHead, money } from "../../daemon/page/facts.ts";
import { bytes, counted, provenShare, shortHex, span, whole } from "../../daemon/page/format.ts";

const day_s = 86_400;
/** The payer has to be asked for money within this time; the alert WhitepayProviderRunwayShort has the same limit. */
export const shortRunway_s = 7 * day_s;

const heads = ["group", "payer", "committed", "proven lately", "credit", "coming", "runway", "served by"];

export function showGroups({ groups }: ProviderStatus, shown: GroupDocument | undefined): void {
  if (groups.length === 0) {
    const text = "No group yet. A payer that stores data here, or the setting groups, adds one.";
    return place("groups", h("p", { class: "empty" }, text));
  }
  const rows = groups.map((group) => groupRow(group, groups.length > 1 && group.group === shown?.group));
  // A region that scrolls must be reachable by keyboard.
  const region = { class: "scroll groups", tabindex: 0, role: "group", "aria-label": "Payers" };
  place("groups", h("div", region, table(counted(groups.length, "group"), heads, rows)));
}

function groupRow(group: GroupDocument, isShown: boolean): Element {
  const { money: funds } = group;
  return h(
    "tr",
    { "data-key": group.group, "aria-current": isShown && "true" },
    groupHead(group.group, isShown),
    payerCell(group),
    h("td", {}, committedText(group)),
    provenCell(group),
    h("td", {}, funds === null ? "–" : money(funds.credit, funds.token), ...owed(funds)),
    h("td", {}, funds === null ? "–" : money(funds.coming, funds.token)),
    runwayCell(funds),
    servedCell(group),
  );
}

function payerCell({ payer }: GroupDocument): Element {
  return payer === null ? h("td", {}, "–") : h("td", { class: "mono", title: payer }, shortHex(payer));
}

function committedText({ provider, committedBytes, leavesAt, ends }: GroupDocument): string {
  if (provider === null) return "not a provider of it";
  const notice =
    leavesAt === null ? (ends ? "; the payer ended the group" : "") : `, to block ${whole(leavesAt)}`;
  return `${bytes(committedBytes)}${notice}`;
}

function provenCell({ late }: GroupDocument): Element {
  if (late.toSlot === null) return h("td", {}, "not asked yet");
  const isWhole = late.partial + late.failed === 0;
  return h("td", { class: isWhole ? "num" : "num warned" }, provenShare(late));
}

function owed(funds: MoneyDocument | null): (Element | string)[] {
  if (funds === null || funds.arrears === "0") return [];
  return [" ", h("span", { class: "tag bad" }, "owed: ", money(funds.arrears, funds.token))];
}

function runwayCell(funds: MoneyDocument | null): Element {
  if (funds === null) return h("td", {}, "–");
  const { isFundingKnown, fundedUntilBlock, runway_s, reserved_s } = funds;
  const reserved = reserved_s === null ? "" : `reserved for ${span(reserved_s)}`;
  if (!isFundingKnown) {
    const title = "The setting chain.lens is missing: the runway is not known";
    return h("td", { title }, reserved === "" ? "not known" : reserved);
  }
  if (fundedUntilBlock === null) return h("td", {}, "no end");
  if (runway_s === null) return h("td", {}, `to block ${whole(fundedUntilBlock)}`);
  const kind = runway_s < shortRunway_s ? "num warned" : "num";
  return h("td", { class: kind, title: reserved }, span(runway_s));
}

function servedCell({ committee, next, fault }: GroupDocument): Element {
  if (fault !== null) return h("td", {}, h("span", { class: "tag bad", title: fault }, "cannot be read"));
  if (committee === null) return h("td", {}, "no committee");
  const moves = next === null ? "" : `, ${shortHex(next.committee)} from block ${whole(next.from)} on`;
  return h("td", { class: "mono", title: committee }, `${shortHex(committee)}${moves}`);
}
