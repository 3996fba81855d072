/** Compares the chain that simulations run on with the real contracts: same calls, same refusals, same state after each. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lockup } from "../support/contracts/service-world.ts";
import { SimulatedCertificates, type Signed } from "../support/contracts/simulated-certificates.ts";
import { SimulatedWorld } from "../support/contracts/simulated-world.ts";

let world: SimulatedWorld;
let certificates: SimulatedCertificates;
beforeAll(async () => {
  world = await SimulatedWorld.open();
  certificates = new SimulatedCertificates(world);
});
afterAll(() => world.world.chain.close());

const half = (): number => 500;

/** The boundary at which a service or a provider ends. */
function leftOf(group: number): number {
  const left = world.model(group).services.find((service) => service.left !== 0)?.left;
  if (left === undefined) throw new Error(`group ${group}: expected an end of its service, actual none`);
  return left;
}

/** Certifies a committee until a group is settled through a block. */
async function settleThrough(committee: number, group: number, block: number): Promise<void> {
  while (world.model(group).settledThrough < block) await certificates.certify(committee);
}

describe("the chain that simulations run on", () => {
  it("lets groups of two payers join, and settles them", async () => {
    for (const committee of [0, 0, 0, 1]) await world.join(committee);
    await certificates.certify(0);
    await certificates.certify(1, { unpaid: [0, 3] });
    expect(await world.drain(0)).toBe("Upkeeping_NothingToMove");
    expect(await world.deposit(0, 0n)).toBe("Upkeeping_NothingToMove");
    for (const group of [0, 1, 2, 3]) await world.deposit(group, 10n ** 7n);
  });

  it("refuses the same certificates for the same reason", async () => {
    const te = world.chain.committeeAt(0).ts + 40;
    await world.reach(te + 1);
    for (const [flaw, error] of [
      [{ ts: te - 41 }, "Committee_StaleStart"],
      [{ te: te + 1 }, "Committee_WrongEnd"],
      [{ te: te + 30 }, "Committee_TooEarly"],
      [{ version: 2 }, "Committee_WrongVersion"],
      [{ failed: 2n }, "Committee_WrongFailedCount"],
      [{ payees: 16n }, "Committee_BitmapOutOfRange"],
    ] as const) {
      await certificates.certify(0, { flaw });
      expect(
        world.last,
        JSON.stringify(flaw, (_, value) => String(value)),
      ).toBe(error);
    }
    await certificates.certify(0, { signers: [0, 3] });
    expect(world.last).toBe("Committee_TooFewSigners");
    await certificates.certify(0, { sender: 2 });
    expect(world.last).toBe("Committee_NotLeader");
    await certificates.certify(0, { forged: true });
    expect(world.last).toBe("Committee_BadSignature");
    // R25: a member in the leader's place takes its share; nobody else may send.
    await certificates.certify(0, { after: 20, sender: -1 });
    expect(world.last).toBe("Committee_NotMember");
    await certificates.certify(0, { after: 20, sender: 2, unpaid: [3] });
    expect(world.last).toBe("");
    await world.reach(world.chain.committeeAt(0).ts + 71);
    await certificates.certify(0, { flaw: { te: te + 40 } });
    expect(world.last).toBe("Committee_TooLate");
    await certificates.certify(0, { turn: 2, failed: [1], leader: 1, flaw: { payees: 13n } });
    expect(world.last).toBe("Committee_LeaderFailed");
    await certificates.certify(0, { turn: 2, failed: [1], flaw: { payees: 15n } });
    expect(world.last).toBe("Committee_FailedPayee");
  });

  it("settles a group late, from remembered certificates, in their order", async () => {
    expect(await world.changeData(0, 1, 1n << 40n)).toBe("Upkeeping_Underfunded");
    await world.deposit(0, 10n ** 7n);
    await world.changeData(0, 1, 20n << 30n);
    await world.changeData(1, 0, 1n << 30n);
    const permille = (provider: number): number => [1000, 333, 2000][provider] ?? 0;
    const first = await certificates.certify(0, { turn: 2, failed: [1], unpaid: [3], permille, length: 2 });
    const second = await certificates.certify(0, { permille: half });
    expect(world.outcomes.get("Upkeeping_StaleInterval")).toBe(1);
    expect(await certificates.settle(0, second, { first: 2, length: 1 })).toBe("");
    expect(world.outcomes.get("Upkeeping_StaleInterval")).toBe(2);
    const never: Signed = { ...first, certificate: { ...first.certificate, leader: 3 } };
    expect(await certificates.settle(0, never)).toBe("Committee_NotRemembered");
    await certificates.settle(0, first, { first: 2, length: 1, sender: 2 });
    await certificates.settle(0, second, { first: 2, length: 1 });
    expect(world.model(2).settledThrough).toBe(world.chain.committeeAt(0).ts);
    // Nothing is settled twice.
    await certificates.settle(0, second);
    expect(world.outcomes.get("Upkeeping_StaleInterval")).toBe(5);
  });

  it("removes a provider after its notice, or with the next slot if both agree, and adds one", async () => {
    await world.leave(0, 2, "payer");
    await world.leave(1, 2, "provider");
    const notice = world.model(0).providers[2]?.leavesAt ?? 0;
    await world.leave(0, 2, "provider", true);
    const agreed = world.model(0).providers[2]?.leavesAt ?? 0;
    expect(agreed).toBeLessThan(notice);
    expect(await world.changeData(0, 2, 5n)).toBe("Upkeeping_ProviderLeaves");
    await settleThrough(0, 0, agreed);
    await world.addProvider(0, 9_999_999_999n);
    await settleThrough(0, 1, world.model(1).providers[2]?.leavesAt ?? 0);
  });

  it("changes the members, and lets one resign", async () => {
    await world.replace(0, 3, 4);
    await certificates.certify(0);
    expect(world.chain.committeeAt(0).active).toBe(2);
    await certificates.certify(0, { unpaid: [1] });
    await world.resign(0, 1);
    expect(await world.resign(0, 1)).toBe("Committee_NothingToResign");
    await certificates.certify(0);
  });

  it("pays what there is if the escrow is short, and the arrears later", async () => {
    await world.drain(1);
    const refused = await world.changeData(1, 0, 4n << 30n);
    expect(refused).toBe("Upkeeping_Underfunded");
    while (world.model(1).arrearsSince === 0)
      await certificates.certify(0, { permille: () => 777, unpaid: [2] });
    for (const amount of [1_001n, 77_777n]) {
      await world.deposit(1, amount);
      await certificates.certify(0);
    }
    expect(await world.drain(1)).toBe("Upkeeping_NothingToMove");
    await world.deposit(1, 10n ** 7n);
    await certificates.certify(0);
    expect(world.model(1).arrearsSince).toBe(0);
    expect(await world.release(1)).toBe("Upkeeping_NotReleasable");
  });

  it("moves a group, and lets another join", async () => {
    await world.deposit(0, 10n ** 7n);
    // The notice ends later than the service, as the committees' slots begin at different blocks: the provider leaves with the move.
    const { origin, slot } = world.chain.committeeAt(0).rhythm;
    const past = ((await world.head) + 1 - origin) % slot;
    await world.reach((await world.head) + 1 + ((slot + 1 - past) % slot));
    await world.leave(0, 3, "provider");
    await world.move(0, 1);
    expect(world.model(0).providers[3]?.leavesAt).toBe(leftOf(0));
    expect(await world.move(0, 1)).toBe("Upkeeping_ServiceEnds");
    const begins = leftOf(0);
    // In the last block before the move a change takes effect on the slots of the next committee.
    await world.reach(begins - 1);
    await world.changeData(0, 1, 2n << 30n);
    while (world.chain.committeeAt(0).ts < begins) await certificates.certify(0);
    while (world.chain.committeeAt(1).ts < begins + 40) await certificates.certify(1);
    await world.join(1);
    await certificates.certify(1);
    expect(world.model(0).settledThrough).toBe(world.chain.committeeAt(1).ts);
    await world.changeData(0, 0, 1n << 30n);
    await certificates.certify(1);
  });

  it("releases a group in arrears", async () => {
    await world.drain(2);
    while (world.model(2).arrearsSince === 0) await certificates.certify(0);
    await world.reach(world.model(2).arrearsSince + lockup + 1);
    await world.release(2);
    const left = leftOf(2);
    while (world.chain.committeeAt(0).ts < left) await certificates.certify(0);
    expect(world.model(2).settledThrough).toBe(left);
  });

  it("releases a group without a provider", async () => {
    const group = await world.join(0);
    await certificates.certify(0);
    await world.reach(world.model(group).settledThrough + 1);
    for (const provider of [0, 1, 2]) {
      await world.leave(group, provider, "payer");
      await world.leave(group, provider, "provider", true);
    }
    await settleThrough(0, group, world.model(group).providers[2]?.leavesAt ?? 0);
    await world.drain(group);
    await world.deposit(group, 10n ** 6n);
    await world.release(group);
    await world.drain(group);
    expect(await world.release(group)).toBe("Upkeeping_ServiceEnds");
  });

  it("ends a group, and gives the rest back", async () => {
    await world.terminate(1);
    expect(await world.terminate(1)).toBe("Upkeeping_Terminated");
    expect(await world.changeData(1, 0, 4n)).toBe("Upkeeping_Terminated");
    await settleThrough(0, 1, leftOf(1));
    expect(world.model(1).endedAt(world.chain.head)).toBe(true);
    await world.drain(1);
    expect(world.model(1).free).toBe(0n);
  });
});
