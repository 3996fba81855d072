/** Keeps the page up to date: receives the status, reads the ledger when it may have changed, and draws both. */
import type {
  CommitteeStatus,
  GroupStatus,
  KeeperStatus,
  OutcomeDocument,
  ReasonDocument,
  SettlementDocument,
  SpaceDocument,
} from "../api/schemas.ts";
import { bindChart, showSpace } from "./chart.ts";
import { showKeepers } from "./committee.ts";
import { place } from "../../daemon/page/dom.ts";
import { ask, bindCopy, bindTheme, listen, offerGroups, select } from "../../daemon/page/live.ts";
import { whole } from "../../daemon/page/format.ts";
import { keyOf, showGroups } from "./groups.ts";
import { showMoney } from "./money.ts";
import { showOutcomes } from "./outcomes.ts";
import { showGlance, showIdentity, showMachine, showProblems } from "./overview.ts";
import { showPayments } from "./payments.ts";
import { showReasons } from "./reasons.ts";
import { showRound, showTurns } from "./round.ts";

const booksEvery_ms = 10_000;
const shownPayments = 20;
const shownReasons = 20;
const points = 240;
const agesEvery_ms = 5_000;

type Books = {
  /** Of committee and group. */
  readonly key: string;
  readonly payments: readonly SettlementDocument[];
  readonly outcomes: readonly OutcomeDocument[];
  readonly reasons: readonly ReasonDocument[];
  readonly space: SpaceDocument;
};

let status: KeeperStatus | undefined;
let books: Books | undefined;
let booksAt_ms = 0;
let asking = false;
let askAgain = false;
let drawnSlot = -1;
let paidThrough: number | undefined;
let statusAt_ms = 0;

type Shown = {
  readonly status: KeeperStatus;
  readonly committee: CommitteeStatus;
  readonly group: GroupStatus;
};

/** The selected group with its committee; undefined before the keeper serves one. */
function current(): Shown | undefined {
  if (status === undefined) return undefined;
  const { groups, committees } = status;
  const wanted = select("group").value;
  const group = groups.find((one) => keyOf(one) === wanted) ?? groups[0];
  const committee = committees.find((one) => one.committee === group?.committee);
  return group === undefined || committee === undefined ? undefined : { status, committee, group };
}

/** The slot of the confirmed block. */
function slotOf({ view, params }: CommitteeStatus): number {
  return Math.floor((view - params.originBlock) / params.slot);
}

async function readBooks({ committee, group }: Shown): Promise<Books> {
  const root = `/v1/groups/${group.group}`;
  const now = slotOf(committee);
  const back = Number(select("span").value);
  const from = back === 0 ? 0 : Math.max(0, now - back + 1);
  const [payments, outcomes, reasons, space] = await Promise.all([
    ask<{ items: SettlementDocument[] }>(`${root}/settlements?limit=${shownPayments}`),
    ask<{ items: OutcomeDocument[] }>(`${root}/outcomes`),
    ask<{ items: ReasonDocument[] }>(`/v1/reasons?limit=${shownReasons}`),
    ask<SpaceDocument>(`${root}/space?from=${from}&points=${points}`),
  ]);
  return {
    key: keyOf(group),
    payments: payments.items,
    outcomes: outcomes.items,
    reasons: reasons.items,
    space,
  };
}

/** Reads the ledger again after each slot and each payment, and at least every `booksEvery_ms`. */
async function refreshBooks(force = false): Promise<void> {
  const shown = current();
  if (shown === undefined || (document.hidden && !force)) return;
  const slot = slotOf(shown.committee);
  const due = slot !== drawnSlot || performance.now() - booksAt_ms > booksEvery_ms;
  if (!due && !force) return;
  if (asking) {
    askAgain ||= force;
    return;
  }
  asking = true;
  try {
    books = await readBooks(shown);
    booksAt_ms = performance.now();
    drawnSlot = slot;
    drawBooks();
  } catch {
    // The header shows that the keeper does not answer; the last drawing stays.
  } finally {
    asking = false;
  }
  // The user selected another group or span meanwhile.
  if (askAgain) {
    askAgain = false;
    await refreshBooks(true);
  }
}

function drawBooks(): void {
  const shown = current();
  if (shown === undefined || books?.key !== keyOf(shown.group)) return;
  showOutcomes(shown.group, books.outcomes);
  showPayments(shown.status, shown.group, books.payments);
  showReasons(books.reasons);
  drawSpace();
}

function drawSpace(): void {
  const shown = current();
  if (shown !== undefined && books !== undefined) showSpace(shown.status, shown.committee, books.space);
}

function announcePayments(group: GroupStatus): void {
  if (paidThrough !== undefined && group.settledThrough > paidThrough) {
    place("news", `Paid through block ${whole(group.settledThrough)}.`);
    void refreshBooks(true);
  }
  paidThrough = group.settledThrough;
}

function choiceText({ group, committee }: GroupStatus): string {
  return `${group.slice(0, 10)}… in ${committee.slice(0, 10)}…`;
}

function draw(next: KeeperStatus): void {
  status = next;
  statusAt_ms = performance.now();
  offerGroups(next.groups.map((one) => ({ value: keyOf(one), text: choiceText(one) })));
  showIdentity(next);
  showProblems(next);
  document.title = `${next.ready ? "" : "⚠ "}WhitePay keeper`;
  const shown = current();
  if (shown === undefined) return;
  const { committee, group } = shown;
  showGlance(next, committee, group);
  showGroups(next.groups, group);
  showRound(committee);
  showTurns(next, committee);
  showKeepers(committee);
  showMoney(next, group);
  drawMachine();
  announcePayments(group);
  void refreshBooks();
}

/** Called between updates too, since ages grow. */
function drawMachine(): void {
  const shown = current();
  if (shown !== undefined) showMachine(shown.status, shown.group, (performance.now() - statusAt_ms) / 1000);
}

function bindTools(): void {
  select("group").addEventListener("change", () => {
    books = undefined;
    paidThrough = undefined;
    if (status !== undefined) draw(status);
    void refreshBooks(true);
  });
  select("span").addEventListener("change", () => void refreshBooks(true));
  document.addEventListener("visibilitychange", () => void refreshBooks());
}

bindTheme();
bindTools();
bindCopy();
setInterval(drawMachine, agesEvery_ms);
bindChart(() => books?.space.slots.length ?? 0, drawSpace);
listen(draw);
