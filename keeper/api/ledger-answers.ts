/** Answers of the HTTP API that are read from the ledger: payments, challenges, outcomes, reasons and peers. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { bitIndices } from "../../protocol/bitmap.ts";
import type { Hex } from "../../protocol/hash.ts";
import { reasons } from "../../protocol/reasons.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { BookedSettlement, BooksPort, ServedGroup } from "../ports/ledger.ts";
import { routes } from "./routes.ts";
import type { SettlementDocument } from "./schemas.ts";
import { serviceOf } from "./served.ts";
import type { KeeperView } from "./served.ts";
import { spaceOf } from "./space.ts";

/** The most rows that one answer reads from the ledger. */
const maxSpaceRows = 20_000;

export type LedgerSource = {
  readonly books: BooksPort;
  readonly keeper: KeeperView;
  /** Groups in the ledger: those that are served, and those that were since the start. */
  readonly groups: () => readonly Hex[];
};

export function addLedgerRoutes(app: OpenAPIHono, { books, keeper, groups }: LedgerSource): void {
  app.openapi(routes.settlements, async (context) => {
    const { group: name } = context.req.valid("param");
    const group = knownGroup(groups(), name);
    if (group === undefined) return context.json(noGroup(groups(), name), 404);
    const { before, limit } = context.req.valid("query");
    const items = (await books.settlements(group, before, limit)).map(settlementDocument);
    return context.json({ items, next: items.length < limit ? null : (items.at(-1)?.ts ?? null) }, 200);
  });
  app.openapi(routes.challenges, async (context) => {
    const { group: name } = context.req.valid("param");
    const group = knownGroup(groups(), name);
    if (group === undefined) return context.json(noGroup(groups(), name), 404);
    const { before, limit } = context.req.valid("query");
    const served = servedGroup(keeper, group);
    const found = served === undefined ? [] : await books.challenges(served, before, limit);
    // The last slot may continue after this page. Then it belongs to the next page as a whole.
    const last = found.at(-1)?.slot;
    const complete = found.length < limit ? found : found.filter(({ slot }) => slot !== last);
    const items = complete.length > 0 ? complete : found;
    return context.json({ items, next: found.length < limit ? null : (items.at(-1)?.slot ?? null) }, 200);
  });
  app.openapi(routes.outcomes, async (context) => {
    const { group: name } = context.req.valid("param");
    const group = knownGroup(groups(), name);
    if (group === undefined) return context.json(noGroup(groups(), name), 404);
    const items = (await books.outcomes(group)).map(({ bytesProven, bytesCommitted, ...row }) => ({
      ...row,
      bytesProven: bytesProven.toString(),
      bytesCommitted: bytesCommitted.toString(),
      explanation: row.reason === "" ? "" : explain(`challenge-${row.reason}`),
    }));
    return context.json({ items }, 200);
  });
  app.openapi(routes.space, async (context) => {
    const { group: name } = context.req.valid("param");
    const group = knownGroup(groups(), name);
    if (group === undefined) return context.json(noGroup(groups(), name), 404);
    const { from, points } = context.req.valid("query");
    const served = servedGroup(keeper, group);
    const space =
      served === undefined ? { every: 1, entries: [] } : await books.space(served, from, maxSpaceRows);
    return context.json(spaceOf(space, points), 200);
  });
  app.openapi(routes.reasons, async (context) => {
    const found = await books.reasons(context.req.valid("query").limit);
    return context.json({ items: found.map((row) => ({ ...row, explanation: explain(row.code) })) }, 200);
  });
  app.openapi(routes.peers, async (context) => context.json({ items: await books.peers() }, 200));
}

function settlementDocument(booked: BookedSettlement): SettlementDocument {
  const { transaction, ts, te, committee, version, leader, digest } = booked;
  return {
    ts,
    te,
    committee,
    version,
    leader,
    failed: bitIndices(booked.failed),
    payees: bitIndices(booked.payees),
    signers: bitIndices(booked.signers),
    digest,
    cut: booked.cut.toString(),
    fee: booked.fee.toString(),
    tx: transaction.tx,
    block: transaction.block,
    blockHash: transaction.blockHash,
    sender: transaction.sender,
    gasUsed: transaction.gasUsed.toString(),
    gasPrice: transaction.gasPrice.toString(),
    items: booked.items.map(({ provider, spaceTime, amount }) => ({
      provider,
      spaceTime: spaceTime.toString(),
      amount: amount.toString(),
    })),
    shares: booked.shares.map((share) => ({ ...share, amount: share.amount.toString() })),
  };
}

/** The group in the committee that serves its later blocks: slots are numbered by committee. */
function servedGroup(keeper: KeeperView, group: Hex): ServedGroup | undefined {
  const served = serviceOf(keeper, group);
  return served === undefined ? undefined : { committee: served.committee.address, group };
}

function knownGroup(groups: readonly Hex[], group: string): Hex | undefined {
  return groups.find((known) => known === group.toLowerCase());
}

function explain(code: string): string {
  return Object.hasOwn(reasons, code) ? reasons[code as ReasonCode].short : "";
}

function noGroup(
  groups: readonly Hex[],
  actual: string,
): { error: string; expected: string; actual: string } {
  return { error: "no such group", expected: groups.join(", "), actual: actual.slice(0, 80) };
}
