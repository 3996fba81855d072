import { describe, expect, it } from "vitest";
import { addressOfCommittee } from "../../sim/chain/snapshots.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import { turnOrder } from "../../protocol/turns.ts";
import { operatorOf } from "../../sim/signatures/cheap-signatures.ts";
import { committedOf, membersOf, settledOf, tsOf } from "../support/first-group.ts";

function cluster(options: Partial<typeof defaultOptions> = {}): Cluster {
  const made = new Cluster({ ...defaultOptions, ...options });
  for (let i = 0; i < made.options.committee; i++) made.start(i);
  return made;
}

function orderAt(c: Cluster, ts: number): number[] {
  const operators = c.seats.map((_, i) => operatorOf(i));
  return turnOrder(ts, membersOf(c).seed, operators);
}

describe("a committee over simulated ports", () => {
  it("settles every interval in the first turn when nothing fails", async () => {
    const c = cluster();
    await c.run(260);
    expect(settledOf(c).length).toBe(4);
    for (const { settlement } of settledOf(c)) {
      expect(settlement.te - settlement.ts).toBe(60);
      expect(bitIndices(settlement.payees)).toEqual([0, 1, 2, 3]);
      for (const item of settlement.items) expect(item.spaceTime > 0n).toBe(true);
    }
    const last = settledOf(c).at(-1);
    for (const item of last?.settlement.items ?? []) {
      expect(item.spaceTime).toBe(committedOf(c, item.provider, last!.settlement.ts, last!.settlement.te));
    }
  });

  it("settles one turn later if the leader is down, and pays it no share (n=4)", async () => {
    const c = cluster();
    await c.run(90);
    const ts = tsOf(c);
    const leader = orderAt(c, ts)[0] as number;
    c.crash(leader);
    await c.run(110);
    const settled = settledOf(c).find((s) => s.settlement.ts === ts);
    expect(settled?.settlement.te).toBe(ts + 90);
    expect(bitIndices(settled?.settlement.failed ?? 0n)).toEqual([leader]);
    expect(bitIndices(settled?.settlement.payees ?? 0n)).not.toContain(leader);
  });

  it("pays the crashed leader again in the interval after its restart", async () => {
    const c = cluster();
    await c.run(90);
    const ts = tsOf(c);
    const leader = orderAt(c, ts)[0] as number;
    c.crash(leader);
    await c.run(70);
    c.start(leader);
    await c.run(120);
    const last = settledOf(c).at(-1);
    expect(settledOf(c).length).toBeGreaterThanOrEqual(3);
    expect(bitIndices(last?.signers ?? 0n)).toContain(leader);
    expect(bitIndices(last?.settlement.payees ?? 0n)).toContain(leader);
  });

  it("pays a provider that lost a quarter of its data about three quarters", async () => {
    const c = cluster();
    c.proves = (provider) => (provider === 1 ? 12 : 16);
    await c.run(200);
    const last = settledOf(c).at(-1);
    const item = last?.settlement.items.find((i) => i.provider === 1);
    const committed = committedOf(c, 1, last!.settlement.ts, last!.settlement.te);
    expect(item?.spaceTime).toBe((committed * 12n) / 16n);
  });

  it("exchanges records when values differ, and every keeper signs the same", async () => {
    const c = cluster();
    // Provider 2 proves different bytes to each keeper, so no two values are within tolerance.
    c.proves = (provider, keeper) => (provider === 2 ? 4 + 3 * keeper : 16);
    await c.run(200);
    expect(settledOf(c).length).toBe(3);
    const last = settledOf(c).at(-1);
    const committed = committedOf(c, 2, last!.settlement.ts, last!.settlement.te);
    // Lower median of 4, 7, 10, 13 sixteenths per slot.
    expect(last?.settlement.items.find((i) => i.provider === 2)?.spaceTime).toBe((committed * 7n) / 16n);
    expect(bitIndices(last?.signers ?? 0n)).toEqual([0, 1, 2, 3]);
  });

  it("settles with messages lost", async () => {
    const c = cluster({ network: { delayMs: [5, 80], loss: 0.2 }, seed: 5 });
    await c.run(400);
    expect(settledOf(c).length).toBeGreaterThanOrEqual(5);
  });

  it("settles in the next turn after a partition 2-2 heals", async () => {
    const c = cluster();
    await c.run(100);
    const settledBefore = settledOf(c).length;
    const side = (operator: string): number => c.seats.findIndex((_, i) => operatorOf(i) === operator) >> 1;
    c.network.reaches = (a, b) => side(a) === side(b);
    c.network.changed();
    await c.run(60);
    expect(settledOf(c).length).toBe(settledBefore);
    c.network.reaches = () => true;
    c.network.changed();
    await c.run(40);
    expect(settledOf(c).length).toBe(settledBefore + 1);
  });

  for (const depth of [1, 2, 3]) {
    it(`settles again after a reorg of ${depth} blocks took the settlement back, and never twice`, async () => {
      const c = cluster({ seed: 20 + depth });
      await c.run(90);
      const before = settledOf(c).length;
      let hit = false;
      c.onBlock((block) => {
        if (hit || settledOf(c).length !== before + 1) return;
        if (block < (settledOf(c).at(-1)?.block ?? 0) + depth - 1) return;
        hit = true;
        c.chain.reorg(depth);
      });
      await c.run(150);
      expect(hit).toBe(true);
      expect(settledOf(c).length).toBeGreaterThanOrEqual(before + 2);
      const again = settledOf(c)[before];
      expect(again?.settlement.te).toBe((again?.settlement.ts ?? 0) + 60);
      settledOf(c).reduce((ts, s) => {
        expect(s.settlement.ts).toBe(ts);
        return s.settlement.te;
      }, c.options.params.originBlock);
    });
  }

  it("does not sign a second digest in a turn for which its store holds a note (R23, S5)", async () => {
    const c = new Cluster(defaultOptions);
    const ts = c.options.params.originBlock;
    const signer = orderAt(c, ts)[1] as number;
    const digest = `0x${"ab".repeat(32)}` as const;
    const noted = c.seats[signer]?.store.write(addressOfCommittee(0), [
      { kind: "note", ts, turn: 1, digest },
    ]);
    await c.run(2); // the disk needs a moment of the world's time
    await noted;
    for (let i = 0; i < 4; i++) c.start(i);
    await c.run(75);
    expect(settledOf(c).length).toBe(1);
    expect(bitIndices(settledOf(c)[0]?.signers ?? 0n)).not.toContain(signer);
    expect(c.reasons.some((r) => r.keeper === signer && r.code === "already-signed")).toBe(true);
  });

  it("signs nothing new in a turn that began before the keeper was started (R23)", async () => {
    const c = cluster();
    await c.run(58);
    const ts = tsOf(c);
    const signer = orderAt(c, ts)[2] as number;
    c.crash(signer);
    await c.run(ts + 60 - c.chain.head);
    c.start(signer);
    await c.run(15);
    const settled = settledOf(c).find((s) => s.settlement.ts === ts);
    expect(settled).toBeDefined();
    expect(bitIndices(settled?.signers ?? 0n)).not.toContain(signer);
  });

  it("notes one digest for each turn on every keeper, with faults", async () => {
    const c = cluster({ committee: 7, seed: 11, network: { delayMs: [5, 300], loss: 0.1 } });
    c.onBlock((block) => {
      const keeper = c.world.random.integer(0, 6);
      if (block % 17 === 0) c.crash(keeper);
      if (block % 17 === 8) for (let i = 0; i < 7; i++) c.start(i);
    });
    await c.run(800);
    expect(settledOf(c).length).toBeGreaterThan(6);
    for (const { store } of c.seats) {
      const digests = new Map<string, string>();
      for (const note of store.noted) {
        const key = `${note.ts}/${note.turn}`;
        expect(digests.get(key) ?? note.digest).toBe(note.digest);
        digests.set(key, note.digest);
      }
    }
  });
});
