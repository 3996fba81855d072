/** The card of payments: one line each, with amounts, signers and transaction folded. */
import type { GroupStatus, KeeperStatus, SettlementDocument } from "../api/schemas.ts";
import { h, place, table } from "../../daemon/page/dom.ts";
import {
  ago,
  amount,
  bytes,
  counted,
  dateOfBlock,
  isEmptyPayment,
  shortHex,
  whole,
} from "../../daemon/page/format.ts";
import { copied, fact, money } from "../../daemon/page/facts.ts";
import type { Token } from "../../daemon/page/facts.ts";
import { tokenOf } from "./money.ts";

/** Older payments are folded. */
const shownUnfolded = 5;
const emptyText =
  "No provider is paid for these blocks: none of the committed data was proven. The keepers get their fee, if the group pays one.";

export function showPayments(
  status: KeeperStatus,
  group: GroupStatus,
  payments: readonly SettlementDocument[],
): void {
  if (payments.length === 0) {
    const text = "Nothing has been paid yet. The first payment comes after the first interval.";
    return place("payments", h("p", { class: "empty" }, text));
  }
  const list = (paid: readonly SettlementDocument[]): Element =>
    h("ul", { class: "payments" }, ...paid.map((one) => paymentItem(one, status, group)));
  const older = payments.slice(shownUnfolded);
  place(
    "payments",
    list(payments.slice(0, shownUnfolded)),
    older.length > 0 &&
      h(
        "details",
        { class: "older", "data-key": "older" },
        h("summary", {}, counted(older.length, "earlier payment")),
        list(older),
      ),
  );
}

function paymentItem(paid: SettlementDocument, status: KeeperStatus, group: GroupStatus): Element {
  const token = tokenOf(group);
  const total = paid.items.reduce((sum, { amount: units }) => sum + BigInt(units), 0n);
  const missed = paid.failed.length > 0 && h("span", { class: "tag warn" }, `${paid.failed.length} missed`);
  const receivers = `to ${counted(paid.items.length, "provider")}, ${counted(paid.shares.length, "keeper")}`;
  const age = ago(paid.block, status.head, status.block_s, status.headAge_s);
  const date = dateOfBlock(paid.block, status);
  const summary = h(
    "summary",
    {},
    h("span", { class: "blocks" }, `blocks ${whole(paid.ts)}–${whole(paid.te)}`),
    h("span", { class: "total" }, isEmptyPayment(paid.items) ? "nothing to pay" : money(total, token)),
    h("span", { class: "more" }, receivers),
    h("span", { class: "more" }, `led by keeper ${paid.leader} `, missed),
    h("span", { class: "dim when" }, age, date !== undefined && h("span", { class: "date" }, date)),
  );
  return h("li", { "data-key": `paid-${paid.ts}` }, h("details", {}, summary, paymentDetails(paid, token)));
}

function paymentDetails(paid: SettlementDocument, token: Token): Element {
  return h(
    "div",
    { class: "unfolded" },
    isEmptyPayment(paid.items) && h("p", { class: "explain" }, emptyText),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "Amounts" },
      providersTable(paid, token),
      keepersTable(paid, token),
    ),
    h("dl", { class: "facts" }, ...transactionFacts(paid, token)),
  );
}

const heading = (text: string): Element => h("th", { scope: "row" }, text);
const cell = (child: Element | string): Element => h("td", {}, child);

function providersTable({ items }: SettlementDocument, token: Token): Element {
  const rows = items.map((item) =>
    h(
      "tr",
      {},
      heading(String(item.provider)),
      cell(`${bytes(item.spaceTime)}·blocks`),
      cell(money(item.amount, token)),
    ),
  );
  return table("Providers", ["provider", "proven × blocks", "amount"], rows);
}

function keepersTable({ shares }: SettlementDocument, token: Token): Element {
  const rows = shares.map((share) =>
    h(
      "tr",
      {},
      heading(String(share.keeper)),
      cell(h("span", { class: "mono" }, shortHex(share.operator))),
      cell(money(share.amount, token)),
    ),
  );
  return table("Keepers", ["keeper", "operator", "share"], rows);
}

function transactionFacts(paid: SettlementDocument, token: Token): Element[] {
  return [
    fact("Keepers' part and fee", money(paid.cut, token), " and ", money(paid.fee, token)),
    fact("Committee", copied("the committee's address", paid.committee), `, version ${paid.version}`),
    fact("Signed by keepers", names(paid.signers)),
    fact("Keepers that missed their turn", names(paid.failed)),
    fact("Sent by", copied("the sender's address", paid.sender)),
    fact("Gas", `${whole(BigInt(paid.gasUsed))} at ${amount(paid.gasPrice, 9)} gwei`),
    fact("Block", whole(paid.block)),
    fact("Transaction", copied("the transaction's hash", paid.tx)),
    fact("Digest that was signed", copied("the digest", paid.digest)),
  ];
}

function names(indices: readonly number[]): string {
  return indices.length === 0 ? "none" : indices.join(", ");
}
