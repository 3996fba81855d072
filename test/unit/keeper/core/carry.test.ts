/** R14: what a keeper's own outage must not cost a provider, also when it sleeps through a settlement. */
import { describe, expect, it } from "vitest";
import type { Effect } from "../../../../keeper/core/effects.ts";
import { integrate } from "../../../../keeper/core/stages/integrate.ts";
import { groupAt, Machine, machineConfig } from "../../../support/machine.ts";

const slotBlocks = 5n;
const fullSlots = 12n;

function values(machine: Machine, ts: number, te: number): bigint[] {
  const { state } = machine;
  const { group } = state;
  if (group === undefined) throw new Error("no group");
  const step = { state, config: machineConfig, effects: [] };
  return integrate(step, group, group.providers, ts, te).values.map(({ value }) => value);
}

/** A machine that begins with what another wrote. */
function restarted(effects: readonly Effect[]): Machine {
  const writes = effects.flatMap((effect) => (effect.kind === "persist" ? effect.writes : []));
  const machine = new Machine();
  machine.step({
    kind: "restored",
    head: Math.max(-1, ...writes.map((w) => (w.kind === "head" ? w.head : -1))),
    records: writes.flatMap((w) => (w.kind === "record" ? [w.record] : [])),
    notes: [],
    own: [],
    salts: [],
    before: writes.flatMap((w) => (w.kind === "before" ? [w] : [])),
  });
  return machine;
}

describe("bytes carried into an interval", () => {
  it("are those of the last slot before it, also for a keeper that was down when the one before was settled", () => {
    const first = new Machine();
    first.step({ kind: "group", snapshot: groupAt(10) });
    first.walk(10, 60, () => "proven");
    const second = restarted(first.effects);
    second.step({ kind: "group", snapshot: groupAt(70) });
    second.jump(30, 131); // no block of the interval was seen in time to ask
    expect(values(second, 70, 130)).toEqual([0, 1].map(() => 1_600n * slotBlocks * fullSlots));
  });

  it("are none if the last challenge before it failed, or its slot is of a block that a reorg removed", () => {
    const first = new Machine();
    first.step({ kind: "group", snapshot: groupAt(10) });
    first.walk(10, 29, () => "proven");
    first.walk(30, 60, (provider) => (provider === 0 ? "unreachable" : "proven"));
    const second = restarted(first.effects);
    second.step({ kind: "group", snapshot: groupAt(70) });
    second.jump(10, 131, 1);
    expect(values(second, 70, 130)).toEqual([0n, 0n]);
    const third = restarted(first.effects);
    third.step({ kind: "group", snapshot: groupAt(70) });
    third.jump(10, 131);
    expect(values(third, 70, 130)).toEqual([0n, 1_600n * slotBlocks * fullSlots]);
  });

  it("go on over two settlements that this keeper slept through, and are capped by what is committed then", () => {
    const first = new Machine();
    first.step({ kind: "group", snapshot: groupAt(10) });
    first.walk(10, 75, () => "proven");
    first.step({ kind: "group", snapshot: groupAt(70) });
    const second = restarted(first.effects);
    const providers = groupAt(190).providers.map((p) => ({
      ...p,
      history: p.history.map((c) => ({ ...c, fromBlock: 100, bytes: 1_000n })),
    }));
    second.step({ kind: "group", snapshot: groupAt(190, { providers }) });
    second.jump(130, 251);
    expect(values(second, 190, 250)).toEqual([0, 1].map(() => 1_000n * slotBlocks * fullSlots));
  });

  it("outlive a change of the data that this keeper did not see, and are capped by it from then on", () => {
    const machine = new Machine();
    machine.step({ kind: "group", snapshot: groupAt(10) });
    machine.walk(10, 75, () => "proven");
    machine.step({ kind: "group", snapshot: groupAt(70) });
    machine.walk(76, 90, () => "proven");
    // No block from 91 to 159. The data changed in 105, and [70, 130) was settled: the chain shows nothing of before 105.
    const providers = groupAt(130).providers.map((p) => ({
      ...p,
      history: p.history.map((c) => ({ ...c, fromBlock: 105, bytes: 1_200n })),
    }));
    machine.step({ kind: "group", snapshot: groupAt(130, { providers }) });
    machine.jump(91, 191);
    expect([...(machine.state.before.get(130)?.values() ?? [])]).toEqual([1_200n, 1_200n]);
    expect(values(machine, 130, 190)).toEqual([0, 1].map(() => 1_200n * slotBlocks * fullSlots));
  });

  it("are remembered with what was committed for one settled interval, and no longer", () => {
    const machine = new Machine();
    machine.step({ kind: "group", snapshot: groupAt(10) });
    machine.walk(10, 75, () => "proven");
    for (let ts = 70; ts <= 70 + 60 * 40; ts += 60) {
      const providers = groupAt(ts).providers.map((p) => ({
        ...p,
        history: p.history.map((c) => ({ ...c, fromBlock: ts - 5, bytes: BigInt(ts) })),
      }));
      machine.step({ kind: "group", snapshot: groupAt(ts, { providers }) });
      machine.jump(machine.state.head + 1, ts + 70);
    }
    for (const { history } of machine.state.group?.providers ?? []) {
      expect(history.length).toBeLessThanOrEqual(3);
      expect(history.map(({ fromBlock }) => fromBlock)).toEqual(
        history.map(({ fromBlock }) => fromBlock).sort((a, b) => a - b),
      );
    }
  });
});
