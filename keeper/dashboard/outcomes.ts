/** The card of providers: the outcomes of their challenges, with the reasons of failures. */
import type { GroupStatus, OutcomeDocument, ShareDocument } from "../api/schemas.ts";
import { h, place } from "../../daemon/page/dom.ts";
import { bytes, provenShare, shortHex, whole } from "../../daemon/page/format.ts";
import { copyButton } from "../../daemon/page/facts.ts";

const partialText = "The answer came in time with fewer than the 16 leaves asked for. That part is paid.";
const unmeasuredText = "Proven, but recorded by an earlier release that did not store the committed bytes.";

type ProviderStatus = GroupStatus["providers"][number];

export function showOutcomes(group: GroupStatus, outcomes: readonly OutcomeDocument[]): void {
  if (group.providers.length === 0)
    return place("outcomes", h("p", { class: "empty" }, "The group has no providers yet."));
  const items = group.providers.map((provider) =>
    providerItem(
      provider,
      outcomes.filter((row) => row.provider === provider.index),
    ),
  );
  place("outcomes", h("ul", { class: "outcomes" }, ...items));
}

/** The last slots come first, since a lifetime average hides a loss of today. */
function providerItem(provider: ProviderStatus, rows: readonly OutcomeDocument[]): Element {
  const { index, lastOutcome, late, interval } = provider;
  const counts = `${whole(late.whole)} whole, ${whole(late.partial)} partial, ${whole(late.failed)} failed`;
  return h(
    "li",
    { "data-key": `provider-${index}` },
    headline(provider),
    shareBar(late),
    operatorLine(provider),
    h(
      "p",
      { class: "dim" },
      `${slotsText(late)}: ${counts}. In the open interval ${provenShare(interval)} proven.`,
    ),
    lastOutcome !== null && h("p", { class: "dim" }, lastText(provider)),
    lifetime(rows),
  );
}

function headline({ index, late }: ProviderStatus): Element {
  const isWhole = late.partial + late.failed === 0;
  const swatch = h("span", { class: `swatch s${index % 8}`, "aria-hidden": "true" });
  return h(
    "div",
    { class: "line" },
    h("strong", {}, swatch, `Provider ${index}`),
    h("span", { class: `num${isWhole ? "" : " warned"}` }, provenShare(late), " proven lately"),
  );
}

function shareBar(share: ShareDocument): Element {
  const bar = (name: string, width: number): Element =>
    h("rect", { class: name, x: 0, y: 0, width, height: 10 });
  return h(
    "svg",
    { class: "share", viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    bar("lost", 1_000),
    bar("proven", barWidth(share)),
  );
}

/** In parts of 1,000. */
function barWidth({ bytesProven, bytesCommitted }: ShareDocument): number {
  const committed = BigInt(bytesCommitted);
  return committed === 0n ? 0 : Number((1_000n * BigInt(bytesProven)) / committed);
}

function operatorLine({ index, operator, committedBytes }: ProviderStatus): Element {
  return h(
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
  );
}

function slotsText({ fromSlot, toSlot }: ShareDocument): string {
  if (fromSlot === null || toSlot === null) return "No slot has a record yet";
  return fromSlot === toSlot ? `Slot ${whole(fromSlot)}` : `Slots ${whole(fromSlot)} to ${whole(toSlot)}`;
}

function lastText({ lastOutcome, lastBytes, late }: ProviderStatus): string {
  if (lastOutcome !== "proven" || lastBytes === null) return `The last challenge failed: ${lastOutcome}.`;
  return late.partial + late.failed > 0
    ? "Data is missing: not all of it was proven in these slots."
    : "All data was proven in these slots.";
}

/** All challenges that this keeper recorded, folded. */
function lifetime(rows: readonly OutcomeDocument[]): Element {
  const countOf = (outcome: OutcomeDocument["outcome"]): number =>
    rows.filter((row) => row.outcome === outcome).reduce((sum, row) => sum + row.count, 0);
  const sum = (name: "bytesProven" | "bytesCommitted"): string =>
    String(rows.reduce((total, row) => total + BigInt(row[name]), 0n));
  const share = { bytesProven: sum("bytesProven"), bytesCommitted: sum("bytesCommitted") };
  const [partial, unmeasured] = [countOf("partial"), countOf("unmeasured")];
  const counts = `${whole(countOf("whole"))} whole, ${whole(partial)} partial, ${whole(countOf("failed"))} failed`;
  const failures = rows.filter(({ outcome }) => outcome === "failed");
  return h(
    "details",
    { class: "ever" },
    h("summary", {}, `All time: ${provenShare(share)} proven`),
    h("p", { class: "dim" }, `Challenges: ${counts}.`),
    h(
      "ul",
      { class: "whys" },
      partial > 0 && reasonItem(`partial ${whole(partial)}×`, "warn", partialText),
      ...failures.map(({ reason, explanation, count }) =>
        reasonItem(`${reason} ${whole(count)}×`, "bad", explanation),
      ),
      unmeasured > 0 && reasonItem(`not measured ${whole(unmeasured)}×`, "", unmeasuredText),
    ),
  );
}

function reasonItem(tag: string, kind: "warn" | "bad" | "", text: string): Element {
  return h("li", { "data-key": tag }, h("span", { class: `tag ${kind}` }, tag), ` ${text}`);
}
