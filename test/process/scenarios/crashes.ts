/** Keepers that die in the middle of a round. Each plays one interval from its start to its certificate. */
import { expect } from "vitest";
import type { KillPoint } from "../../../sim/byzantine/kill-points.ts";
import type { FaultFleet } from "../../support/fleet/fault-fleet.ts";
import type { Certified } from "../../support/fleet/certificates.ts";

/** Blocks from anywhere in an interval to the end of its second turn. */
function twoTurns({ params }: FaultFleet): number {
  return params.interval + 2 * params.turn;
}

/** L1: a leader that dies before a certificate exists costs exactly its turn, and gets no share. */
export async function leaderDies(fleet: FaultFleet, point: KillPoint): Promise<Certified> {
  const ts = await fleet.ts();
  const leader = fleet.order(ts)[0] as number;
  await fleet.behave(leader, point);
  await fleet.died(leader, twoTurns(fleet));
  await fleet.restart(leader);
  const certified = await fleet.certified(ts, 2);
  expect(certified).toMatchObject({ ts, turn: 2, failed: [leader], leader: fleet.order(ts)[1] });
  expect(certified.payees).not.toContain(leader);
  await fleet.confirmed(certified);
  return certified;
}

/** R25: after the leader's death another keeper submits the certificate and gets the leader's share. No turn lapses. */
export async function leaderDiesWithCertificate(fleet: FaultFleet): Promise<Certified> {
  const ts = await fleet.ts();
  const leader = fleet.order(ts)[0] as number;
  await fleet.behave(leader, "after-certificate");
  await fleet.died(leader, twoTurns(fleet));
  const certified = await fleet.certified(ts, 1);
  expect(certified).toMatchObject({ ts, turn: 1, leader, failed: [] });
  const sender = (await fleet.chain.provider.getTransaction(certified.tx))?.from;
  expect(sender?.toLowerCase()).not.toBe(fleet.keeper(leader).operator.toLowerCase());
  await fleet.restart(leader);
  await fleet.confirmed(certified);
  return certified;
}

/** R23: after its restart a keeper signs the digest that it noted, and nothing else; the others do not wait for it. */
export async function diesBetweenPersistAndSend(fleet: FaultFleet): Promise<Certified> {
  const ts = await fleet.ts();
  const victim = fleet.order(ts).at(-1) as number;
  await fleet.behave(victim, "after-note");
  await fleet.died(victim, twoTurns(fleet));
  await fleet.restart(victim);
  const certified = await fleet.certified(ts, 1);
  expect(certified).toMatchObject({ ts, turn: 1, failed: [] });
  await fleet.confirmed(certified);
  return certified;
}

/** L1: each of `count` leaders in a row dies in its own turn; the one after them certifies, without a share for them. */
export async function leadersDie(fleet: FaultFleet, count: number): Promise<Certified> {
  const ts = await fleet.ts();
  const dead = fleet.order(ts).slice(0, count);
  for (const leader of dead) await fleet.behave(leader, "before-announce");
  for (const leader of dead) await fleet.died(leader, twoTurns(fleet));
  const certified = await fleet.certified(ts, count + 1);
  expect(certified).toMatchObject({ ts, turn: count + 1, leader: fleet.order(ts)[count] });
  expect(new Set(certified.failed)).toEqual(new Set(dead));
  for (const leader of dead) await fleet.restart(leader);
  await fleet.allConnected();
  await fleet.confirmed(certified);
  return certified;
}
