import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  drandChain,
  drandChains,
  drandRandomness,
  drandRoundAt,
  drandTimeOf,
  verifyDrandRound,
} from "../../../../ceremony/beacon/drand.ts";
import type { DrandRound } from "../../../../ceremony/beacon/drand.ts";
import { checkOrigin } from "../../../../ceremony/beacon/origin.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { publicRounds } from "./rounds.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");

/** The same bytes with one bit changed. */
function flipped(hex: Hex, at: number): Hex {
  const changed = bytes(hex);
  changed[at] = (changed[at] as number) ^ 1;
  return `0x${changed.toString("hex")}`;
}

describe("the chains of drand", () => {
  it.each(drandChains)("$name has the key, genesis and period that its hash binds", (chain) => {
    const head = Buffer.alloc(12);
    head.writeUInt32BE(chain.period_s);
    head.writeBigUInt64BE(BigInt(chain.genesis_s), 4);
    const hash = createHash("sha256")
      .update(head)
      .update(bytes(chain.publicKey))
      .update(bytes(chain.groupHash));
    // The name of the first chain is not part of its hash.
    if (chain.name !== "default") hash.update(chain.name);
    expect(`0x${hash.digest("hex")}`).toBe(chain.hash);
    expect(drandChain(chain.hash)).toBe(chain);
  });

  it("refuses the name of an unknown chain", () => {
    expect(() => drandChain("fastnet")).toThrow(
      'expected default or quicknet, or the hash of one, actual "fastnet"',
    );
  });
});

describe("the round at a time", () => {
  // The Ruby client's documentation has these two rounds of quicknet.
  it.each([
    ["2026-04-20T00:00:00Z", 27_946_612],
    ["2026-04-20T12:30:45Z", 27_961_627],
  ])("is that of the published examples at %s", (time, round) => {
    expect(drandRoundAt(drandChain("quicknet"), Date.parse(time) / 1000)).toBe(round);
  });

  it.each(drandChains)("of $name changes exactly when the next round exists", (chain) => {
    expect(drandRoundAt(chain, chain.genesis_s)).toBe(1);
    for (const round of [1, 2, 1000, 5_347_804]) {
      const time_s = drandTimeOf(chain, round);
      expect(drandRoundAt(chain, time_s)).toBe(round);
      expect(drandRoundAt(chain, time_s + chain.period_s - 1)).toBe(round);
      expect(drandRoundAt(chain, time_s + chain.period_s)).toBe(round + 1);
    }
  });

  it("refuses a time before the first round, and a number below 1", () => {
    const chain = drandChain("default");
    expect(() => drandRoundAt(chain, chain.genesis_s - 1)).toThrow(
      "expected at least 1595431050 s, actual 1595431049 s",
    );
    for (const round of [0, -1, 1.5, Number.NaN, 2 ** 53])
      expect(() => drandTimeOf(chain, round)).toThrow(RangeError);
  });
});

describe("a round of drand", () => {
  it.each(publicRounds)("$chain $round.round, as published, verifies", ({ chain, round, randomness }) => {
    expect(verifyDrandRound(drandChain(chain), round)).toBe(true);
    expect(drandRandomness(round)).toBe(randomness);
  });

  const [first, chained, unchained] = (["default 1", "default 72785", "quicknet 42"] as const).map((name) => {
    const found = publicRounds.find(({ chain, round }) => `${chain} ${round.round}` === name);
    if (!found) throw new Error(`no round ${name}`);
    return found;
  }) as [(typeof publicRounds)[number], (typeof publicRounds)[number], (typeof publicRounds)[number]];
  const { signature: long, previousSignature: before } = chained.round;
  const { signature: short } = unchained.round;
  const infinity = (length: number): Hex => `0xc0${"00".repeat(length - 1)}`;
  const { previousSignature: _, ...lonely } = chained.round;

  const wrong: [string, string, DrandRound][] = [
    ["another number", "default", { ...chained.round, round: 72_786 }],
    ["another number", "quicknet", { ...unchained.round, round: 43 }],
    ["the number 0", "quicknet", { ...unchained.round, round: 0 }],
    ["a changed signature", "default", { ...chained.round, signature: flipped(long, 95) }],
    ["a changed signature", "quicknet", { ...unchained.round, signature: flipped(short, 47) }],
    ["another round's signature", "default", { ...chained.round, signature: first.round.signature }],
    [
      "a changed signature before it",
      "default",
      { ...chained.round, previousSignature: flipped(before ?? "0x", 0) },
    ],
    ["no signature before it", "default", lonely],
    ["a signature before it that is too short", "default", { ...chained.round, previousSignature: "0x00" }],
    [
      "a signature before it that is no hex",
      "default",
      { ...chained.round, previousSignature: `0x${"zz".repeat(96)}` },
    ],
    [
      "another group's hash before round 1",
      "default",
      { ...first.round, previousSignature: `0x${"11".repeat(32)}` },
    ],
    ["the point at infinity", "default", { ...chained.round, signature: infinity(96) }],
    ["the point at infinity", "quicknet", { ...unchained.round, signature: infinity(48) }],
    ["an empty signature", "quicknet", { ...unchained.round, signature: "0x" }],
    ["a signature with a byte more", "quicknet", { ...unchained.round, signature: `${short}00` }],
    ["a signature of the other group", "quicknet", { ...unchained.round, signature: long }],
    ["another chain's round", "default", unchained.round],
  ];
  it.each(wrong)("with %s does not verify on %s", (_name, chain, round) => {
    expect(verifyDrandRound(drandChain(chain), round)).toBe(false);
  });
});

describe("the origin of a beacon", () => {
  const { chain, round, randomness } = publicRounds.find(
    (one) => one.chain === "quicknet",
  ) as (typeof publicRounds)[number];
  const drand = { source: "drand", chain: drandChain(chain), round } as const;

  it("is a round whose value and signature are right", () => {
    expect(checkOrigin(randomness, drand)).toEqual({
      ok: true,
      detail: `the value is that of round ${round.round} of the drand chain quicknet, and its signature holds`,
    });
  });

  it("is refused with another value, or with another round", () => {
    const other: Hex = `0x${"12".repeat(32)}`;
    const value = checkOrigin(other, drand);
    expect(value).toMatchObject({ ok: false });
    expect(value.detail).toContain(`expected its value ${randomness}, actual ${other}`);
    const forged = checkOrigin(randomness, { ...drand, round: { ...round, round: round.round + 1 } });
    expect(forged).toMatchObject({ ok: false });
    expect(forged.detail).toContain("the signature is not the chain's");
  });

  it("is a block with the same hash, in upper or lower case", () => {
    const block = { source: "block", chainId: 1n, number: 17_000_000, hash: `0x${"aB".repeat(32)}` } as const;
    expect(checkOrigin(`0x${"Ab".repeat(32)}`, block).ok).toBe(true);
    const other = checkOrigin(randomness, block);
    expect(other.ok).toBe(false);
    expect(other.detail).toBe(
      `block 17000000 of chain 1: expected its hash ${block.hash}, actual ${randomness}`,
    );
  });
});
