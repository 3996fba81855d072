import { describe, expect, it } from "vitest";
import { failedLeaders, leaderOf, turnAt, turnHash, turnOrder, turnWindow } from "../../../protocol/turns.ts";

const params = { interval: 30, turn: 20 };
const seed = `0x${"5e".repeat(32)}`;
const operators = [1, 2, 3, 4].map((i) => `0x${i.toString(16).padStart(40, "0")}`);

describe("turn windows (R6)", () => {
  it("opens the first turn one interval after ts and each next one turn later", () => {
    expect(turnWindow(100, params, 1)).toEqual({ te: 130, from: 130, to: 150 });
    expect(turnWindow(100, params, 3)).toEqual({ te: 170, from: 170, to: 190 });
  });

  it("is turn 0 before the first window and changes exactly at the border", () => {
    expect([0, 129, 130, 149, 150, 169, 170].map((block) => turnAt(block, 100, params))).toEqual([
      0, 0, 1, 1, 2, 2, 3,
    ]);
  });

  it("refuses turn 0", () => {
    expect(() => turnWindow(100, params, 0)).toThrow("expected at least 1, actual 0");
  });
});

describe("turn order (R5)", () => {
  it("does not depend on the spelling of an address", () => {
    const address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    expect(turnHash(7, seed, address)).toBe(turnHash(7, seed, address.toLowerCase()));
  });

  it("changes with ts and with the committee seed", () => {
    const orders = new Set<string>();
    for (let ts = 0; ts < 200; ts++) orders.add(turnOrder(ts, seed, operators).join());
    expect(orders.size).toBe(24);
    expect(turnHash(7, seed, operators[0]!)).not.toBe(turnHash(7, `0x${"5f".repeat(32)}`, operators[0]!));
  });

  it("refuses a block number, a seed or an address of the wrong size", () => {
    expect(() => turnHash(-1, seed, operators[0]!)).toThrow("non-negative integer, actual -1");
    expect(() => turnHash(1, "0x12", operators[0]!)).toThrow("expected 32 bytes, actual 1");
    expect(() => turnHash(1, seed, "0x1234")).toThrow("expected 20 bytes, actual 2");
  });
});

describe("failed leaders (R7)", () => {
  const order = [2, 0, 3, 1];

  it("names nobody in the first turn", () => {
    expect(failedLeaders(order, 1, 1)).toEqual([]);
  });

  it("names at most f leaders, the latest ones, in turn order", () => {
    expect(failedLeaders(order, 2, 1)).toEqual([2]);
    expect(failedLeaders(order, 4, 1)).toEqual([3]);
    expect(failedLeaders([6, 5, 4, 3, 2, 1, 0], 4, 2)).toEqual([5, 4]);
  });

  it("wraps around the order together with the leader", () => {
    expect(leaderOf(order, 5)).toBe(2);
    expect(failedLeaders(order, 5, 1)).toEqual([1]);
    expect(failedLeaders(order, 6, 1)).toEqual([2]);
  });
});
