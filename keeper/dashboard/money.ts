/** The card of money: the group's funds, and this keeper's earnings and gas account. */
import type { GroupStatus, KeeperStatus } from "../api/schemas.ts";
import { h, place } from "./dom.ts";
import { amount, coins, dateOfBlock, exactAmount, span, whole } from "./format.ts";

export type Token = NonNullable<GroupStatus["money"]>["token"];
const unknownToken: Token = { address: null, symbol: "units", decimals: null };
export const tokenOf = (group: GroupStatus): Token => group.money?.token ?? unknownToken;

/** Four significant digits; the title has all digits. */
export function money(units: bigint | string, { symbol, decimals }: Token): Element {
  return h(
    "span",
    { class: "num", title: `${exactAmount(units, decimals)} ${symbol}` },
    `${amount(units, decimals)} ${symbol}`,
  );
}

type Child = Element | string;

export function fact(name: string, ...value: Child[]): Element {
  return h("div", { "data-key": name }, h("dt", {}, name), h("dd", {}, ...value));
}

/** A button that copies `text` to the clipboard; app.ts handles its click. */
export function copyButton(what: string, text: string): Element {
  return h(
    "button",
    { class: "copy", type: "button", "data-copy": text, "aria-label": `Copy ${what}` },
    "copy",
  );
}

/** A text with a copy button. */
export function copied(what: string, text: string): Element {
  return h("span", { class: "copied" }, h("span", { class: "mono" }, text), " ", copyButton(what, text));
}

/** "block 3,865,498: in 106 days, about 7 Mar 2027". */
function untilText(status: KeeperStatus, block: string, seconds: number | null): string {
  const number = BigInt(block);
  if (seconds === null) return `block ${whole(number)}`;
  const safe = number < BigInt(Number.MAX_SAFE_INTEGER) ? dateOfBlock(Number(number), status) : undefined;
  const date = safe === undefined ? "" : `, about ${safe}`;
  return `block ${whole(number)}: in ${span(seconds)}${date}`;
}

function groupFacts(status: KeeperStatus, group: GroupStatus): Element[] {
  const { money: funds } = group;
  if (funds === null) return [fact("The group's money", "not read yet")];
  const { token, unallocated, arrears } = funds;
  const owes = arrears === "0" ? "nothing" : money(arrears, token);
  const left = fact("Left in the group", money(unallocated, token));
  const { fundedUntilBlock } = funds;
  if (fundedUntilBlock === null) {
    return [
      left,
      fact("Lasts until", "no end: it has no data, or data at no price, and no fee"),
      fact("Reserved until", "nothing is reserved. The payer may withdraw all."),
      fact("Owes providers and keepers", owes),
    ];
  }
  return [
    left,
    fact("Lasts until", untilText(status, fundedUntilBlock, funds.runway_s)),
    fact(
      "Reserved until",
      `${untilText(status, funds.reservedUntilBlock, funds.reserved_s)}. The payer may withdraw the rest.`,
    ),
    fact("Owes providers and keepers", owes),
  ];
}

function ownFacts(status: KeeperStatus, group: GroupStatus): Element[] {
  const { earned } = group;
  const token = tokenOf(group);
  const { funds } = status;
  const gas =
    funds === null ? "not read yet" : `${coins(funds.balance)} of the chain, for the fees of transactions`;
  const total = earned === null || earned.payments === 0 ? ["nothing yet"] : [money(earned.total, token)];
  const last = earned === null || earned.payments === 0 ? [] : [money(earned.last, token)];
  return [
    fact("This keeper earned", ...total),
    ...(last.length === 0 ? [] : [fact("Its last payment", ...last)]),
    fact("Its gas account", gas),
  ];
}

export function showMoney(status: KeeperStatus, group: GroupStatus): void {
  place("money", ...groupFacts(status, group), ...ownFacts(status, group));
}
