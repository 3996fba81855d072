/** The figures at the top of the page, the list of problems, and the card of the machine. */
import type { CommitteeStatus, GroupStatus, KeeperStatus } from "../api/schemas.ts";
import { h, place } from "../../daemon/page/dom.ts";
import {
  amount,
  blocks,
  bytes,
  coins,
  counted,
  dateOf,
  exactAmount,
  provenShare,
  shortHex,
  span,
  whole,
} from "../../daemon/page/format.ts";
import { copied, fact } from "../../daemon/page/facts.ts";
import { figure, paceText, problemBanner } from "../../daemon/page/figures.ts";
import { tokenOf } from "./money.ts";

const day_s = 86_400;
const lowTransactions = 15;

function paymentFigure(
  { block_s, chainStopped }: KeeperStatus,
  committee: CommitteeStatus,
  group: GroupStatus,
): Element {
  const { turn, ts, view, params } = committee;
  const paid = `paid through block ${whole(group.settledThrough)}`;
  if (chainStopped) {
    return figure("Next payment", "on hold", `the chain has stopped; ${paid}`, "bad");
  }
  if (turn === 0) {
    const left = Math.max(0, ts + params.interval - view);
    return figure("Next payment", `in ${block_s === null ? blocks(left, null) : span(left * block_s)}`, paid);
  }
  const allowed = (committee.quorum - 1) / 2 + 1;
  const mood = turn > allowed ? "bad" : turn > 1 ? "warn" : "good";
  return figure("Next payment", "due now", `turn ${turn}, ${committee.phase}; ${paid}`, mood);
}

function moneyFigure(group: GroupStatus): Element {
  const { money } = group;
  if (money === null) return figure("Group's money lasts", "–", "not read yet");
  const { token, unallocated, arrears, runway_s, reserved_s, fundedUntilBlock } = money;
  const reserved = reserved_s === null ? "" : `; reserved for ${span(reserved_s)}`;
  const left = `${amount(unallocated, token.decimals)} ${token.symbol} left${reserved}`;
  const title = `${exactAmount(unallocated, token.decimals)} ${token.symbol}`;
  if (arrears !== "0") {
    return figure(
      "Group's money lasts",
      "none left",
      `owes ${amount(arrears, token.decimals)} ${token.symbol}`,
      "bad",
      title,
    );
  }
  if (fundedUntilBlock === null) {
    const note = `${amount(unallocated, token.decimals)} ${token.symbol} left; nothing is spent`;
    return figure("Group's money lasts", "no end", note, "plain", title);
  }
  const mood =
    runway_s === null ? "plain" : runway_s < day_s ? "bad" : runway_s < 7 * day_s ? "warn" : "good";
  const value = runway_s === null ? `to block ${whole(BigInt(fundedUntilBlock))}` : span(runway_s);
  return figure("Group's money lasts", value, left, mood, title);
}

function gasFigure({ funds }: KeeperStatus): Element {
  if (funds === null) return figure("Gas money", "–", "not read yet");
  const { balance, transactionsLeft } = funds;
  const mood =
    transactionsLeft < lowTransactions ? "bad" : transactionsLeft < 4 * lowTransactions ? "warn" : "good";
  const title = coins(balance, exactAmount);
  const many =
    transactionsLeft > 1_000_000 ? "over a million certificates" : counted(transactionsLeft, "certificate");
  return figure("Gas money", coins(balance), `pays ${many}`, mood, title);
}

function earnedFigure(group: GroupStatus): Element {
  const { earned } = group;
  const token = tokenOf(group);
  if (earned === null || earned.payments === 0) return figure("Earned by this keeper", "–", "no payment yet");
  const { total, last, payments } = earned;
  return figure(
    "Earned by this keeper",
    `${amount(total, token.decimals)} ${token.symbol}`,
    `in ${counted(payments, "payment")}, the last ${amount(last, token.decimals)}`,
    "plain",
    `${exactAmount(total, token.decimals)} ${token.symbol}`,
  );
}

/** The last slots come first, since a lifetime average hides a loss of today. */
function provenFigure({ proven: { late, interval }, challenges }: GroupStatus): Element {
  if (challenges.asked === 0) return figure("Bytes proven", "–", "no challenge yet");
  const { whole: full, partial, failed } = late;
  const counts = `${whole(full)} whole, ${whole(partial)} partial, ${whole(failed)} failed`;
  return figure(
    "Bytes proven",
    provenShare(late),
    `slots ${late.fromSlot ?? "–"} to ${late.toSlot ?? "–"}: ${counts}; ${provenShare(interval)} in the open interval, ${provenShare(challenges)} in all time`,
    late.partial + late.failed === 0 ? "good" : "warn",
  );
}

export function showGlance(status: KeeperStatus, committee: CommitteeStatus, group: GroupStatus): void {
  const { members, quorum } = committee;
  const spare = committee.connected - quorum;
  place(
    "glance",
    provenFigure(group),
    moneyFigure(group),
    paymentFigure(status, committee, group),
    earnedFigure(group),
    figure(
      "Keepers connected",
      `${committee.connected} of ${members.length}`,
      `${quorum} must sign`,
      spare < 0 ? "bad" : spare === 0 && members.length > quorum ? "warn" : "good",
    ),
    gasFigure(status),
  );
}

function diskBanner(freeBytes: number): Element {
  return h(
    "p",
    { class: "banner warn" },
    h("strong", {}, `Only ${bytes(freeBytes)} are free on the disk of the data folder.`),
    " Free some space: a keeper that cannot store a digest does not sign it.",
  );
}

export function showProblems({ problems, diskLow, diskFreeBytes }: KeeperStatus): void {
  place(
    "problems",
    ...(problems.length === 0 ? [] : [problemBanner("keeper", problems)]),
    ...(diskLow ? [diskBanner(diskFreeBytes ?? 0)] : []),
  );
}

export function showIdentity({ operator, peerId }: KeeperStatus): void {
  place("identity", h("span", { title: `operator ${operator}, peer ${peerId}` }, shortHex(operator)));
}

/** @param since_s time since the status arrived, which is added to ages */
export function showMachine(status: KeeperStatus, group: GroupStatus, since_s: number): void {
  const { clock, diskFreeBytes, startedAt_ms, headTime_s, head, view, peerId } = status;
  const booked = group.bookedThrough;
  const headDate = headTime_s === null ? "" : `, made ${dateOf(headTime_s)}`;
  place(
    "machine",
    fact("Head of the chain", `block ${whole(head)}; confirmed block ${whole(view)}`),
    fact(
      "Age of the head",
      `${span(status.headAge_s + since_s)}${headDate}; the chain counts as stopped after ${span(status.headAgeLimit_s)}`,
    ),
    fact("Mean time of a block", paceText(status)),
    fact(
      "Clock",
      clock === null
        ? "no endpoint reports the time"
        : `${clock.offset_ms > 0 ? "ahead" : "behind"} by ${Math.abs(clock.offset_ms)} ms (± ${clock.uncertainty_ms} ms)`,
    ),
    fact("Disk free", diskFreeBytes === null ? "not known" : bytes(diskFreeBytes)),
    fact("Ledger", booked === null ? "empty" : `complete through block ${whole(booked)}`),
    fact("Running for", `${span((Date.now() - startedAt_ms) / 1000)}, since ${dateOf(startedAt_ms / 1000)}`),
    fact("Group", copied("the group's address", group.group)),
    fact("Committee", copied("the committee's address", group.committee)),
    fact("Peer id", copied("the peer id", peerId)),
    fact("Operator", copied("the operator's address", status.operator)),
  );
}
