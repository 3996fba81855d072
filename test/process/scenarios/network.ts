/** Links that are cut, or carry one direction only. */
import { expect } from "vitest";
import type { FaultFleet } from "../../support/fleet/fault-fleet.ts";
import type { Certified } from "../../support/fleet/certificates.ts";

function between(a: readonly number[], b: readonly number[], each: (x: number, y: number) => void): void {
  for (const x of a) for (const y of b) each(x, y);
}

/** L2: two halves without a quorum, healed too late to close a set in the first turn (R19), so the second turn settles. */
export async function splitInHalves(fleet: FaultFleet): Promise<Certified> {
  const ts = await fleet.ts();
  const order = fleet.order(ts);
  const half = fleet.size >> 1;
  between(order.slice(0, half), order.slice(half), (x, y) => fleet.links.cut(x, y));
  const te = ts + fleet.params.interval;
  await fleet.mineTo(te + Math.floor(fleet.params.turn / 2));
  expect((await fleet.certificates()).filter((certified) => certified.ts === ts)).toEqual([]);
  fleet.links.heal();
  await fleet.allConnected();
  const certified = await fleet.certified(ts, 2);
  expect(certified).toMatchObject({ ts, turn: 2, failed: [order[0]] });
  await fleet.confirmed(certified);
  return certified;
}

/** L1: one keeper that is cut off from all others counts as faulty, and takes part in the next interval. */
export async function oneCutOff(fleet: FaultFleet, place: "leader" | "last"): Promise<Certified> {
  const ts = await fleet.ts();
  const order = fleet.order(ts);
  const alone = (place === "leader" ? order[0] : order.at(-1)) as number;
  const others = order.filter((index) => index !== alone);
  between([alone], others, (x, y) => {
    fleet.links.stall(x, y);
    fleet.links.stall(y, x);
  });
  const certified = await fleet.certified(ts, 2);
  if (place === "leader") expect(certified).toMatchObject({ turn: 2, failed: [alone] });
  else expect(certified).toMatchObject({ turn: 1, failed: [] });
  expect(certified.signers).not.toContain(alone);
  fleet.links.heal();
  await fleet.confirmed(certified);
  await fleet.allConnected();
  return certified;
}

/** One keeper receives all messages, but its own messages are lost. */
export async function oneUnheard(fleet: FaultFleet): Promise<Certified> {
  const ts = await fleet.ts();
  const order = fleet.order(ts);
  const mute = order.at(-1) as number;
  between([mute], order.slice(0, -1), (x, y) => fleet.links.stall(x, y));
  const certified = await fleet.certified(ts, 1);
  expect(certified).toMatchObject({ turn: 1, failed: [] });
  expect(certified.signers).not.toContain(mute);
  expect(certified.payees).not.toContain(mute);
  fleet.links.heal();
  await fleet.confirmed(certified);
  await fleet.allConnected();
  return certified;
}

/** L1: half of all messages do not reach one keeper, which asks for them. */
export async function oneLosesMessages(fleet: FaultFleet): Promise<Certified> {
  const ts = await fleet.ts();
  const lossy = fleet.order(ts).at(-1) as number;
  await fleet.behave(lossy, "lossy");
  const certified = await fleet.certified(ts, 1);
  expect(certified).toMatchObject({ turn: 1, failed: [] });
  await fleet.confirmed(certified);
  await fleet.behave(lossy, "honest");
  return certified;
}

/** The other keepers connect to a keeper at its new address without a restart. */
export async function oneMoves(fleet: FaultFleet): Promise<Certified> {
  const ts = await fleet.ts();
  const mover = fleet.order(ts).at(-1) as number;
  await fleet.move(mover);
  await fleet.allConnected();
  const certified = await fleet.certified(ts, 1);
  expect(certified).toMatchObject({ turn: 1, failed: [] });
  await fleet.confirmed(certified);
  return certified;
}
