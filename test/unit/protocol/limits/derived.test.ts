/** Limits at every committee size: honest keepers stay below them, and all faulty keepers together stay within their share (L4). */
import { describe, expect, it } from "vitest";
import { maxBytesOf } from "../../../../protocol/codec/message.ts";
import { faultBound, isCommitteeSize, maxCommitteeSize } from "../../../../protocol/quorum.ts";
import {
  authorBytes,
  authorRate,
  challengeQueue,
  challengeRate,
  cost_ms,
  cpuShare,
  gossipBytes,
  gossipFrame,
  liarsAmong,
  longestMessageBytes,
  maxKeeperNames,
  providerConnections,
  questionRate,
  refusedRate,
  requestRate,
  wrongSeedRate,
  scaleOf,
} from "../../../../protocol/limits/derived.ts";
import type { Scale } from "../../../../protocol/limits/derived.ts";
import { memberOf } from "../../../../sim/signatures/cheap-signatures.ts";
import { committeeAt, groupOf, providerEntry } from "../../../support/machine.ts";

const sizes = Array.from({ length: maxCommitteeSize + 1 }, (_, n) => n).filter(isCommitteeSize);
const scales: Scale[] = sizes.flatMap((n) =>
  [1, 3, 40].map((committees) => ({ committees, n, keepers: n, groups: 100, providers: 3_000 })),
);

describe.each(scales)("limits of $committees committees with $n keepers", (scale) => {
  const { committees, n, keepers } = scale;

  it("allow an honest leader all messages of its turn in every committee at once", () => {
    // Announcement, commit, reveal, bundle, proposal, partial, two hellos; and the closed set with a signature for each commit.
    const signatures = committees * (8 + 1 + n);
    const { announce, close, bundle, proposal, hello, commit, reveal, partial } = maxBytesOf;
    const bytes = committees * (announce + close + bundle + proposal + 2 * hello + commit + reveal + partial);
    expect(authorRate(scale).burst).toBeGreaterThanOrEqual(signatures);
    expect(authorBytes(scale).burst).toBeGreaterThanOrEqual(bytes);
  });

  it("allow an honest keeper to forward all messages of a turn, and those of all faulty keepers", () => {
    const { announce, close, bundle, proposal, hello, commit, reveal, partial } = maxBytesOf;
    const turn = announce + close + bundle + proposal + n * (hello + commit + reveal + partial);
    const flood = faultBound(n) * authorBytes(scale).burst;
    expect(gossipBytes(scale).burst).toBeGreaterThanOrEqual(committees * turn + flood);
    const sustained = liarsAmong(keepers) * authorBytes(scale).perSecond;
    expect(sustained).toBeLessThanOrEqual(gossipBytes(scale).perSecond / 2 + 1e-6);
  });

  it("limit all faulty keepers together to their share of a core, for each kind of work", () => {
    const liars = faultBound(n);
    const share = (perSecond: number, each_ms: number): number => (liars * perSecond * each_ms) / 1000;
    const mebibyte = 1024 * 1024;
    expect(share(authorRate(scale).perSecond, cost_ms.signature)).toBeLessThanOrEqual(cpuShare + 1e-9);
    expect(share(refusedRate(scale).perSecond, cost_ms.refused)).toBeLessThanOrEqual(cpuShare + 1e-9);
    expect(share(gossipBytes(scale).perSecond / mebibyte, cost_ms.megabyte)).toBeLessThanOrEqual(
      cpuShare + 1e-9,
    );
    for (const question of ["pull", "records", "page", "pieces"] as const) {
      expect(share(questionRate(question, scale).perSecond, cost_ms.reply)).toBeLessThanOrEqual(
        cpuShare + 1e-9,
      );
    }
  });

  it("have room for every possible member, and allow every keeper one challenge per provider and slot", () => {
    expect(maxKeeperNames(committees)).toBeGreaterThanOrEqual(keepers);
    const groups = committees;
    const provider = { committees, groups, keepers };
    // Each keeper: a message for each committee, and each group in one of them.
    expect(challengeQueue(provider).perPeer).toBeGreaterThanOrEqual(groups);
    expect(challengeQueue(provider).total).toBeGreaterThanOrEqual(keepers * groups);
    expect(challengeRate(provider).burst).toBeGreaterThanOrEqual(2 * groups);
    expect(wrongSeedRate(provider).burst).toBeGreaterThanOrEqual(groups);
    expect(requestRate(groups).burst).toBeGreaterThanOrEqual(groups);
    expect(providerConnections.perPeer).toBeGreaterThanOrEqual(2);
    expect(gossipFrame(committees).bytes).toBeGreaterThan(longestMessageBytes);
  });
});

describe("the scale of a keeper", () => {
  it("counts committees, the largest, each keeper once over all of them, and the providers of all groups of one", () => {
    const members = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => memberOf(from + i));
    const small = committeeAt(10);
    const version = { version: 1, seed: "0x", members: members(2, 7), resigned: [] } as const;
    const groups = [1, 2, 3].map((number) => groupOf(number, [providerEntry(0)]));
    const large = committeeAt(10, { version, groups });
    expect(scaleOf([small, large])).toEqual({ committees: 2, n: 7, keepers: 9, groups: 3, providers: 3 });
    expect(scaleOf([])).toEqual({ committees: 1, n: 4, keepers: 4, groups: 1, providers: 1 });
  });
});
