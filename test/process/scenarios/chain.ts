/** A reorg, and an endpoint that reports a false head. */
import { expect } from "vitest";
import { headAhead, headStuck } from "../../support/fleet/rpc-front.ts";
import type { FaultFleet } from "../../support/fleet/fault-fleet.ts";
import type { Certified } from "../../support/fleet/certificates.ts";

/** A reorg of `depth` blocks removes the certificate and its settlements: the interval is certified again, once, in the same turn. */
export async function certificateTakenBack(fleet: FaultFleet, depth: number): Promise<Certified> {
  const ts = await fleet.ts();
  const first = await fleet.certified(ts, 1);
  await fleet.mineTo(first.block + depth - 1);
  await fleet.reorg(depth);
  expect((await fleet.certificates()).filter((certified) => certified.ts === ts)).toEqual([]);
  const again = await fleet.certified(ts, 1);
  expect(again).toMatchObject({ ts, te: first.te, turn: 1, leader: first.leader });
  expect(again.block).toBeGreaterThan(first.block);
  await fleet.confirmed(again);
  return again;
}

/** The only endpoint of one keeper reports a false head: the keeper counts as faulty, and takes part again after the endpoint is correct. */
export async function headLiedAbout(fleet: FaultFleet, how: "ahead" | "stuck"): Promise<Certified> {
  const ts = await fleet.ts();
  const misled = fleet.order(ts).at(-1) as number;
  fleet.ignored.add(misled);
  fleet.front.lie(String(misled), how === "ahead" ? headAhead(64) : headStuck());
  const certified = await fleet.certified(ts, 1);
  expect(certified).toMatchObject({ turn: 1, failed: [] });
  expect(certified.signers).not.toContain(misled);
  fleet.front.tellTruth(String(misled));
  fleet.ignored.delete(misled);
  await fleet.confirmed(certified);
  return certified;
}
