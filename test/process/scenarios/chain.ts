/** A reorg, and an endpoint that reports a false head. */
import { expect } from "vitest";
import { headAhead, headStuck } from "../../support/fleet/rpc-front.ts";
import type { FaultFleet } from "../../support/fleet/fault-fleet.ts";
import type { Settled } from "../../support/fleet/settlements.ts";

/** A reorg of `depth` blocks removes the settlement: the interval is settled again, once, in the same turn. */
export async function settlementTakenBack(fleet: FaultFleet, depth: number): Promise<Settled> {
  const ts = await fleet.ts();
  const first = await fleet.settled(ts, 1);
  await fleet.mineTo(first.block + depth - 1);
  await fleet.reorg(depth);
  expect((await fleet.settlements()).filter((settled) => settled.ts === ts)).toEqual([]);
  const again = await fleet.settled(ts, 1);
  expect(again).toMatchObject({ ts, te: first.te, turn: 1, leader: first.leader });
  expect(again.block).toBeGreaterThan(first.block);
  await fleet.confirmed(again);
  return again;
}

/** The only endpoint of one keeper reports a false head: the keeper counts as faulty, and takes part again after the endpoint is correct. */
export async function headLiedAbout(fleet: FaultFleet, how: "ahead" | "stuck"): Promise<Settled> {
  const ts = await fleet.ts();
  const misled = fleet.order(ts).at(-1) as number;
  fleet.ignored.add(misled);
  fleet.front.lie(String(misled), how === "ahead" ? headAhead(64) : headStuck());
  const settled = await fleet.settled(ts, 1);
  expect(settled).toMatchObject({ turn: 1, failed: [] });
  expect(settled.signers).not.toContain(misled);
  fleet.front.tellTruth(String(misled));
  fleet.ignored.delete(misled);
  await fleet.confirmed(settled);
  return settled;
}
