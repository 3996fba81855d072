/** Keeps the page up to date: receives the status, reads challenges and payments when they may have changed, and draws both. */
import type {
  ChallengeDocument,
  GroupDocument,
  MonthDocument,
  OutcomeDocument,
  PaymentDocument,
  ProviderStatus,
} from "../api/schemas.ts";
import { shortHex } from "../../daemon/page/format.ts";
import { ask, bindCopy, bindTheme, listen, offerGroups, select } from "../../daemon/page/live.ts";
import { showChallenges, showOutcomes } from "./challenges.ts";
import { showDisks } from "./disks.ts";
import { showEarnings, showPayments } from "./earnings.ts";
import { showGroups } from "./groups.ts";
import { showGlance, showIdentity, showMachine, showProblems } from "./overview.ts";

const booksEvery_ms = 5_000;
const agesEvery_ms = 5_000;
const shownChallenges = 20;
const shownPayments = 20;

type Books = {
  readonly group: string;
  readonly challenges: readonly ChallengeDocument[];
  readonly payments: readonly PaymentDocument[];
  readonly outcomes: readonly OutcomeDocument[];
  readonly months: readonly MonthDocument[];
};

let status: ProviderStatus | undefined;
let books: Books | undefined;
let booksAt_ms = Number.NEGATIVE_INFINITY;
let isAsking = false;
let statusAt_ms = 0;

/** The selected group; undefined before the provider serves one. */
function current(): GroupDocument | undefined {
  const groups = status?.groups ?? [];
  return groups.find(({ group }) => group === select("group").value) ?? groups[0];
}

async function readBooks(group: string | undefined): Promise<Books> {
  const items = async <T>(path: string): Promise<readonly T[]> => (await ask<{ items: T[] }>(path)).items;
  const root = `/v1/groups/${group}`;
  const [challenges, payments, outcomes, months] = await Promise.all([
    group === undefined ? [] : items<ChallengeDocument>(`${root}/challenges?limit=${shownChallenges}`),
    group === undefined ? [] : items<PaymentDocument>(`${root}/payments?limit=${shownPayments}`),
    items<OutcomeDocument>("/v1/outcomes"),
    items<MonthDocument>("/v1/earnings"),
  ]);
  return { group: group ?? "", challenges, payments, outcomes, months };
}

/** @param force also before the books are old */
async function refreshBooks(force = false): Promise<void> {
  if (isAsking || (document.hidden && !force)) return;
  if (!force && performance.now() - booksAt_ms < booksEvery_ms) return;
  isAsking = true;
  try {
    books = await readBooks(current()?.group);
    booksAt_ms = performance.now();
    drawBooks();
  } catch {
    // The header shows that the provider does not answer; the last drawing stays.
  } finally {
    isAsking = false;
  }
  // The user selected another group meanwhile.
  if (books !== undefined && books.group !== (current()?.group ?? "")) await refreshBooks(true);
}

function drawBooks(): void {
  if (status === undefined || books === undefined) return;
  const group = current();
  showGlance(status, books.months);
  showEarnings(books.months);
  showOutcomes(books.outcomes);
  if (books.group !== (group?.group ?? "")) return;
  showPayments(status, group, books.payments);
  showChallenges(books.challenges);
}

function draw(next: ProviderStatus): void {
  status = next;
  statusAt_ms = performance.now();
  offerGroups(next.groups.map(({ group }) => ({ value: group, text: shortHex(group) })));
  showIdentity(next);
  showProblems(next);
  document.title = `${next.ready ? "" : "⚠ "}WhitePay provider`;
  showGlance(next, books?.months);
  showGroups(next, current());
  showDisks(next);
  drawMachine();
  void refreshBooks();
}

/** Called between updates too, since ages grow. */
function drawMachine(): void {
  if (status !== undefined) showMachine(status, (performance.now() - statusAt_ms) / 1000);
}

function bindTools(): void {
  select("group").addEventListener("change", () => {
    if (status !== undefined) draw(status);
    void refreshBooks(true);
  });
  document.addEventListener("visibilitychange", () => void refreshBooks());
}

bindTheme();
bindTools();
bindCopy();
setInterval(drawMachine, agesEvery_ms);
setInterval(() => void refreshBooks(), booksEvery_ms);
listen(draw);
