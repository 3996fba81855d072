/** What a report says about a beacon: whether its key was computed, and where its value came from. */
import { describe, expect, it } from "vitest";
import { findBeacon, withOrigin } from "../../../../ceremony/beacon/beacon-report.ts";
import type { BeaconOrigin } from "../../../../ceremony/beacon/origin.ts";
import { newFindings } from "../../../../ceremony/findings.ts";

const value = new Uint8Array(32).fill(7);
const block = (byte: string): BeaconOrigin => ({
  source: "block",
  chainId: 1n,
  number: 5,
  hash: `0x${byte.repeat(32)}`,
});

describe("the key of a beacon", () => {
  it("is computed up to the exponent that the reader allows", async () => {
    const allowed = await findBeacon({ value, exponent: 3 }, () => true, { maxBeaconExponent: 3 });
    expect(allowed).toMatchObject({ isKey: true, report: { ok: true, iterations: 8 } });
    const other = await findBeacon({ value, exponent: 3 }, () => false, { maxBeaconExponent: 3 });
    expect(other).toMatchObject({ isKey: false, report: { ok: false } });
    const refused = await findBeacon({ value, exponent: 4 }, () => true, { maxBeaconExponent: 3 });
    expect(refused.isKey).toBeUndefined();
    expect(refused.report).toMatchObject({
      ok: undefined,
      detail: "not computed: its 2^4 hashes are more than the 2^3 allowed",
    });
  });
});

describe("the origin of a beacon's value", () => {
  it("has to be the one that the reader names", async () => {
    const { report } = await findBeacon({ value, exponent: 0 }, () => true, {});
    const [right, wrong, unnamed] = [newFindings(), newFindings(), newFindings()];
    expect(withOrigin(report, { origin: block("07") }, right)).toMatchObject({ ok: true, source: "block" });
    expect(right).toMatchObject({ checked: ["the origin of the beacon's value"], problems: [] });
    expect(withOrigin(report, { origin: block("08") }, wrong)).toMatchObject({ ok: false, source: "block" });
    expect(wrong.problems).toEqual([expect.stringMatching(/^beacon: block 5 of chain 1: expected its hash/)]);
    expect(withOrigin(report, {}, unnamed)).toBe(report);
    expect(unnamed).toMatchObject({ checked: [], notChecked: [expect.stringMatching(/no public source/)] });
  });

  it("is a problem if there is no beacon", () => {
    const findings = newFindings();
    expect(withOrigin(undefined, { origin: block("07") }, findings)).toBeUndefined();
    expect(findings.problems).toEqual(["beacon: expected one from block, actual none"]);
    expect(withOrigin(undefined, {}, newFindings())).toBeUndefined();
  });
});
