/** Byzantine keepers. The first leader is honest, unless the behaviour is one of a leader. */
import { expect } from "vitest";
import type { FaultFleet } from "../../support/fleet/fault-fleet.ts";
import type { Certified } from "../../support/fleet/certificates.ts";

/** Plays the open interval with these behaviours; afterwards all are honest again. */
async function playInterval(
  fleet: FaultFleet,
  ts: number,
  cheats: ReadonlyMap<number, string>,
  turns: number,
): Promise<Certified> {
  for (const [index, name] of cheats) await fleet.behave(index, name);
  const certified = await fleet.certified(ts, turns);
  await fleet.confirmed(certified);
  for (const index of cheats.keys()) await fleet.behave(index, "honest");
  return certified;
}

/** L1: at most f keepers follow the behaviours `names` at once, none of them first leader; those in `unpaid` open no commitment (R21, R28). */
export async function cheat(
  fleet: FaultFleet,
  names: readonly string[],
  unpaid: readonly string[] = [],
): Promise<Certified> {
  const ts = await fleet.ts();
  const order = fleet.order(ts);
  const cheats = new Map(names.map((name, i) => [order[order.length - 1 - i] as number, name]));
  const certified = await playInterval(fleet, ts, cheats, 1);
  expect(certified).toMatchObject({ ts, turn: 1, failed: [] });
  for (const [index, name] of cheats)
    if (unpaid.includes(name)) expect(certified.payees).not.toContain(index);
  return certified;
}

/** S7: lazy from before the interval's first slot, so it opens no receipt of it. */
export async function lazyIsNotPaid(fleet: FaultFleet): Promise<Certified> {
  const first = await fleet.ts();
  const lazy = fleet.order(first).at(-1) as number;
  await fleet.behave(lazy, "lazy");
  // From here to the end of this interval it sends no challenges; it sent some earlier in the interval.
  const certified = await fleet.certified(first, 2);
  await fleet.confirmed(certified);
  const whole = await fleet.certified(certified.te, 2);
  expect(whole.payees).not.toContain(lazy);
  expect(whole.payees.length).toBeGreaterThanOrEqual((2 * (fleet.size - 1)) / 3);
  await fleet.confirmed(whole);
  await fleet.behave(lazy, "honest");
  return whole;
}

/** R19: two closed sets cost at most the leader's own turn. */
export async function leaderClosesTwice(fleet: FaultFleet): Promise<Certified> {
  const ts = await fleet.ts();
  const leader = fleet.order(ts)[0] as number;
  const certified = await playInterval(fleet, ts, new Map([[leader, "equivocate-close"]]), 2);
  if (certified.turn === 2) expect(certified.failed).toEqual([leader]);
  return certified;
}
