/** What the ledger tells: outcomes with reasons, payments, keepers, and what was skipped. */
import type {
  GroupStatus,
  KeeperStatus,
  OutcomeDocument,
  ReasonDocument,
  SettlementDocument,
} from "../schemas.ts";
import { h, place, sign } from "./dom.ts";
import { ago, amount, bytes, exactAmount, percent, shortHex, span, whole } from "./format.ts";

type Token = NonNullable<GroupStatus["money"]>["token"];
const unknownToken: Token = { address: null, symbol: "units", decimals: null };
const tokenOf = (group: GroupStatus): Token => group.money?.token ?? unknownToken;

function money(units: bigint | string, { symbol, decimals }: Token): Element {
  return h(
    "span",
    { class: "num", title: `${exactAmount(units, decimals)} ${symbol}` },
    `${amount(units, decimals, 6)} ${symbol}`,
  );
}

/** Answers in time that proved less than what was committed. */
const partialText = "Answered in time with fewer than the 16 leaves asked for: that part is paid.";
const unmeasuredText = "Proven, and recorded by a release that did not note how much was committed.";

function why(tag: string, kind: "warn" | "bad" | "", text: string): Element {
  return h("li", { "data-key": tag }, h("span", { class: `tag ${kind}` }, tag), ` ${text}`);
}

type ProviderStatus = GroupStatus["providers"][number];

function lastText({ lastOutcome, lastBytes, late }: ProviderStatus): string {
  if (lastOutcome !== "proven" || lastBytes === null) return `The last challenge failed: ${lastOutcome}.`;
  const { partial, failed, fromSlot, toSlot } = late;
  return partial + failed > 0
    ? `It does not prove all of its data: not all was proven in slots ${fromSlot} to ${toSlot}.`
    : "All was proven in the last slots.";
}

function countOf(rows: readonly OutcomeDocument[], outcome: OutcomeDocument["outcome"]): number {
  return rows.filter((row) => row.outcome === outcome).reduce((sum, row) => sum + row.count, 0);
}

function providerOutcomes(
  provider: GroupStatus["providers"][number],
  rows: readonly OutcomeDocument[],
): Element {
  const sum = (value: (row: OutcomeDocument) => string): bigint =>
    rows.reduce((total, row) => total + BigInt(value(row)), 0n);
  const proven = sum(({ bytesProven }) => bytesProven);
  const committed = sum(({ bytesCommitted }) => bytesCommitted);
  const width = committed === 0n ? 0 : Number((1_000n * proven) / committed);
  const [full, partial, failed, unmeasured] = (["whole", "partial", "failed", "unmeasured"] as const).map(
    (outcome) => countOf(rows, outcome),
  ) as [number, number, number, number];
  const { index, operator, committedBytes, lastOutcome } = provider;
  return h(
    "li",
    { "data-key": `provider-${index}` },
    h(
      "div",
      { class: "line" },
      h(
        "strong",
        {},
        h("span", { class: `swatch s${index % 8}`, "aria-hidden": "true" }),
        `Provider ${index}`,
      ),
      h("span", { class: "num" }, percent(proven, committed), " of bytes proven"),
    ),
    h(
      "svg",
      { class: "share", viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      h("rect", { class: "lost", x: 0, y: 0, width: 1000, height: 10 }),
      h("rect", { class: "proven", x: 0, y: 0, width, height: 10 }),
    ),
    h(
      "div",
      { class: "line dim" },
      h("span", { class: "mono", title: operator }, shortHex(operator)),
      h("span", {}, `${bytes(committedBytes)} committed`),
    ),
    h(
      "p",
      { class: "dim" },
      `Challenges: ${whole(full)} whole, ${whole(partial)} partial, ${whole(failed)} failed.`,
    ),
    h(
      "ul",
      { class: "whys" },
      partial > 0 && why(`partial ${whole(partial)}×`, "warn", partialText),
      ...rows
        .filter(({ outcome }) => outcome === "failed")
        .map(({ reason, explanation, count }) => why(`${reason} ${whole(count)}×`, "bad", explanation)),
      unmeasured > 0 && why(`not measured ${whole(unmeasured)}×`, "", unmeasuredText),
    ),
    lastOutcome !== null && h("p", { class: "dim" }, lastText(provider)),
  );
}

export function showOutcomes(group: GroupStatus, outcomes: readonly OutcomeDocument[]): void {
  if (group.providers.length === 0)
    return place("outcomes", h("p", { class: "empty" }, "The group has no providers yet."));
  place(
    "outcomes",
    h(
      "ul",
      { class: "outcomes" },
      ...group.providers.map((provider) =>
        providerOutcomes(
          provider,
          outcomes.filter((row) => row.provider === provider.index),
        ),
      ),
    ),
  );
}

function names(indices: readonly number[]): string {
  return indices.length === 0 ? "none" : indices.join(", ");
}

function paymentDetails(paid: SettlementDocument, token: Token): Element {
  const cell = (child: Element | string): Element => h("td", {}, child);
  const table = (caption: string, heads: readonly string[], rows: readonly Element[]): Element =>
    h(
      "table",
      {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, ...rows),
    );
  const fact = (name: string, value: Element | string): Element =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value));
  const hash = (text: string): Element => h("span", { class: "mono" }, text);
  return h(
    "div",
    { class: "unfolded" },
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "Amounts" },
      table(
        "Providers",
        ["provider", "space-time", "paid for", "gets"],
        paid.items.map((item) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, String(item.provider)),
            cell(`${bytes(item.spaceTime)}·blocks`),
            cell(money(item.amount, token)),
            cell(money(item.toProvider, token)),
          ),
        ),
      ),
      table(
        "Keepers",
        ["keeper", "operator", "share"],
        paid.shares.map((share) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, String(share.keeper)),
            cell(hash(shortHex(share.operator))),
            cell(money(share.amount, token)),
          ),
        ),
      ),
    ),
    h(
      "dl",
      { class: "facts" },
      fact("Signed by", names(paid.signers)),
      fact("Let a turn lapse", names(paid.failed)),
      fact("Sent by", hash(paid.sender)),
      fact("Gas", `${whole(BigInt(paid.gasUsed))} at ${amount(paid.gasPrice, 9)} gwei`),
      fact("Block", whole(paid.block)),
      fact("Transaction", hash(paid.tx)),
      fact("Digest", hash(paid.digest)),
    ),
  );
}

function payment(paid: SettlementDocument, status: KeeperStatus, group: GroupStatus): Element {
  const token = tokenOf(group);
  const total = paid.items.reduce((sum, { amount: units }) => sum + BigInt(units), 0n);
  const turn = Math.round((paid.te - paid.ts - group.params.interval) / group.params.turn) + 1;
  const late =
    turn > 1 ? h("span", { class: "tag warn" }, `turn ${turn}`) : h("span", { class: "tag" }, "turn 1");
  return h(
    "li",
    { "data-key": `paid-${paid.ts}` },
    h(
      "details",
      {},
      h(
        "summary",
        {},
        h("span", { class: "blocks" }, `blocks ${whole(paid.ts)}–${whole(paid.te)}`),
        h("span", { class: "total" }, money(total, token)),
        h("span", {}, `to ${paid.items.length} providers, ${paid.shares.length} keepers`),
        h("span", {}, `led by keeper ${paid.leader} `, late),
        h("span", { class: "dim" }, ago(paid.block, status.head, status.block_s)),
      ),
      paymentDetails(paid, token),
    ),
  );
}

export function showPayments(
  status: KeeperStatus,
  group: GroupStatus,
  payments: readonly SettlementDocument[],
): void {
  if (payments.length === 0) {
    return place(
      "payments",
      h(
        "p",
        { class: "empty" },
        "Nothing has been paid yet. The first payment comes after the first interval.",
      ),
    );
  }
  place("payments", h("ul", { class: "payments" }, ...payments.map((paid) => payment(paid, status, group))));
}

const slow_ms = 400;

export function showKeepers(group: GroupStatus): void {
  const rows = group.committee.map(({ index, operator, me, connected, latency_ms, speaks }) => {
    const far =
      latency_ms === null ? "–" : `${latency_ms < 10 ? latency_ms.toFixed(1) : whole(latency_ms)} ms`;
    const width = latency_ms === null ? 0 : Math.min(1, latency_ms / slow_ms) * 100;
    return h(
      "tr",
      { "data-key": operator },
      h("th", { scope: "row" }, String(index)),
      h(
        "td",
        { class: "mono", title: operator },
        shortHex(operator),
        me && h("span", { class: "tag me" }, "this one"),
      ),
      h(
        "td",
        { class: "state" },
        connected ? sign("●", "", "good") : sign("○", "", "bad"),
        connected ? " connected" : " away",
      ),
      h("td", { title: "newest wire version that it understands" }, speaks === null ? "–" : String(speaks)),
      h(
        "td",
        { class: "latency" },
        me ? "–" : far,
        latency_ms !== null &&
          h(
            "svg",
            { viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
            h("rect", { x: 0, y: 0, width, height: 4 }),
          ),
      ),
    );
  });
  place(
    "keepers",
    h(
      "table",
      {},
      h(
        "caption",
        {},
        `${group.connected} of ${group.committee.length} connected, ${group.quorum} must sign`,
      ),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...["seat", "operator", "state", "version", "latency"].map((name) =>
            h("th", { scope: "col" }, name),
          ),
        ),
      ),
      h("tbody", {}, ...rows),
    ),
  );
}

export function showReasons(reasons: readonly ReasonDocument[]): void {
  if (reasons.length === 0) return place("reasons", h("p", { class: "empty" }, "Nothing so far."));
  const rows = reasons.map(({ group, code, day, count, at_ms, detail, explanation }) =>
    h(
      "li",
      { "data-key": `${group}/${code}/${day}` },
      h("div", { class: "line" }, h("strong", {}, code), h("span", { class: "num" }, `${whole(count)}×`)),
      h("p", {}, explanation),
      h(
        "p",
        { class: "dim detail" },
        `last ${span(Math.max(0, (Date.now() - at_ms) / 1000))} ago: ${detail}`,
      ),
    ),
  );
  // A region that scrolls can be reached by keyboard.
  place(
    "reasons",
    h("ul", { class: "reasons scroll", tabindex: 0, "aria-label": "Reasons, newest first" }, ...rows),
  );
}
