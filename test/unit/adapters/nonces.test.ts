import { describe, expect, it } from "vitest";
import { NonceQueue } from "../../../keeper/adapters/chain-ethers/nonces.ts";

describe("the account's nonces", () => {
  it("go to transactions in flight one after the other, from what the chain has mined", () => {
    const nonces = new NonceQueue();
    expect([nonces.take(5), nonces.take(5), nonces.take(6)]).toEqual([5, 6, 7]);
    expect(nonces.take(20)).toBe(20);
  });

  it("leave no gap: one given back is used first, unless it was mined meanwhile", () => {
    const nonces = new NonceQueue();
    nonces.take(0);
    nonces.take(0);
    nonces.giveBack(0);
    expect(nonces.gapsBelow(1)).toEqual([0]);
    expect(nonces.take(0)).toBe(0);
    nonces.giveBack(1);
    expect(nonces.take(2)).toBe(2);
    expect(nonces.gapsBelow(9)).toEqual([]);
  });
});
