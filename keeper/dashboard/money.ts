/** The card of money: the group's funds, and this keeper's earnings and gas account. */
import type { GroupStatus, KeeperStatus } from "../api/schemas.ts";
import { place } from "../../daemon/page/dom.ts";
import { fact, money } from "../../daemon/page/facts.ts";
import type { Token } from "../../daemon/page/facts.ts";
import { coins, dateOfBlock, span, whole } from "../../daemon/page/format.ts";

const unknownToken: Token = { address: null, symbol: "units", decimals: null };
export const tokenOf = (group: GroupStatus): Token => group.money?.token ?? unknownToken;

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
