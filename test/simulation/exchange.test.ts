/** R24 with a keeper that serves records only where it suits it: the others still sign the same (L1, L3). */
import { describe, expect, it } from "vitest";
import { decodeRecordsReply, encodeRecordsReply } from "../../protocol/codec/question.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import type { Hex } from "../../protocol/hash.ts";
import { leaderOf, turnOrder } from "../../protocol/turns.ts";
import type { RequestHandler } from "../../keeper/ports/transport.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { operatorOf } from "../../sim/signatures/cheap-signatures.ts";
import { override } from "../../sim/byzantine/override.ts";
import type { Behaviour } from "../../sim/byzantine/behaviours.ts";
import { membersOf, settledOf, tsOf } from "../support/first-group.ts";

const liar = 2;

/** Rewrites the replies to questions for records or for pages; `to` is the keeper that asked. */
function answering(
  lie: (to: Hex, truth: Uint8Array) => Uint8Array | undefined,
  about: "records" | "page" = "records",
): Behaviour {
  return (ports) => {
    const { transport } = ports;
    const lying = (handler: RequestHandler): RequestHandler => {
      return async (bytes, from) => {
        const truth = await handler(bytes, from);
        return truth === undefined ? undefined : lie(from, truth);
      };
    };
    return {
      ...ports,
      transport: override(transport, {
        serve: (question, handler) =>
          transport.serve(question, question === about ? lying(handler) : handler),
      }),
    };
  };
}

/** The same leaves under the same root, with receipts that are not theirs. */
function withoutReceipts(truth: Uint8Array): Uint8Array {
  const decoded = decodeRecordsReply(truth);
  if (!decoded.ok) throw new Error(decoded.detail);
  return encodeRecordsReply(decoded.value.map((leaf) => ({ ...leaf, receipt: new Uint8Array([1]) })));
}

function leaderNow(c: Cluster): Hex {
  const ts = tsOf(c);
  const { operators, seed } = membersOf(c);
  return operatorOf(leaderOf(turnOrder(ts, seed, operators), 1));
}

async function disputed(lie: (c: Cluster) => Behaviour, blocks: number): Promise<Cluster> {
  const c = new Cluster({ ...defaultOptions, seed: 9 });
  // Provider 1 proves different bytes to each keeper, so no two values are within tolerance.
  c.proves = (provider, keeper) => (provider === 1 ? 4 + 3 * keeper : 16);
  c.decorate = (ports, keeper) => (keeper === liar ? lie(c)(ports) : ports);
  for (let i = 0; i < c.options.committee; i++) c.start(i);
  await c.run(blocks);
  return c;
}

describe("a Byzantine keeper in an exchange of records", () => {
  const lies: readonly [string, (c: Cluster) => Behaviour][] = [
    ["serves the leader alone", (c) => answering((to, truth) => (to === leaderNow(c) ? truth : undefined))],
    [
      "serves the leader, and the others with receipts that are not theirs",
      (c) => answering((to, truth) => (to === leaderNow(c) ? truth : withoutReceipts(truth))),
    ],
    [
      "serves the others, and the leader with receipts that are not theirs",
      (c) => answering((to, truth) => (to === leaderNow(c) ? withoutReceipts(truth) : truth)),
    ],
    [
      "sends one leaf at a time",
      () =>
        answering((_, truth) => {
          const decoded = decodeRecordsReply(truth);
          return decoded.ok ? encodeRecordsReply(decoded.value.slice(0, 1)) : undefined;
        }),
    ],
  ];
  for (const [name, lie] of lies) {
    it(`costs no turn if it ${name}`, async () => {
      const c = await disputed(lie, 420);
      const { interval, turn } = c.options.params;
      const others = settledOf(c).filter(({ settlement: s }) => s.leader !== liar);
      expect(others.length).toBeGreaterThan(2);
      for (const { settlement: s, signers } of others) {
        // A turn after the first is due only where the liar itself led the one before.
        const lost = (s.te - s.ts - interval) / turn;
        expect(bitIndices(s.failed)).toEqual(lost === 0 ? [] : [liar]);
        expect(bitIndices(signers)).toEqual(expect.arrayContaining([0, 1, 3]));
      }
      expect(c.reasons.filter(({ code }) => code === "digest-mismatch")).toEqual([]);
    });
  }
});

describe("an exchange (R24)", () => {
  it("pins every keeper of the bundle that serves records, not only a quorum", async () => {
    const c = await disputed(() => answering((_, truth) => truth), 420);
    const pinned = c.network.heard.flatMap(({ message: { body } }) =>
      body.kind === "proposal" ? body.pinned.map(({ keepers }) => keepers) : [],
    );
    expect(pinned.length).toBeGreaterThan(2);
    for (const keepers of pinned) expect(keepers).toEqual([0, 1, 2, 3]);
  });

  it("continues with pages of other holders if the leader serves only one keeper", async () => {
    const c = await disputed(
      (cluster) =>
        answering((to, truth) => {
          const leads = leaderNow(cluster) === operatorOf(liar);
          return leads && to !== operatorOf(0) ? undefined : truth;
        }, "page"),
      420,
    );
    const led = settledOf(c).filter(({ settlement: s }) => s.leader === liar);
    expect(led.length).toBeGreaterThan(0);
    for (const { settlement: s } of led) expect(s.failed).toBe(0n);
  });
});
