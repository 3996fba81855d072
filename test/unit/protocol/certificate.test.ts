/** Certificates of a committee: digests, leaves, trees and range proofs (R27), against the text of the rule. */
import { concat, keccak256, solidityPacked, toBeHex, TypedDataEncoder, ZeroHash } from "ethers";
import { describe, expect, it } from "vitest";
import {
  certificateDigest,
  CertificateTree,
  consentDigest,
  domainOf,
  groupLeaf,
  groupWords,
  groupsOfWords,
  itemWord,
  rootOfRange,
  type Certificate,
  type CertifiedGroup,
} from "../../../protocol/certificate.ts";
import { toHex, type Hex } from "../../../protocol/hash.ts";

const committee: Hex = "0x00000000000000000000000000000000000000c1";
const domain = domainOf(31337, committee);
const typedDomain = { name: "WhitePay", version: "2", chainId: 31337, verifyingContract: committee };

const fields = (text: string): { type: string; name: string }[] =>
  text.split(",").map((field) => {
    const [type, name] = field.split(" ") as [string, string];
    return { type, name };
  });

function groupAt(number: number, providers = 1): CertifiedGroup {
  const items = Array.from({ length: providers }, (_, i) => ({
    provider: 2 * i,
    spaceTime: BigInt(number) << BigInt(20 + i),
  }));
  return { number, group: toBeHex(0xabc000 + number, 20) as Hex, items };
}

const scope = (count: number): CertifiedGroup[] =>
  Array.from({ length: count }, (_, i) => groupAt(3 * i + 1, (i % 4) + 1));

describe("what a committee signs (R27)", () => {
  const certificate: Certificate = {
    ts: 1_000,
    te: 1_040,
    version: 3,
    leader: 2,
    failed: 0b1000n,
    payees: 0b0111n,
    count: 2,
    groups: `0x${"5a".repeat(32)}`,
  };

  it("has the EIP-712 digest of the committee's domain", () => {
    const types = {
      Certificate: fields(
        "uint64 ts,uint64 te,uint64 version,uint8 leader,uint256 failed,uint256 payees,uint32 count,bytes32 groups",
      ),
    };
    expect(certificateDigest(domain, certificate)).toBe(
      TypedDataEncoder.hash(typedDomain, types, certificate),
    );
  });

  it("is the same for consents (R37)", () => {
    const types = { MemberConsent: fields("bytes32 configuration,uint64 version,uint64 deadline") };
    const configuration: Hex = `0x${"17".repeat(32)}`;
    expect(consentDigest(domain, configuration, 4, 777)).toBe(
      TypedDataEncoder.hash(typedDomain, types, { configuration, version: 4, deadline: 777 }),
    );
  });
});

describe("a group's leaf (R27)", () => {
  it("is the packed head and items, hashed twice", () => {
    const group = groupAt(7, 3);
    const head = solidityPacked(["uint48", "uint16", "uint32", "address"], [0, 3, 7, group.group]);
    const items = group.items.map(({ provider, spaceTime }) =>
      solidityPacked(["uint96", "uint32", "uint128"], [0, provider, spaceTime]),
    );
    expect(toHex(groupLeaf(group))).toBe(keccak256(keccak256(concat([head, ...items]))));
  });

  it("takes fields up to their full width, and refuses wider ones", () => {
    const most = { provider: 2 ** 32 - 1, spaceTime: (1n << 128n) - 1n };
    expect(itemWord(most)).toBe((1n << 160n) - 1n);
    expect(() => itemWord({ ...most, provider: 2 ** 32 })).toThrow("provider: expected 32 bits, actual");
    expect(() => itemWord({ ...most, spaceTime: 1n << 128n })).toThrow("space-time: expected 128 bits");
    expect(() => groupWords({ ...groupAt(1), number: 2 ** 32 })).toThrow("group number: expected 32 bits");
    expect(() => groupWords({ ...groupAt(1), number: -1 })).toThrow("actual -1");
  });

  it("lists providers strictly ascending, at most 256", () => {
    const item = (provider: number): CertifiedGroup["items"][number] => ({ provider, spaceTime: 1n });
    expect(() => groupWords({ ...groupAt(1), items: [item(3), item(3)] })).toThrow(
      "expected a provider above 3, actual 3",
    );
    const many = Array.from({ length: 257 }, (_, i) => item(i));
    expect(() => groupWords({ ...groupAt(1), items: many })).toThrow("expected at most 256, actual 257");
    expect(groupWords({ ...groupAt(1), items: many.slice(1) })).toHaveLength(257);
  });
});

describe("groups behind each other", () => {
  it("are read back from their words", () => {
    const groups = [groupAt(1, 0), groupAt(7, 3), groupAt(2 ** 32 - 1, 4)];
    expect(groupsOfWords(groups.flatMap(groupWords))).toEqual(groups);
    expect(groupsOfWords([])).toEqual([]);
  });

  it("are refused if words are missing, or have bits beyond their fields", () => {
    const words = groupWords(groupAt(7, 3));
    const [head, ...items] = words as [bigint, ...bigint[]];
    expect(() => groupsOfWords(words.slice(0, -1))).toThrow("expected at least 4, actual 3");
    expect(() => groupsOfWords([...words, 257n << 192n])).toThrow("expected at most 256, actual 257");
    expect(() => groupsOfWords([head | (1n << 208n), ...items])).toThrow("expected at most 256");
    expect(() => groupsOfWords([head, ...items.with(1, 1n << 160n)])).toThrow("item: expected 160 bits");
  });
});

/** The root by the rule's text, level by level. */
function naiveRoot(groups: readonly CertifiedGroup[]): string {
  let level = groups.map((group) => {
    const words = groupWords(group).map((value) => toBeHex(value, 32));
    return keccak256(keccak256(concat(words)));
  });
  while (level.length > 1) {
    const above: string[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const pair = level.slice(i, i + 2);
      above.push(pair.length === 1 ? (pair[0] as string) : keccak256(concat(pair)));
    }
    level = above;
  }
  return level[0] ?? ZeroHash;
}

describe("the tree over a certificate's groups (R27)", () => {
  it.each([0, 1, 2, 3, 4, 5, 7, 8, 13])("has the root of the rule for %i groups", (count) => {
    const tree = new CertificateTree(scope(count));
    expect([tree.count, tree.root]).toEqual([count, naiveRoot(scope(count))]);
  });

  it("refuses groups out of the order of their numbers", () => {
    expect(() => new CertificateTree([groupAt(2), groupAt(1)])).toThrow(
      "groups: expected a number above 2, actual 1",
    );
    expect(() => new CertificateTree([groupAt(2), groupAt(2)])).toThrow("actual 2");
  });

  it("proves every range, with siblings at the two edges only", () => {
    for (let count = 1; count <= 17; count += 1) {
      const groups = scope(count);
      const tree = new CertificateTree(groups);
      for (let first = 0; first < count; first += 1) {
        for (let length = 1; first + length <= count; length += 1) {
          const proof = tree.rangeProof(first, length);
          expect(proof.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(count)));
          expect(rootOfRange(groups.slice(first, first + length), first, count, proof)).toBe(tree.root);
        }
      }
      expect(tree.rangeProof(0, count)).toEqual([]);
      expect(tree.rangeProof(0, 0)).toEqual([]);
    }
  });

  it("needs log2 siblings for one group of 512", () => {
    expect(new CertificateTree(scope(512)).rangeProof(200, 1)).toHaveLength(9);
  });

  it("refuses missing and superfluous siblings, and ranges outside the tree", () => {
    const groups = scope(5);
    const proof = new CertificateTree(groups).rangeProof(1, 2);
    const run = groups.slice(1, 3);
    expect(() => rootOfRange(run, 1, 5, proof.slice(1))).toThrow("range proof: expected at least");
    expect(() => rootOfRange(run, 1, 5, [...proof, `0x${"00".repeat(32)}`])).toThrow(
      "range proof: expected 3 siblings, actual 4",
    );
    expect(() => rootOfRange(run, 4, 5, proof)).toThrow("groups: expected 1 to 5 from 4 on, actual 2");
    expect(() => rootOfRange([], 0, 5, proof)).toThrow("actual 0");
    expect(() => new CertificateTree(groups).rangeProof(4, 2)).toThrow("expected at most 5, actual 4 + 2");
  });

  it("leads elsewhere for another group, item or position", () => {
    const groups = scope(6);
    const { root } = new CertificateTree(groups);
    const proof = new CertificateTree(groups).rangeProof(2, 2);
    const [a, b] = groups.slice(2, 4) as [CertifiedGroup, CertifiedGroup];
    const more = { ...a, items: a.items.map((item) => ({ ...item, spaceTime: item.spaceTime + 1n })) };
    for (const [run, first] of [
      [[b, a], 2],
      [[more, b], 2],
      [[{ ...a, number: a.number + 1 }, b], 2],
      [[a, b], 0],
    ] as const) {
      let actual: string;
      try {
        actual = rootOfRange(run, first, 6, proof);
      } catch (error) {
        actual = String(error);
      }
      expect(actual).not.toBe(root);
    }
  });
});

describe("a committee's domain", () => {
  it("has version 2, so that no signature of the first edition is valid in it", () => {
    expect(domain).toBe(TypedDataEncoder.hashDomain(typedDomain));
    expect(domain).not.toBe(TypedDataEncoder.hashDomain({ ...typedDomain, version: "1" }));
  });
});
