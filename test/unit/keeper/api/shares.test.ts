import { describe, expect, it } from "vitest";
import { providerShares, shareText, ShareWatch, sumOfShares } from "../../../../keeper/api/shares.ts";
import type { ChallengeRecord, Outcome } from "../../../../protocol/records.ts";
import { defaultParams } from "../../../../sim/cluster.ts";
import { committeeAt, groupOf, hashAt, providerEntry } from "../../../support/machine.ts";
import type { Served } from "../../../../keeper/api/served.ts";
import { initialState } from "../../../../keeper/core/state.ts";
import type { KeeperState } from "../../../../keeper/core/state.ts";
import { providerKey } from "../../../../protocol/records.ts";

const committed = 1_600n;
const whole: Outcome = { kind: "proven", bytes: committed, receiptHash: hashAt(1) };
const part: Outcome = { kind: "proven", bytes: 1_100n, receiptHash: hashAt(1) };
const failed: Outcome = { kind: "failed", reason: "late" };

/** Records of provider 0 of group 1, one a slot from slot 0 on; undefined: this keeper was down. */
function stateOf(...outcomes: (Outcome | undefined)[]): KeeperState {
  const name = { group: 1, provider: 0 };
  const records = outcomes.flatMap((outcome, slot): [number, ChallengeRecord][] =>
    outcome === undefined ? [] : [[slot, { ...name, slot, blockHash: hashAt(slot), outcome }]],
  );
  return { ...initialState(), records: new Map([[providerKey(name), new Map(records)]]) };
}

const { originBlock, slot: length } = defaultParams;
/** A group in a committee whose open interval begins with slot `slot`. */
function servedFrom(slot: number, state: KeeperState, providers = [providerEntry(0, committed)]): Served {
  const group = groupOf(1, providers);
  return { committee: committeeAt(originBlock + slot * length, { groups: [group] }), group, state };
}

const entry = providerEntry(0, committed);

describe("a provider's share of proven bytes", () => {
  it("is summed over the last four records and over those of the open interval", () => {
    const state = stateOf(failed, whole, whole, undefined, whole, part);
    const { late, interval } = providerShares(servedFrom(4, state), entry);
    expect(late).toEqual({
      whole: 3,
      partial: 1,
      failed: 0,
      bytesProven: 3n * committed + 1_100n,
      bytesCommitted: 4n * committed,
      fromSlot: 1,
      toSlot: 5,
    });
    expect(interval).toMatchObject({ whole: 1, partial: 1, failed: 0, fromSlot: 4, toSlot: 5 });
    expect(shareText(late)).toBe(
      "92.1 % of the bytes proven over slots 1 to 5: 3 whole, 1 partial, 0 failed",
    );
  });

  it("is capped at the committed bytes of the slot, and leaves out slots without a record", () => {
    const more: Outcome = { ...whole, bytes: 2n * committed };
    const { late, interval } = providerShares(servedFrom(1, stateOf(more)), entry);
    expect(late).toMatchObject({ whole: 1, bytesProven: committed, bytesCommitted: committed });
    expect(interval).toMatchObject({ bytesCommitted: 0n, fromSlot: null, toSlot: null });
    expect(sumOfShares([late, interval])).toEqual(late);
    expect(sumOfShares([])).toMatchObject({ whole: 0, bytesCommitted: 0n, fromSlot: null });
  });
});

describe("ShareWatch", () => {
  const changes = (watch: ShareWatch, ...outcomes: Outcome[]) =>
    watch
      .look(servedFrom(0, stateOf(...outcomes)))
      .map(({ provider, standing }) => `${provider} ${standing}`);

  it("reports once when a provider begins to prove a part, proves nothing, and proves all again", () => {
    const watch = new ShareWatch();
    expect(changes(watch)).toEqual([]);
    expect(changes(watch, whole)).toEqual([]);
    expect(changes(watch, whole, part)).toEqual(["0 partial"]);
    // A sample that misses the loss does not end the report.
    expect(changes(watch, whole, part, whole)).toEqual([]);
    expect(changes(watch, whole, part, failed, failed, failed, failed)).toEqual(["0 failed"]);
    expect(changes(watch, failed, failed, whole, whole, whole)).toEqual(["0 partial"]);
    expect(changes(watch, failed, whole, whole, whole, whole)).toEqual(["0 whole"]);
    expect(changes(watch, whole, whole, whole, whole, whole)).toEqual([]);
  });

  it("reports partial providers at the start, and forgets removed providers", () => {
    const watch = new ShareWatch();
    expect(changes(watch, failed, failed)).toEqual(["0 failed"]);
    expect(watch.look(servedFrom(0, stateOf(failed), []))).toEqual([]);
    expect(changes(watch, failed, failed)).toEqual(["0 failed"]);
  });
});
