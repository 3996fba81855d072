/** The figures at the top of the page, the list of problems, and the card of the provider. */
import type { GroupDocument, MonthDocument, ProviderStatus } from "../api/schemas.ts";
import { h, place } from "../../daemon/page/dom.ts";
import { copied, fact } from "../../daemon/page/facts.ts";
import { figure, problemBanner } from "../../daemon/page/figures.ts";
import {
  amount,
  bytes,
  counted,
  dateOf,
  provenShare,
  shortHex,
  span,
  whole,
} from "../../daemon/page/format.ts";
import { sumsByMonth } from "./earnings.ts";
import { shortRunway_s } from "./groups.ts";

function storedFigure({ stored, waitingBytes }: ProviderStatus): Element {
  const { pieces, bytes: storedBytes, freeBytes } = stored;
  const waiting = waitingBytes === 0 ? "" : `; ${bytes(waitingBytes)} wait for their group`;
  return figure(
    "Stored",
    bytes(storedBytes),
    `${counted(pieces, "piece")}; ${bytes(freeBytes)} free${waiting}`,
  );
}

function provenFigure({ groups, totals }: ProviderStatus): Element {
  const asked = groups.filter(({ late }) => late.toSlot !== null);
  if (asked.length === 0) return figure("Bytes proven", "–", "no challenge yet");
  const sum = (name: "bytesProven" | "bytesCommitted"): string =>
    String(asked.reduce((all, { late }) => all + BigInt(late[name]), 0n));
  const share = { bytesProven: sum("bytesProven"), bytesCommitted: sum("bytesCommitted") };
  const bad = asked.filter(({ late }) => late.partial + late.failed > 0).length;
  const late = bad === 0 ? "in the last slots" : `in the last slots; ${counted(bad, "group")} not whole`;
  const note = `${late}; ${provenShare(totals)} in all time`;
  return figure("Bytes proven", provenShare(share), note, bad === 0 ? "good" : "warn");
}

/** The amounts of a month in all tokens. */
function earnedFigure(months: readonly MonthDocument[] | undefined): Element {
  const label = "Earned this month";
  if (months === undefined) return figure(label, "–", "not read yet");
  const now = new Date().toISOString().slice(0, 7);
  const texts = sumsByMonth(months)
    .filter(({ month, earned }) => month === now && earned > 0n)
    .map(({ earned, token }) => `${amount(earned, token.decimals)} ${token.symbol}`);
  const payments = months.filter(({ month }) => month === now).reduce((sum, one) => sum + one.payments, 0);
  const [first = "nothing", ...others] = texts;
  return figure(label, first, [...others, `in ${counted(payments, "payment")}`].join("; "));
}

function sumOf(groups: readonly GroupDocument[], name: "coming" | "credit"): string[] {
  const sums = new Map<string, { symbol: string; decimals: number | null; units: bigint }>();
  for (const { money } of groups) {
    if (money === null) continue;
    const { address, symbol, decimals } = money.token;
    const before = sums.get(address ?? "")?.units ?? 0n;
    sums.set(address ?? "", { symbol, decimals, units: before + BigInt(money[name]) });
  }
  return [...sums.values()].map(({ symbol, decimals, units }) => `${amount(units, decimals)} ${symbol}`);
}

function comingFigure({ groups }: ProviderStatus): Element {
  const [first = "–", ...others] = sumOf(groups, "coming");
  const credit = sumOf(groups, "credit");
  const note = credit.length === 0 ? "not read yet" : `${credit.join(", ")} to withdraw`;
  return figure("Coming", first, [...others, note].join("; "));
}

function runwayFigure({ groups }: ProviderStatus): Element {
  const label = "Shortest runway";
  const owing = groups.filter(({ money }) => money !== null && money.arrears !== "0").length;
  if (owing > 0) return figure(label, "none left", `${counted(owing, "group")} in arrears`, "bad");
  const known = groups.filter(({ money }) => money?.runway_s !== null && money?.runway_s !== undefined);
  if (known.length === 0) return figure(label, "–", "no payer's money ends, or it is not known");
  const shortest = known.reduce((a, b) => ((a.money?.runway_s ?? 0) <= (b.money?.runway_s ?? 0) ? a : b));
  const runway_s = shortest.money?.runway_s ?? 0;
  const mood = runway_s < shortRunway_s / 7 ? "bad" : runway_s < shortRunway_s ? "warn" : "good";
  return figure(label, span(runway_s), `group ${shortHex(shortest.group)}`, mood, shortest.group);
}

function disksFigure({ volumes, scrub }: ProviderStatus): Element {
  const bad = volumes.filter(({ condition }) => condition === "gone" || condition === "read-only").length;
  const damaged = scrub?.damaged.length ?? 0;
  const value = bad > 0 ? `${counted(bad, "volume")} down` : damaged > 0 ? `${damaged} damaged` : "all well";
  const note = `${counted(volumes.length, "volume")}, ${counted(damaged, "damaged piece")}`;
  return figure("Disks", volumes.length === 0 ? "–" : value, note, bad + damaged > 0 ? "bad" : "good");
}

/** @param months undefined: not read yet */
export function showGlance(status: ProviderStatus, months: readonly MonthDocument[] | undefined): void {
  place(
    "glance",
    storedFigure(status),
    provenFigure(status),
    earnedFigure(months),
    comingFigure(status),
    runwayFigure(status),
    disksFigure(status),
  );
}

export function showProblems({ problems }: ProviderStatus): void {
  place("problems", ...(problems.length === 0 ? [] : [problemBanner("provider", problems)]));
}

export function showIdentity({ operator, peerId }: ProviderStatus): void {
  place("identity", h("span", { title: `operator ${operator}, peer ${peerId}` }, shortHex(operator)));
}

/** @param since_s time since the status arrived, which is added to ages */
export function showMachine(status: ProviderStatus, since_s: number): void {
  const { head, headAge_s, headAgeLimit_s, block_s, startedAt_ms, totals, offers } = status;
  place(
    "machine",
    fact("Head of the chain", head === null ? "no block yet" : `block ${whole(head)}`),
    fact(
      "Age of the head",
      `${span(headAge_s + since_s)}; the chain counts as stopped after ${span(headAgeLimit_s)}`,
    ),
    fact("Mean time of a block", block_s === null ? "not known yet" : `${block_s.toFixed(1)} s`),
    fact("Takes new data", offers ? "yes: it offers room to payers" : "no: nothing is offered"),
    fact("Served to payers", `${bytes(totals.servedBytes)} in ${counted(totals.served, "range")}`),
    fact("Running for", `${span((Date.now() - startedAt_ms) / 1000)}, since ${dateOf(startedAt_ms / 1000)}`),
    fact("Operator", copied("the operator's address", status.operator)),
    fact("Peer id", copied("the peer id", status.peerId)),
  );
}
