import { describe, expect, it } from "vitest";
import { NonceQueue } from "../../../../../keeper/adapters/chain-ethers/nonces.ts";

describe("the account's nonces", () => {
  it("are assigned in order, from the mined count on", () => {
    const nonces = new NonceQueue();
    expect([nonces.take(5), nonces.take(5), nonces.take(6)]).toEqual([5, 6, 7]);
    expect(nonces.take(20)).toBe(20);
  });

  it("leave no gap: a released nonce is assigned first, unless it has been mined", () => {
    const nonces = new NonceQueue();
    nonces.take(0);
    nonces.take(0);
    nonces.end(0);
    expect(nonces.gapsBelow(1, 0)).toEqual([0]);
    expect(nonces.take(0)).toBe(0);
    nonces.end(1);
    expect(nonces.take(2)).toBe(2);
    expect(nonces.gapsBelow(2, 2)).toEqual([]);
  });

  it("are free again after a reorg removed their transaction", () => {
    const nonces = new NonceQueue();
    expect(nonces.take(4)).toBe(4);
    nonces.end(4); // mined
    expect(nonces.take(5)).toBe(5);
    // The block with nonce 4 is gone, and 5 waits for it.
    expect(nonces.gapsBelow(5, 4)).toEqual([4]);
    expect(nonces.take(4)).toBe(4);
  });
});
