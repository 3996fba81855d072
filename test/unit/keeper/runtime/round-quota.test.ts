import { describe, expect, it } from "vitest";
import { encodeMessage, messageDigest } from "../../../../protocol/codec/message.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { roundKeyOf } from "../../../../keeper/core/turn.ts";
import type { TurnState } from "../../../../keeper/core/state.ts";
import { domainOf } from "../../../../protocol/certificate.ts";
import { CommitteeQuotas } from "../../../../keeper/runtime/round-quota.ts";
import { operatorOf, simulatedKeyring } from "../../../../sim/signatures/cheap-signatures.ts";
import { ingressWith } from "../../../support/ingress.ts";
import { committeeAt, hashAt, Machine } from "../../../support/machine.ts";

const committee = committeeAt(10);
const liar = 3;

/** A keeper in the first turn of the interval from block 10. */
function inTurn(): Machine {
  const machine = new Machine();
  machine.step({ kind: "committee", snapshot: committee });
  machine.jump(11, 72);
  return machine;
}

function commit(machine: Machine, commitment: Hex): Uint8Array {
  const round = roundKeyOf(machine.state.turn as TurnState);
  const body = { kind: "commit", round, commitment } as const;
  const { chainId, address } = committee;
  const hash = messageDigest(domainOf(chainId, address), 1, liar, body);
  const signature = simulatedKeyring(liar).signMessage(hash);
  return encodeMessage({ chainId, committee: address, version: 1, keeper: liar, body, signature });
}

describe("different commits of one keeper (R18)", () => {
  it("are checked, two from every peer, if their author has no tokens left", async () => {
    const { state } = inTurn();
    const machine = new Machine(state);
    const quotas = new CommitteeQuotas();
    const ingress = ingressWith({ burst: 4 });
    const heard = async (n: number, from: number): Promise<string> => {
      const bytes = commit(machine, hashAt(n));
      return (await ingress.check(bytes, committee, quotas.reserved(state, operatorOf(from)))).verdict;
    };
    const verdicts: string[] = [];
    for (let n = 0; n < 8; n++) verdicts.push(await heard(n, liar));
    // Four for its tokens and two that are reserved for what comes from the liar itself.
    expect(verdicts.filter((verdict) => verdict === "accept")).toHaveLength(6);
    expect(await heard(100, 0)).toBe("accept");
    expect(await heard(101, 0)).toBe("accept");
    expect(await heard(102, 0)).toBe("ignore");
    expect(await heard(103, 1)).toBe("accept");
  });

  it("are passed on if they are the first two", () => {
    const { state } = inTurn();
    const quotas = new CommitteeQuotas();
    const said = (n: number): boolean => {
      const round = roundKeyOf(state.turn as TurnState);
      const body = { kind: "commit", round, commitment: hashAt(n) } as const;
      const message = { keeper: liar, version: 1, body, hash: hashAt(n) };
      return quotas.passesOn(state, { ...message, signature: "0x", bytes: new Uint8Array() });
    };
    expect([1, 2, 3, 1, 2].map(said)).toEqual([true, true, false, true, true]);
  });

  it("are passed on again in the next turn", () => {
    const machine = inTurn();
    const quotas = new CommitteeQuotas();
    const said = (n: number): boolean => {
      const round = roundKeyOf(machine.state.turn as TurnState);
      const body = { kind: "commit", round, commitment: hashAt(n) } as const;
      const message = { keeper: liar, version: 1, body, hash: hashAt(n) };
      return quotas.passesOn(machine.state, { ...message, signature: "0x", bytes: new Uint8Array() });
    };
    expect([1, 2, 3].map(said)).toEqual([true, true, false]);
    machine.jump(73, 102);
    expect(machine.state.turn?.turn).toBe(2);
    expect([4, 5, 6].map(said)).toEqual([true, true, false]);
  });

  it("of another turn do not use up the quota of the present turn", () => {
    const { state } = inTurn();
    const quotas = new CommitteeQuotas();
    const round = { ...roundKeyOf(state.turn as TurnState), turn: 9 };
    for (let n = 0; n < 5; n++) {
      const body = { kind: "commit", round, commitment: hashAt(n) } as const;
      const message = { keeper: liar, version: 1, body, hash: hashAt(n), bytes: new Uint8Array() };
      expect(quotas.passesOn(state, { ...message, signature: "0x" })).toBe(true);
    }
  });
});
