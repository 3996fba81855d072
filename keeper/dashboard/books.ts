/** What the ledger tells: outcomes with reasons, payments, keepers, and what was skipped. */
import type {
  GroupStatus,
  KeeperStatus,
  OutcomeDocument,
  ReasonDocument,
  SettlementDocument,
} from "../api/schemas.ts";
import { h, place, sign } from "./dom.ts";
import {
  ago,
  amount,
  bytes,
  counted,
  dateOf,
  dateOfBlock,
  isEmptyPayment,
  percent,
  shortHex,
  span,
  whole,
} from "./format.ts";
import { copied, copyButton, fact, money, tokenOf } from "./money.ts";
import type { Token } from "./money.ts";

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

type Share = ProviderStatus["late"];

const shareText = ({ bytesProven, bytesCommitted }: Pick<Share, "bytesProven" | "bytesCommitted">): string =>
  percent(BigInt(bytesProven), BigInt(bytesCommitted));

function slotsText({ fromSlot, toSlot }: Share): string {
  if (fromSlot === null || toSlot === null) return "No slot has a record yet";
  return fromSlot === toSlot ? `Slot ${whole(fromSlot)}` : `Slots ${whole(fromSlot)} to ${whole(toSlot)}`;
}

/** Of 1,000 parts. */
function barWidth({ bytesProven, bytesCommitted }: Share): number {
  const committed = BigInt(bytesCommitted);
  return committed === 0n ? 0 : Number((1_000n * BigInt(bytesProven)) / committed);
}

/** Of late first; what ever was, with the reasons of failures, is folded. */
function providerOutcomes(provider: ProviderStatus, rows: readonly OutcomeDocument[]): Element {
  const sum = (value: (row: OutcomeDocument) => string): string =>
    String(rows.reduce((total, row) => total + BigInt(value(row)), 0n));
  const ever = {
    bytesProven: sum((row) => row.bytesProven),
    bytesCommitted: sum((row) => row.bytesCommitted),
  };
  const [full, partial, failed, unmeasured] = (["whole", "partial", "failed", "unmeasured"] as const).map(
    (outcome) => countOf(rows, outcome),
  ) as [number, number, number, number];
  const { index, operator, committedBytes, lastOutcome, late, interval } = provider;
  const isWhole = late.partial + late.failed === 0;
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
      h("span", { class: `num${isWhole ? "" : " warned"}` }, shareText(late), " proven of late"),
    ),
    h(
      "svg",
      { class: "share", viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      h("rect", { class: "lost", x: 0, y: 0, width: 1000, height: 10 }),
      h("rect", { class: "proven", x: 0, y: 0, width: barWidth(late), height: 10 }),
    ),
    h(
      "div",
      { class: "line dim" },
      h(
        "span",
        {},
        h("span", { class: "mono", title: operator }, shortHex(operator)),
        " ",
        copyButton(`operator of provider ${index}`, operator),
      ),
      h("span", {}, `${bytes(committedBytes)} committed`),
    ),
    h(
      "p",
      { class: "dim" },
      `${slotsText(late)}: ${whole(late.whole)} whole, ${whole(late.partial)} partial, ${whole(late.failed)} failed. In the open interval ${shareText(interval)}.`,
    ),
    lastOutcome !== null && h("p", { class: "dim" }, lastText(provider)),
    h(
      "details",
      { class: "ever" },
      h("summary", {}, `Ever: ${shareText(ever)} proven`),
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
    ),
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
  const hash = (text: string): Element => h("span", { class: "mono" }, text);
  return h(
    "div",
    { class: "unfolded" },
    isEmptyPayment(paid.items) && h("p", { class: "explain" }, emptyText),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "Amounts" },
      table(
        "Providers",
        ["provider", "proven × blocks", "paid for", "gets"],
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
      fact("Sent by", copied("the sender's address", paid.sender)),
      fact("Gas (work of the chain)", `${whole(BigInt(paid.gasUsed))} at ${amount(paid.gasPrice, 9)} gwei`),
      fact("Block", whole(paid.block)),
      fact("Transaction", copied("the transaction's hash", paid.tx)),
      fact("Digest (what was signed)", copied("the digest", paid.digest)),
    ),
  );
}

const emptyText =
  "Nobody is paid for these blocks: no provider was committed to data in them yet, or none proved any. That is usual for the first interval of a group, which begins before its providers join.";

function payment(paid: SettlementDocument, status: KeeperStatus, group: GroupStatus): Element {
  const token = tokenOf(group);
  const total = paid.items.reduce((sum, { amount: units }) => sum + BigInt(units), 0n);
  const turn = Math.round((paid.te - paid.ts - group.params.interval) / group.params.turn) + 1;
  const late =
    turn > 1 ? h("span", { class: "tag warn" }, `turn ${turn}`) : h("span", { class: "tag" }, "turn 1");
  const date = dateOfBlock(paid.block, status);
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
        h("span", { class: "total" }, isEmptyPayment(paid.items) ? "nothing to pay" : money(total, token)),
        h(
          "span",
          { class: "more" },
          `to ${counted(paid.items.length, "provider")}, ${counted(paid.shares.length, "keeper")}`,
        ),
        h("span", { class: "more" }, `led by keeper ${paid.leader} `, late),
        h(
          "span",
          { class: "dim when" },
          ago(paid.block, status.head, status.block_s, status.headAge_s),
          date !== undefined && h("span", { class: "date" }, date),
        ),
      ),
      paymentDetails(paid, token),
    ),
  );
}

/** So many payments are shown at once; those before are folded. */
const shownAtOnce = 5;

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
  const list = (paid: readonly SettlementDocument[]): Element =>
    h("ul", { class: "payments" }, ...paid.map((one) => payment(one, status, group)));
  const older = payments.slice(shownAtOnce);
  place(
    "payments",
    list(payments.slice(0, shownAtOnce)),
    older.length > 0 &&
      h(
        "details",
        { class: "older", "data-key": "older" },
        h("summary", {}, `${older.length} payments before these`),
        list(older),
      ),
  );
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
        " ",
        copyButton(`operator of keeper ${index}`, operator),
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
        `last ${span(Math.max(0, (Date.now() - at_ms) / 1000))} ago, ${dateOf(at_ms / 1000)}: ${detail}`,
      ),
    ),
  );
  // A region that scrolls can be reached by keyboard.
  place(
    "reasons",
    h("ul", { class: "reasons scroll", tabindex: 0, "aria-label": "Reasons, newest first" }, ...rows),
  );
}
