import { describe, expect, it } from "vitest";
import type { Effect } from "../../../../keeper/core/effects.ts";
import { step } from "../../../../keeper/core/machine.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import type { OwnConsent, Proposal } from "../../../../protocol/succession.ts";
import { memberOf, operatorOf } from "../../../../sim/signatures/cheap-signatures.ts";
import { defaultParams } from "../../../../sim/cluster.ts";
import { committeeAt, hashAt, Machine, machineConfig } from "../../../support/machine.ts";

const successor: Hex = operatorOf(40);
const approved: readonly OwnConsent[] = [{ version: 1, by: "operator" }];

/** Keeper 3 has resigned, and `successor` is to take its seat. */
function proposalWith(change: Partial<Proposal> = {}): Proposal {
  const operators = [0, 1, 2].map((i) => memberOf(i).operator);
  return { version: 2, base: 1, operators: [...operators, successor], consented: [successor], ...change };
}

const hostile = proposalWith({ operators: [successor, ...[1, 2, 3].map((i) => memberOf(i).operator)] });

function show(
  machine: Machine,
  proposals: readonly Proposal[],
  ownConsents: readonly OwnConsent[] = approved,
): void {
  const { committee } = machine.state;
  const { version } = committee ?? committeeAt(10);
  const snapshot = committeeAt(10, {
    version: { ...version, resigned: [3] },
    succession: { era: 1, proposals, ownConsents },
  });
  machine.step({ kind: "committee", snapshot });
}

/** The first block, and those of the slot after it in which a keeper listens (D9). */
function begin(machine: Machine): void {
  machine.jump(10, 10);
  next(machine, defaultParams.slot + 2);
}

/** Has listened for a second instance, and found none. */
function listened(machine = new Machine()): Machine {
  show(machine, []);
  begin(machine);
  machine.vouch();
  return machine;
}

const next = (machine: Machine, blocks = 1): Effect[] => {
  const { head } = machine.state;
  return Array.from({ length: blocks }, (_, i) => machine.jump(head + 1 + i, head + 1 + i)).flat();
};

/** Writes and transactions of consents, in the order of the effects. */
function consents(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.kind === "consent") return [`send ${effect.version}`];
    if (effect.kind !== "persist") return [];
    return effect.writes.flatMap((write) => (write.kind === "consent" ? [`note ${write.version}`] : []));
  });
}

describe("a keeper's own consent (R37)", () => {
  it("is noted in the store before it is sent, and is sent once while it is under way", () => {
    const machine = listened();
    show(machine, [proposalWith()]);
    const effects = next(machine);
    expect(consents(effects)).toEqual(["note 2", "send 2"]);
    expect(effects.find(({ kind }) => kind === "consent")).toMatchObject({
      replaced: [{ seat: 3, by: successor }],
    });
    expect(consents(next(machine, 2 * defaultParams.turn))).toEqual([]);
  });

  it("is repeated once a turn while the chain does not show it", () => {
    const machine = listened();
    show(machine, [proposalWith()]);
    next(machine);
    machine.step({ kind: "consented", version: 2 });
    expect(consents(next(machine, defaultParams.turn - 1))).toEqual([]);
    expect(consents(next(machine))).toEqual(["send 2"]);
    machine.step({ kind: "consented", version: 2 });
    show(machine, [proposalWith()], [...approved, { version: 2, by: "daemon", replaced: 1 }]);
    expect(consents(next(machine, 2 * defaultParams.turn))).toEqual([]);
  });

  it("is given after a restart to the version that is noted, and to no other one", () => {
    const machine = new Machine();
    const nothing = { records: [], notes: [], own: [], salts: [], before: [], certificates: [] };
    machine.step({ kind: "restored", head: 10, ...nothing, consents: [3] });
    listened(machine);
    // Version 2 is lower, and may have consents by now.
    show(machine, [proposalWith(), proposalWith({ version: 3 })]);
    expect(consents(next(machine))).toEqual(["send 3"]);
    expect(machine.details("consent-withheld")).toEqual([
      "version 2: this keeper has consented to version 3, which is open on the same base",
    ]);
  });

  it("waits until this process has listened for a second instance, and is not given beside one (D9)", () => {
    const machine = new Machine();
    show(machine, [proposalWith()]);
    begin(machine);
    expect(consents(next(machine, 3))).toEqual([]);
    machine.vouch();
    expect(consents(next(machine))).toEqual(["note 2", "send 2"]);
    const other = listened();
    other.state.secondInstance = true;
    show(other, [proposalWith()]);
    expect(consents(next(other, 3))).toEqual([]);
  });

  it("is not sent if the step that decides it detects a second instance", () => {
    const machine = listened();
    const instance = `0x${"bb".repeat(16)}` as const;
    const body = { kind: "hello", instance, head: machine.state.head + 9, speaks: 4 } as const;
    const signed = { keeper: 2, version: 1, body, hash: hashAt(5), signature: "0x" as const };
    machine.step({ kind: "message", message: { ...signed, bytes: new Uint8Array() }, way: "gossip" });
    expect(machine.state.secondInstance).toBe(true);
    show(machine, [proposalWith()]);
    expect(consents(next(machine, 3))).toEqual([]);
  });

  it("is withheld from a version that removes a member that did not resign; this is told once", () => {
    const machine = listened();
    show(machine, [hostile]);
    expect(consents(next(machine, 3))).toEqual([]);
    expect(machine.details("consent-withheld")).toEqual([
      `version 2: ${successor} takes the seat of keeper 0, which has not resigned`,
    ]);
    show(machine, []);
    next(machine);
    expect(machine.state.withheld.size).toBe(0);
  });

  it("is withheld if the operator switched it off, which is told", () => {
    const { state } = listened();
    const config = { ...machineConfig, replacesResigned: false };
    const machine = new Machine(state);
    show(machine, [proposalWith()]);
    const blocks = [{ number: state.head + 1, hash: hashAt(state.head + 1) }];
    const { effects } = step(state, { kind: "blocks", blocks, entropy: hashAt(1) }, config);
    expect(consents(effects)).toEqual([]);
    expect(effects).toContainEqual({
      kind: "reason",
      code: "consent-withheld",
      detail: "version 2: policy.replaceResigned is false",
    });
  });
});
