import { describe, expect, it } from "vitest";
import { joinRecords, joinedSlots, lastSettledShares } from "../../../client/proven.ts";
import type { JoinedRecord } from "../../../client/proven.ts";
import type { DataChange, ProviderAccount } from "../../../client/group-view.ts";

const scope = { originBlock: 100, slot: 10, settledThrough: 140, head: 187 };
const change = (from: number, bytes: bigint): DataChange => ({
  from,
  bytes,
  price: 1n,
  listRoot: "0x",
  receiptKey: "0x",
  sequence: 1,
});
const record = (slot: number, bytes: bigint, provider = 0): JoinedRecord => ({
  provider,
  slot,
  failed: bytes === 0n,
  bytes,
});

describe("the last settled share", () => {
  it("is that of the contract, for providers of whom a block is settled", () => {
    const account = (index: number, activeFrom: number, closed = false): ProviderAccount => ({
      ...(undefined as unknown as ProviderAccount),
      index,
      activeFrom,
      closed,
      proven: { paid: 3n, committed: 4n },
    });
    const providers = [account(0, 100), account(1, 139), account(2, 140), account(3, 100, true)];
    expect(lastSettledShares(providers, 140)).toEqual([
      { provider: 0, proven: 3n, committed: 4n },
      { provider: 1, proven: 3n, committed: 4n },
    ]);
  });
});

describe("joined records of several keepers", () => {
  it("count the present slot and the two before it as recent, and the open interval separately", () => {
    expect(joinedSlots(scope)).toEqual({ late: 6, interval: 4, present: 8 });
    expect(joinedSlots({ ...scope, head: 105 })).toMatchObject({ late: 0, present: 0 });
    const records = [3, 4, 5, 6, 7, 8].flatMap((slot) => [record(slot, 1_600n), record(slot, 1_500n)]);
    const [own] = joinRecords(records, scope, new Map([[0, [change(100, 1_600n)]]]));
    expect(own?.late).toEqual({
      whole: 3,
      partial: 3,
      failed: 0,
      bytesProven: 9_300n,
      bytesCommitted: 9_600n,
    });
    expect(own?.interval).toMatchObject({ whole: 5, partial: 5 });
  });

  it("use the committed bytes of the chain, not of the keepers", () => {
    const histories = new Map([
      [0, [change(100, 1_000n), change(180, 2_000n)]],
      [1, [change(180, 500n)]],
    ]);
    const records = [record(7, 9_999n), record(8, 1_000n), record(7, 500n, 1), record(8, 0n, 1)];
    const [first, second] = joinRecords(records, scope, histories);
    expect(first?.late).toMatchObject({ whole: 1, partial: 1, bytesProven: 2_000n, bytesCommitted: 3_000n });
    // Before its data began there is nothing to prove.
    expect(second?.late).toEqual({ whole: 0, partial: 0, failed: 1, bytesProven: 0n, bytesCommitted: 500n });
  });
});
