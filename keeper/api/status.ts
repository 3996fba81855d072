/** What the keeper says of itself over HTTP, on loopback: read only. */
import { serve } from "@hono/node-server";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import { leaderOf, turnAt, turnOrder } from "../core/turns.ts";
import { latestRound } from "../core/turn.ts";
import type { Hex } from "../core/hash.ts";
import type { KeeperState, TurnState } from "../core/state.ts";
import { viewOf } from "../core/state.ts";
import type { LedgerPort } from "../ports/ledger.ts";
import type { Keeper } from "../runtime/keeper.ts";

export type GroupStatus = {
  readonly group: Hex;
  readonly ts: number;
  /** 0 before the first turn of the interval. */
  readonly turn: number;
  /** Index of the keeper that leads the present turn, or the first one while none has begun. */
  readonly leader: number;
  readonly phase: string;
  readonly challenges: { readonly asked: number; readonly passed: number; readonly failed: number };
};

/** The step of the agreement that the present turn has reached, as this keeper sees it. */
export function phaseOf(turn: TurnState | undefined): string {
  if (turn === undefined) return "challenge";
  if (turn.submitted) return "settle";
  if (turn.certificate !== undefined) return "submit";
  const round = latestRound(turn);
  if (round === undefined) return "propose";
  if (round.proposal !== undefined) return "sign";
  if (round.bundle !== undefined) return "decide";
  if (round.closes.length > 0) return "reveal";
  return "commit";
}

async function groupStatus(
  group: Hex,
  state: KeeperState,
  ledger: LedgerPort,
): Promise<GroupStatus | undefined> {
  const snapshot = state.group;
  if (snapshot === undefined) return undefined;
  const turn = turnAt(viewOf(state), snapshot.ts, snapshot.params);
  const operators = snapshot.committee.members.map((member) => member.operator);
  const order = turnOrder(snapshot.ts, snapshot.committee.seed, operators);
  return {
    group,
    ts: snapshot.ts,
    turn,
    leader: leaderOf(order, Math.max(1, turn)),
    phase: phaseOf(state.turn),
    challenges: await ledger.challengeCounts(group),
  };
}

export async function startApi(
  options: { readonly host: string; readonly port: number; readonly groups: readonly Hex[] },
  on: { readonly keeper: Keeper; readonly ledger: LedgerPort },
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const app = new Hono();
  app.get("/status", async (context) => {
    const states = options.groups.map((group) => ({ group, state: on.keeper.stateOf(group) }));
    const first = states[0]?.state;
    const groups: GroupStatus[] = [];
    for (const { group, state } of states) {
      const status = state === undefined ? undefined : await groupStatus(group, state, on.ledger);
      if (status !== undefined) groups.push(status);
    }
    return context.json({
      head: first?.head ?? -1,
      view: first === undefined ? -1 : viewOf(first),
      peers: on.keeper.connected.length,
      groups,
    });
  });
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (info: AddressInfo) => {
      const stop = (): Promise<void> =>
        new Promise((done) => {
          server.close(() => done());
          if ("closeAllConnections" in server) server.closeAllConnections();
        });
      resolve({ url: `http://${host}:${info.port}`, stop });
    });
    server.on("error", reject);
  });
}
