/** R29, R41: how a keeper hands in the groups of a certificate, with it and later. */
import { describe, expect, it } from "vitest";
import type { Effect, Signed } from "../../../../../keeper/core/effects.ts";
import { CertificateTree, rememberedHash } from "../../../../../protocol/certificate.ts";
import type { GroupEntry, Remembered } from "../../../../../protocol/committee.ts";
import { turnOrder } from "../../../../../protocol/turns.ts";
import { committeeAt, groupOf, Machine, providerEntry } from "../../../../support/machine.ts";

const [ts, te] = [10, 70];
const all = 400;

function members(settledThrough: (number: number) => number): GroupEntry[] {
  return Array.from({ length: all }, (_, i) =>
    groupOf(i + 1, [providerEntry(0)], { settledThrough: settledThrough(i + 1) }),
  );
}

function signedBy(leader: number): Signed {
  const groups = members(() => ts).map(({ number, address }) => ({
    number,
    group: address,
    items: [{ provider: 0, spaceTime: 96_000n }],
  }));
  const root = new CertificateTree(groups).root;
  const certificate = { ts, te, version: 1, leader, failed: 0n, payees: 15n, count: all, groups: root };
  return { certificate, groups };
}

/** A keeper (2) that noted a certificate of `leader`, after the chain has it and `settledThrough` of its groups. */
class Noted {
  readonly machine = new Machine();
  readonly signed: Signed;
  readonly remembered: readonly Remembered[];
  #open: readonly Effect[] = [];

  constructor(leader: number) {
    this.signed = signedBy(leader);
    this.remembered = [{ ts, te, hash: rememberedHash(this.signed.certificate) }];
    this.machine.step({ kind: "committee", snapshot: committeeAt(ts, { groups: members(() => ts) }) });
    this.machine.jump(11, 71);
    this.machine.state.certificates.set("10/1", this.signed);
  }

  show(settledThrough: (number: number) => number, remembered = this.remembered): void {
    const groups = members(settledThrough);
    this.#open = this.machine.step({ kind: "committee", snapshot: committeeAt(te, { groups, remembered }) });
  }

  /** Answers every question for a fee, and returns what is sent. */
  sends(head: number, fee: bigint | undefined = 0n): { readonly first: number; readonly length: number }[] {
    const sent: Effect[] = [];
    const pay = (effects: readonly Effect[]): void => {
      for (const effect of effects) {
        if (effect.kind === "submit") sent.push(effect);
        if (effect.kind !== "ask-fee") continue;
        const { kind: transaction, turn, run, certificate } = effect.transaction;
        const name = { transaction, ts: certificate.ts, turn, first: run.first };
        pay(this.machine.step({ kind: "fee", ...name, amount: fee }));
      }
    };
    const shown = this.#open;
    this.#open = [];
    // The answer for a fee that was asked for before the head counts for the head at which it arrives.
    const effects = this.machine.jump(this.machine.state.head + 1, head);
    pay([...shown, ...effects]);
    return sent.flatMap((effect) => (effect.kind === "submit" ? [effect.transaction.run] : []));
  }
}

describe("what is left of a remembered certificate", () => {
  it("is sent by its leader at once, in runs that cover all open groups once", () => {
    const noted = new Noted(2);
    noted.show((number) => (number <= 150 ? te : ts));
    const runs = noted.sends(72);
    expect(runs[0]?.first).toBe(150);
    expect(runs.reduce((sum, { length }) => sum + length, 0)).toBe(all - 150);
    expect(noted.sends(73)).toEqual([]);
  });

  it("is sent by the others from te + ⌈2t/3⌉ on, in turn order", () => {
    const { version } = committeeAt(ts);
    const order = turnOrder(
      ts,
      version.seed,
      version.members.map(({ operator }) => operator),
    );
    for (const leader of [0, 1, 3]) {
      const noted = new Noted(leader);
      noted.show(() => ts);
      const behind = (order.indexOf(2) - order.indexOf(leader) + 4) % 4;
      const from = te + 20 + behind - 1;
      expect(noted.sends(from - 1)).toEqual([]);
      expect(noted.sends(from).length).toBeGreaterThan(0);
    }
  });

  it("is sent again after a failure at the next head, and a group that refused a turn later", () => {
    const noted = new Noted(2);
    noted.show((number) => (number <= 399 ? te : ts));
    expect(noted.sends(72)).toEqual([{ first: 399, length: 1 }]);
    const name = { transaction: "settle", ts, turn: 1, first: 399 } as const;
    noted.machine.step({ kind: "submission", ...name, block: undefined });
    expect(noted.sends(73)).toEqual([{ first: 399, length: 1 }]);
    noted.machine.step({ kind: "submission", ...name, block: 74 });
    expect(noted.sends(103)).toEqual([]);
    expect(noted.sends(104)).toEqual([{ first: 399, length: 1 }]);
  });

  it("waits while the fee is above what this keeper earns by it", () => {
    const noted = new Noted(2);
    noted.show((number) => (number <= 399 ? te : ts));
    // One group of 96,000 units: a tenth, divided by four.
    expect(noted.sends(72, 2_401n)).toEqual([]);
    expect(noted.sends(73, 2_400n)).toHaveLength(1);
  });

  it("earns a keeper nothing if another version signed it: its index there is another keeper's (R37)", () => {
    const noted = new Noted(0);
    const { version, groups } = committeeAt(te, { groups: members((number) => (number <= 399 ? te : ts)) });
    const later = { ...version, version: 2 };
    const { remembered } = noted;
    noted.machine.step({
      kind: "committee",
      snapshot: committeeAt(te, { version: later, groups, remembered }),
    });
    expect(noted.sends(te + 28, 1n)).toEqual([]);
    expect(noted.sends(te + 29, 0n)).toHaveLength(1);
  });

  it("is nothing once all groups are settled, or if the committee remembers another certificate", () => {
    const settled = new Noted(2);
    settled.show(() => te);
    expect(settled.sends(72)).toEqual([]);
    const other = new Noted(2);
    other.show(() => ts, [{ ts, te, hash: `0x${"ab".repeat(25)}` }]);
    expect(other.sends(72)).toEqual([]);
  });

  it("leaves out a group that an earlier certificate has to settle first", () => {
    const noted = new Noted(2);
    noted.show((number) => (number === 2 ? 5 : number <= 4 ? ts : te));
    expect(noted.sends(72)).toEqual([
      { first: 0, length: 1 },
      { first: 2, length: 2 },
    ]);
  });
});

describe("a kept certificate", () => {
  it("comes back from the store, and is pruned when no group of it is left", () => {
    const noted = new Noted(2);
    const machine = new Machine();
    const nothing = { records: [], notes: [], own: [], salts: [], before: [], consents: [] };
    machine.step({
      kind: "restored",
      head: 71,
      ...nothing,
      certificates: [{ ts, turn: 1, ...noted.signed }],
    });
    expect(machine.state.certificates.get("10/1")?.certificate).toEqual(noted.signed.certificate);
    const show = (at: number, remembered: readonly Remembered[]): void =>
      void machine.step({ kind: "committee", snapshot: committeeAt(at, { remembered }) });
    show(te, noted.remembered);
    show(130, noted.remembered);
    expect(machine.state.certificates.size).toBe(1);
    show(190, []);
    expect(machine.state.certificates.size).toBe(0);
  });
});

describe("a certificate that this keeper lacks", () => {
  const asks = (effects: readonly Effect[]): number[] =>
    effects.flatMap((effect) => (effect.kind === "ask-certificate" ? [effect.keeper] : []));

  /** A keeper that did not note the certificate. */
  function lacking(): Noted {
    const noted = new Noted(0);
    noted.machine.state.certificates.clear();
    noted.show((number) => (number <= 398 ? te : ts));
    return noted;
  }

  it("is asked for once a block, of one keeper after the other, from te + ⌈2t/3⌉ on", () => {
    const { machine } = lacking();
    expect(asks(machine.jump(72, te + 19))).toEqual([]);
    const asked = [0, 1, 2, 3].flatMap((i) => [
      ...asks(machine.jump(te + 20 + i, te + 20 + i)),
      // The head is the same.
      ...asks(machine.step({ kind: "peers", operators: [] })),
    ]);
    expect(asked).toEqual([3, 0, 1, 3]);
  });

  it("is kept and handed in if it is the remembered one with all of its groups", () => {
    const noted = lacking();
    noted.machine.jump(72, te + 28);
    const { certificate, groups } = noted.signed;
    const [first, ...others] = groups;
    if (first === undefined) throw new Error("expected groups");
    const wrong: Signed[] = [
      { certificate: { ...certificate, payees: 1n }, groups },
      { certificate, groups: others },
      { certificate, groups: [{ ...first, items: [{ provider: 0, spaceTime: 1n }] }, ...others] },
      { certificate, groups: [...others, first] },
    ];
    for (const one of wrong) noted.machine.step({ kind: "certificate", ...one });
    expect(noted.machine.state.certificates.size).toBe(0);
    const effects = noted.machine.step({ kind: "certificate", ...noted.signed });
    expect(effects.some((effect) => effect.kind === "persist")).toBe(true);
    expect(effects.some((effect) => effect.kind === "ask-fee")).toBe(true);
    expect(asks(noted.machine.jump(te + 29, te + 29))).toEqual([]);
  });
});
