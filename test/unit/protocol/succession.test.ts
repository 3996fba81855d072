import { describe, expect, it } from "vitest";
import type { Hex } from "../../../protocol/hash.ts";
import { consentDue, verdictOn } from "../../../protocol/succession.ts";
import type { ConsentScope, OwnConsent, Proposal } from "../../../protocol/succession.ts";

const operator = (i: number): Hex => `0x${i.toString(16).padStart(40, "0")}`;
const operators = (...places: readonly number[]): Hex[] => places.map(operator);

const byOperator = (version: number): OwnConsent => ({ version, by: "operator" });
const byDaemon = (version: number, replaced: number): OwnConsent => ({ version, by: "daemon", replaced });
const byNobodyKnown = (version: number): OwnConsent => ({ version, by: "unknown" });

/** Seven members, so f = 2. Keepers 2 and 3 have resigned. This keeper is keeper 0; its operator approved version 1. */
function scopeWith(change: Partial<ConsentScope> = {}): ConsentScope {
  const members = operators(0, 1, 2, 3, 4, 5, 6).map((one) => ({ operator: one, blsKey: "0x" as const }));
  return {
    me: operator(0),
    version: { version: 1, seed: "0x", members, resigned: [2, 3] },
    era: 1,
    proposals: [],
    ownConsents: [byOperator(1)],
    noted: new Set(),
    ...change,
  };
}

/** Both members that resigned are replaced, and the new ones have consented. */
function proposalWith(change: Partial<Proposal> = {}): Proposal {
  const named = operators(0, 1, 12, 13, 4, 5, 6);
  return { version: 2, base: 1, operators: named, consented: operators(12, 13), ...change };
}

function refusal(proposal: Proposal, scope: ConsentScope): string {
  const verdict = verdictOn(proposal, scope);
  return verdict.kind === "refuse" ? verdict.why : `expected a refusal, actual ${verdict.kind}`;
}

const seats = (...places: readonly number[]): Partial<Proposal> => ({
  operators: operators(...places),
  consented: operators(...places.filter((place) => place > 6)),
});

/** With one member that resigned, so that one replacement is the largest. */
const oneResigned = scopeWith({ version: { ...scopeWith().version, resigned: [2] } });

const nobodyResigned = scopeWith({ version: { ...scopeWith().version, resigned: [] } });

describe("the daemon's consent (R37)", () => {
  it("is given to the replacement of members that resigned, by members that have consented", () => {
    const replaced = [
      { seat: 2, by: operator(12) },
      { seat: 3, by: operator(13) },
    ];
    expect(verdictOn(proposalWith(), scopeWith())).toEqual({ kind: "consent", replaced });
    expect(verdictOn(proposalWith(seats(0, 1, 12, 3, 4, 5, 6)), oneResigned)).toEqual({
      kind: "consent",
      replaced: replaced.slice(0, 1),
    });
  });

  it("waits for the consents of the new members, and is not given twice", () => {
    expect(verdictOn(proposalWith({ consented: [] }), scopeWith())).toEqual({ kind: "wait" });
    expect(verdictOn(proposalWith({ consented: operators(12) }), scopeWith())).toEqual({ kind: "wait" });
    for (const own of [byOperator(2), byDaemon(2, 2), byNobodyKnown(2)])
      expect(verdictOn(proposalWith(), scopeWith({ ownConsents: [byOperator(1), own] }))).toEqual({
        kind: "wait",
      });
  });

  type Refusal = {
    readonly what: string;
    readonly places: readonly number[];
    readonly why: string;
    readonly scope?: ConsentScope;
  };
  const refusals: readonly Refusal[] = [
    {
      what: "a member that did not resign",
      places: [0, 1, 12, 13, 14, 5, 6],
      why: "keeper 4, which has not resigned",
    },
    { what: "this keeper", places: [14, 1, 12, 13, 4, 5, 6], why: "keeper 0, which has not resigned" },
    {
      what: "one that resigned and one that did not",
      places: [0, 1, 12, 13, 4, 5, 6],
      why: "keeper 3, which has not",
      scope: oneResigned,
    },
    {
      what: "nobody, and swaps two seats",
      places: [1, 0, 12, 13, 4, 5, 6],
      why: "keeper 0, which has not resigned",
    },
    { what: "nobody", places: [0, 1, 2, 3, 4, 5, 6], why: "it replaces nobody", scope: nobodyResigned },
    {
      what: "one, and gives another its duties back",
      places: [0, 1, 12, 3, 4, 5, 6],
      why: "keeper 3 resigned and gets its duties back",
    },
    { what: "two that resigned by each other", places: [0, 1, 3, 2, 4, 5, 6], why: "is a member already" },
    { what: "one by a member", places: [0, 1, 4, 13, 4, 5, 6], why: "is a member already" },
    {
      what: "two by the same operator",
      places: [0, 1, 12, 12, 4, 5, 6],
      why: "it names 6 operators for 7 seats",
    },
    { what: "some, and adds a seat", places: [0, 1, 12, 13, 4, 5, 6, 14], why: "it has 8 seats, expected 7" },
    { what: "some, and removes a seat", places: [0, 1, 12, 13, 4, 5], why: "it has 6 seats, expected 7" },
  ];
  it.each(refusals)("is refused to a version that replaces $what", ({ places, why, scope = scopeWith() }) => {
    expect(refusal(proposalWith(seats(...places)), scope)).toContain(why);
  });

  it("is refused to a version on another base than the one in force", () => {
    expect(refusal(proposalWith(), scopeWith({ era: 2 }))).toContain("based on version 1, expected 2");
  });

  it("is refused without a seat in force, and after the own resignation", () => {
    expect(refusal(proposalWith(), scopeWith({ me: operator(12) }))).toContain("no seat with duties");
    expect(refusal(proposalWith(), scopeWith({ me: operator(3) }))).toContain("no seat with duties");
  });

  it("is refused to a second open version on the same base, whoever sent the first consent", () => {
    const proposals = [proposalWith(seats(0, 1, 14, 15, 4, 5, 6)), proposalWith({ version: 3 })];
    const [, second] = proposals as [Proposal, Proposal];
    const why = "consented to version 2, which is open on the same base";
    for (const own of [byOperator(2), byDaemon(2, 1)])
      expect(refusal(second, scopeWith({ proposals, ownConsents: [byOperator(1), own] }))).toContain(why);
    // Noted in the store and not on chain yet, as after a crash.
    expect(refusal(second, scopeWith({ proposals, noted: new Set([2]) }))).toContain(why);
    expect(verdictOn(second, scopeWith({ proposals })).kind).toBe("consent");
    // A void one on an older base can get no consent any more.
    const ended = { ...(proposals[0] as Proposal), base: 0 };
    expect(verdictOn(second, scopeWith({ proposals: [ended, second], noted: new Set([2]) })).kind).toBe(
      "consent",
    );
    // The first one was withdrawn: the daemon's consent to it still counts as two replacements.
    const later = { proposals: [second], ownConsents: [byOperator(1), byDaemon(2, 2)] };
    expect(refusal(second, scopeWith(later))).toContain("it replaces 2 members, expected at most 0");
  });

  it("is sent again to the noted version itself", () => {
    const scope = scopeWith({ proposals: [proposalWith()], noted: new Set([2]) });
    expect(consentDue(scope)?.proposal.version).toBe(2);
  });

  describe("counts the members that the daemon replaced since its operator last approved a version", () => {
    const third = proposalWith({ version: 9, base: 8 });
    const after = (...own: readonly OwnConsent[]): ConsentScope => scopeWith({ era: 8, ownConsents: own });

    it("and goes no further than f", () => {
      const why = "replaces 2 members, expected at most 1 before the operator approves a version";
      expect(refusal(third, after(byOperator(1), byDaemon(2, 1)))).toContain(why);
      expect(refusal(third, after(byOperator(1), byDaemon(2, 1), byDaemon(3, 1)))).toContain("at most 0");
      const one = proposalWith({ ...seats(0, 1, 12, 3, 4, 5, 6), version: 9, base: 8 });
      const scope = { ...oneResigned, era: 8, ownConsents: [byOperator(1), byDaemon(2, 1)] };
      expect(verdictOn(one, scope).kind).toBe("consent");
    });

    it("from zero after an approval", () => {
      const own = [byOperator(1), byDaemon(2, 2), byOperator(3)];
      expect(verdictOn(third, after(...own)).kind).toBe("consent");
      expect(refusal(third, after(...own, byDaemon(4, 2)))).toContain("at most 0");
    });

    it("and refuses while it cannot tell who sent a consent, until an approval", () => {
      const own = [byOperator(1), byNobodyKnown(3)];
      expect(refusal(third, after(...own))).toContain("no endpoint shows the transaction");
      expect(verdictOn(third, after(...own, byOperator(5))).kind).toBe("consent");
    });

    it("and refuses if the chain shows no approval", () => {
      expect(refusal(third, after())).toContain("no version that the operator approved");
      expect(refusal(third, after(byDaemon(2, 1)))).toContain("no version that the operator approved");
    });
  });

  it("goes to the first of several versions that may have it", () => {
    const hostile = proposalWith({ ...seats(0, 1, 12, 13, 14, 5, 6), version: 2 });
    const proposals = [hostile, proposalWith({ version: 3 }), proposalWith({ version: 4 })];
    expect(consentDue(scopeWith({ proposals }))?.proposal.version).toBe(3);
    expect(consentDue(scopeWith({ proposals: [hostile] }))).toBe(undefined);
  });
});
