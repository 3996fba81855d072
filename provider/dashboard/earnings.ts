/** The cards of earnings: sums by month and token, and the payments of the selected group. */
import type {
  GroupDocument,
  MonthDocument,
  PaymentDocument,
  ProviderStatus,
  TokenDocument,
} from "../api/schemas.ts";
import { h, place, table } from "../../daemon/page/dom.ts";
import { copyButton, money } from "../../daemon/page/facts.ts";
import { ago, whole } from "../../daemon/page/format.ts";

const unknownToken: TokenDocument = { address: null, symbol: "units", decimals: null };

export type MonthSum = {
  readonly month: string;
  readonly token: TokenDocument;
  readonly earned: bigint;
  readonly withdrawn: bigint;
  readonly payments: number;
};

/** Of all groups with the same token, newest month first. */
export function sumsByMonth(months: readonly MonthDocument[]): MonthSum[] {
  const sums = new Map<string, MonthSum>();
  for (const { month, group, token, earned, withdrawn, payments } of months) {
    const key = `${month}/${token === null ? group : (token.address ?? "coin")}`;
    const before = sums.get(key) ?? {
      month,
      token: token ?? unknownToken,
      earned: 0n,
      withdrawn: 0n,
      payments: 0,
    };
    sums.set(key, {
      ...before,
      earned: before.earned + BigInt(earned),
      withdrawn: before.withdrawn + BigInt(withdrawn),
      payments: before.payments + payments,
    });
  }
  return [...sums.values()];
}

const cell = (child: Element | string): Element => h("td", {}, child);

export function showEarnings(months: readonly MonthDocument[]): void {
  const sums = sumsByMonth(months);
  if (sums.length === 0) {
    const text = "Nothing has been earned yet. The first payment comes after the first interval.";
    return place("earnings", h("p", { class: "empty" }, text));
  }
  const rows = sums.map(({ month, token, earned, withdrawn, payments }) =>
    h(
      "tr",
      { "data-key": `${month}/${token.address ?? token.symbol}` },
      h("th", { scope: "row" }, month),
      cell(money(earned, token)),
      cell(money(withdrawn, token)),
      cell(whole(payments)),
    ),
  );
  const region = { class: "scroll groups", tabindex: 0, role: "group", "aria-label": "Months" };
  const heads = ["month", "earned", "withdrawn", "payments"];
  place("earnings", h("div", region, table("All groups", heads, rows)));
}

const kinds = {
  settled: "settled",
  credited: "credited without a settlement",
  arrears: "arrears paid",
  withdrawn: "withdrawn",
} as const;

export function showPayments(
  status: ProviderStatus,
  group: GroupDocument | undefined,
  payments: readonly PaymentDocument[],
): void {
  if (payments.length === 0) return place("payments", h("p", { class: "empty" }, "No payment yet."));
  const token = group?.money?.token ?? unknownToken;
  const rows = payments.map((paid) =>
    h(
      "tr",
      { "data-key": `${paid.tx}/${paid.kind}/${paid.fromBlock}` },
      h("th", { scope: "row" }, kinds[paid.kind]),
      cell(money(paid.amount, token)),
      cell(blocksText(paid)),
      cell(ago(paid.block, status.head ?? paid.block, status.block_s, status.headAge_s)),
      cell(copyButton(`transaction ${paid.tx}`, paid.tx)),
    ),
  );
  const heads = ["kind", "amount", "for blocks", "paid", "transaction"];
  const region = { class: "scroll groups", tabindex: 0, role: "group", "aria-label": "Payments" };
  place("payments", h("div", region, table("Newest first", heads, rows)));
}

function blocksText({ fromBlock, throughBlock }: PaymentDocument): string {
  return fromBlock === null || throughBlock === null ? "–" : `${whole(fromBlock)}–${whole(throughBlock)}`;
}
