/** Range proofs of a certificate's groups on chain (R27, R29). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  CertificateTree,
  groupWords,
  type Certificate,
  type CertifiedGroup,
} from "../../protocol/certificate.ts";
import type { Refusal } from "../support/contracts/chain.ts";
import { certified, type Committee, type Sending } from "../support/contracts/committee-contract.ts";
import { CommitteeWorld } from "../support/contracts/committee-world.ts";

const most = 9;
let world: CommitteeWorld;
let committee: Committee;
let scope: CertifiedGroup[];
/** By number of groups: a remembered certificate of so many. */
const remembered = new Map<number, { c: Certificate; groups: CertifiedGroup[] }>();

beforeAll(async () => {
  world = await CommitteeWorld.open();
  committee = await world.committee(await world.keepers(4));
  // One provider more in each group, so that leaves have many lengths.
  scope = certified(await committee.enterStandIns(most)).map((group, i) => ({
    ...group,
    items: Array.from({ length: i }, (_, k) => ({ provider: 3 * k, spaceTime: BigInt(k * i) << 60n })),
  }));
  for (let count = 1; count <= most; count += 1) {
    const groups = scope.slice(0, count);
    const c = await committee.certificate(groups);
    await committee.certify(c, groups, { length: 0 });
    remembered.set(count, { c, groups });
  }
});
afterAll(() => world.chain.close());

/** Settles a run of the groups of the certificate over `count`, without keeping what it did. */
async function settle(
  count: number,
  sending: Sending,
  change: readonly CertifiedGroup[] = [],
): Promise<void> {
  const { c, groups } = remembered.get(count) as { c: Certificate; groups: CertifiedGroup[] };
  const args = committee.handedIn(groups, sending);
  const { first = 0 } = sending;
  const named =
    change.length > 0
      ? committee.handedIn([...groups.slice(0, first), ...change], { first, proof: [] })[1]
      : args[1];
  await committee.contract
    .getFunction("settle")
    .staticCall(c, args[0], named, args[2], { gasLimit: 16_000_000 });
}

const failing = (...args: Parameters<typeof settle>): Promise<Refusal> => world.failing(settle(...args));

describe("a range proof", () => {
  it("is accepted for every run of every certificate of up to 9 groups", async () => {
    let runs = 0;
    for (let count = 1; count <= most; count += 1) {
      for (let first = 0; first < count; first += 1) {
        for (let length = 1; first + length <= count; length += 1, runs += 1) {
          await settle(count, { first, length });
        }
      }
    }
    expect(runs).toBe(165);
  });

  it("is of one position: the same groups do not pass at another", async () => {
    const { groups } = remembered.get(8) as { groups: CertifiedGroup[] };
    const proof = new CertificateTree(groups).rangeProof(2, 2);
    const moved = [...groups.slice(0, 4), ...groups.slice(2, 4)];
    const args = committee.handedIn(moved, { first: 4, length: 2, proof });
    const { c } = remembered.get(8) as { c: Certificate };
    const call = committee.contract.getFunction("settle").staticCall(c, ...args, { gasLimit: 16_000_000 });
    expect((await world.failing(call)).error).toBe("Committee_BadGroupProof");
  });

  it("has exactly the siblings of its two edges", async () => {
    const { groups } = remembered.get(7) as { groups: CertifiedGroup[] };
    const proof = new CertificateTree(groups).rangeProof(1, 2);
    expect(proof).toHaveLength(3);
    const withProof = (changed: readonly string[]): Promise<Refusal> =>
      failing(7, { first: 1, length: 2, proof: changed });
    expect(await withProof(proof.slice(0, 2))).toEqual({ error: "Committee_BadProofLength", args: [3n, 2n] });
    expect(await withProof([...proof, proof[0] as string])).toEqual({
      error: "Committee_BadProofLength",
      args: [3n, 4n],
    });
    expect((await withProof([...proof].reverse())).error).toBe("Committee_BadGroupProof");
    expect(await failing(7, { first: 1, length: 0, proof: proof.slice(0, 1) })).toEqual({
      error: "Committee_BadProofLength",
      args: [0n, 1n],
    });
  });

  it("ends within the certificate", async () => {
    const { c } = remembered.get(4) as { c: Certificate };
    const args = committee.handedIn(scope, { first: 3, length: 2, proof: [] });
    const call = committee.contract.getFunction("settle").staticCall(c, ...args, { gasLimit: 16_000_000 });
    expect(await world.failing(call)).toEqual({ error: "Committee_GroupsOutOfRange", args: [4n, 5n] });
  });

  it("binds number, address, order and items of every group", async () => {
    const [a, b] = scope.slice(4, 6) as [CertifiedGroup, CertifiedGroup];
    const item = { provider: 0, spaceTime: 1n };
    const changes: CertifiedGroup[][] = [
      [b, a],
      [{ ...a, number: 77 }, b],
      [{ ...a, group: b.group }, b],
      [{ ...a, items: a.items.slice(1) }, b],
      [{ ...a, items: [] }, b],
      [{ ...a, items: [item, ...a.items.slice(1)] }, b],
    ];
    for (const change of changes) {
      expect((await failing(8, { first: 4, length: 2 }, change)).error).toBe("Committee_BadGroupProof");
    }
    await settle(8, { first: 4, length: 2 }, [a, b]);
  });

  it("is not read from the inside of a leaf: at most 256 items", async () => {
    const { c, groups } = remembered.get(1) as { c: Certificate; groups: CertifiedGroup[] };
    const [only] = groups as [CertifiedGroup];
    const [head] = groupWords({ ...only, items: [] }) as [bigint];
    const long = [head | (257n << 192n), ...Array.from({ length: 257 }, (_, i) => BigInt(i) << 128n)];
    const call = committee.contract
      .getFunction("settle")
      .staticCall(c, 0, long, [], { gasLimit: 16_000_000 });
    expect(await world.failing(call)).toEqual({ error: "Committee_BadGroupItems", args: [256n, 257n] });
  });

  it("is over words that end with a group's last item: none is missing, none is left over", async () => {
    const { c, groups } = remembered.get(3) as { c: Certificate; groups: CertifiedGroup[] };
    const words = groups.flatMap(groupWords);
    const settleWords = (changed: readonly bigint[]): Promise<unknown> =>
      committee.contract.getFunction("settle").staticCall(c, 0, changed, [], { gasLimit: 16_000_000 });
    // Groups of 0, 1 and 2 items.
    expect(words).toHaveLength(6);
    await settleWords(words);
    expect(await world.failing(settleWords(words.slice(0, -1)))).toEqual({
      error: "Committee_GroupCutOff",
      args: [6n, 5n],
    });
    // What is left over is a group of its own.
    expect(await world.failing(settleWords([...words, 1n]))).toEqual({
      error: "Committee_GroupsOutOfRange",
      args: [3n, 4n],
    });
    // Bits above the head's fields are no part of a number of items.
    const [head, ...rest] = words as [bigint, ...bigint[]];
    const wide = head | (1n << 208n);
    expect(await world.failing(settleWords([wide, ...rest]))).toEqual({
      error: "Committee_BadGroupItems",
      args: [256n, 1n << 16n],
    });
  });
});
