/** The card of groups: all that this keeper serves, each with what is proven, settled and earned. */
import type { GroupStatus } from "../api/schemas.ts";
import { h, place, table } from "../../daemon/page/dom.ts";
import {
  amount,
  bytes,
  counted,
  exactAmount,
  provenShare,
  shortHex,
  whole,
} from "../../daemon/page/format.ts";
import { groupHead } from "../../daemon/page/facts.ts";
import { tokenOf } from "./money.ts";

/** A group that moves is in two committees. */
export function keyOf({ committee, group }: Pick<GroupStatus, "committee" | "group">): string {
  return `${committee}/${group}`;
}

export function showGroups(groups: readonly GroupStatus[], shown: GroupStatus): void {
  const committees = new Set(groups.map(({ committee }) => committee)).size;
  const caption = `${counted(groups.length, "group")} in ${counted(committees, "committee")}`;
  const heads = ["group", "settled through", "proven lately", "earned", "committed", "committee"];
  const rows = groups.map((group) => groupRow(group, keyOf(group) === keyOf(shown)));
  // A region that scrolls must be reachable by keyboard.
  const region = { class: "scroll groups", tabindex: 0, role: "group", "aria-label": "Groups" };
  place("groups", h("div", region, table(caption, heads, rows)));
}

function groupRow(group: GroupStatus, isShown: boolean): Element {
  return h(
    "tr",
    { "data-key": keyOf(group), "aria-current": isShown && "true" },
    groupHead(group.group, isShown),
    h("td", {}, `block ${whole(group.settledThrough)}`),
    h("td", {}, provenShare(group.proven.late)),
    earnedCell(group),
    h("td", {}, committedText(group)),
    h("td", { class: "mono", title: group.committee }, `${shortHex(group.committee)}, no. ${group.number}`),
  );
}

function committedText({ providers }: GroupStatus): string {
  if (providers.length === 0) return "no providers";
  const committed = providers.reduce((sum, { committedBytes }) => sum + BigInt(committedBytes), 0n);
  return `${bytes(committed)} by ${counted(providers.length, "provider")}`;
}

function earnedCell(group: GroupStatus): Element {
  const { earned } = group;
  if (earned === null || earned.payments === 0) return h("td", {}, "–");
  const { symbol, decimals } = tokenOf(group);
  return h(
    "td",
    { title: `${exactAmount(earned.total, decimals)} ${symbol}` },
    `${amount(earned.total, decimals)} ${symbol}`,
  );
}
