import { describe, expect, it } from "vitest";
import { HeadAgreement } from "../../../../daemon/chain/heads.ts";
import type { Agreement, HeadBlock } from "../../../../daemon/chain/heads.ts";
import type { Hex } from "../../../../protocol/hash.ts";

const block = (number: number, branch = 0): HeadBlock => {
  const hash = (n: number): Hex =>
    `0x${branch.toString(16).padStart(4, "0")}${n.toString(16).padStart(60, "0")}`;
  return { number, hash: hash(number), parentHash: hash(number - 1) };
};

/** Endpoints by name, with head and branch. */
type Endpoints = Record<string, { readonly head: number; readonly branch?: number }>;

async function decide(
  endpoints: Endpoints,
  { agreement = new HeadAgreement<string>(), now_ms = 0 } = {},
): Promise<Agreement<string>> {
  const heads = Object.entries(endpoints).map(([endpoint, { head, branch }]) => ({
    endpoint,
    latest: block(head, branch),
  }));
  const blockAt = async (endpoint: string, number: number): Promise<HeadBlock | undefined> => {
    const known = endpoints[endpoint];
    return known === undefined || number > known.head ? undefined : block(number, known.branch);
  };
  return agreement.decide(heads, blockAt, now_ms);
}

describe("the accepted head (D7)", () => {
  it("is the head of the only endpoint", async () => {
    expect(await decide({ a: { head: 7 } })).toMatchObject({
      kind: "agreed",
      head: block(7),
      agreeing: ["a"],
    });
  });

  it("is never a head that one endpoint invents", async () => {
    expect(await decide({ liar: { head: 1_000 }, b: { head: 7 } })).toMatchObject({
      kind: "agreed",
      head: block(7),
      agreeing: ["liar", "b"],
    });
  });

  it("is that of two of three endpoints if one shows another chain, and that one is paused", async () => {
    const agreed = await decide({ a: { head: 7 }, b: { head: 8 }, liar: { head: 9, branch: 1 } });
    expect(agreed).toMatchObject({ kind: "divided", height: 8 });
    const counted = await decide({ a: { head: 8 }, b: { head: 8 }, liar: { head: 8, branch: 1 } });
    expect(counted).toMatchObject({ kind: "agreed", head: block(8), lying: ["liar"] });
  });

  it("is undefined while two endpoints show different chains", async () => {
    expect(await decide({ a: { head: 8 }, b: { head: 8, branch: 1 } })).toMatchObject({ kind: "divided" });
  });

  it("waits for an endpoint that is behind until its head has not moved for seconds", async () => {
    const agreement = new HeadAgreement<string>();
    const frozen = { frozen: { head: 5 } };
    const first = await decide({ ...frozen, a: { head: 20 } }, { agreement, now_ms: 0 });
    expect(first).toMatchObject({ kind: "agreed", head: block(5), lagging: [] });
    const later = await decide({ ...frozen, a: { head: 26 } }, { agreement, now_ms: 6_000 });
    expect(later).toMatchObject({ kind: "agreed", head: block(26), agreeing: ["a"], lagging: ["frozen"] });
    const moves = await decide({ frozen: { head: 26 }, a: { head: 27 } }, { agreement, now_ms: 7_000 });
    expect(moves).toMatchObject({ kind: "agreed", head: block(26), lagging: [] });
  });
});
