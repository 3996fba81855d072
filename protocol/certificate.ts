/** The certificate of one interval of a committee: what its members sign, and the tree over its groups (R27, R29). */
import {
  fromHex,
  keccak256,
  keccakTagged,
  keccakText,
  keccakWords,
  toHex,
  word,
  wordBytes,
  zeroHash,
} from "./hash.ts";
import type { Hex } from "./hash.ts";

/** A provider with a committed slot in the group's interval; zeros are listed, too. */
export type CertifiedItem = {
  readonly provider: number;
  /** byte·blocks */
  readonly spaceTime: bigint;
};

export type CertifiedGroup = {
  /** The group's number in this committee. */
  readonly number: number;
  readonly group: Hex;
  /** Strictly ascending by provider. */
  readonly items: readonly CertifiedItem[];
};

export type Certificate = {
  readonly ts: number;
  readonly te: number;
  /** Version of the members that sign. */
  readonly version: number;
  readonly leader: number;
  /** Bitmap of members. */
  readonly failed: bigint;
  /** Bitmap of members. */
  readonly payees: bigint;
  /** Groups in scope. */
  readonly count: number;
  /** Root over them in the order of their numbers; zero if there is none. */
  readonly groups: Hex;
};

/** Most providers of a group (R33). */
export const maxGroupItems = 256;

export const domainType = keccakText(
  "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
);
const nameHash = keccakText("WhitePay");
const versionHash = keccakText("2");
const certificateType = keccakText(
  "Certificate(uint64 ts,uint64 te,uint64 version,uint8 leader,uint256 failed,uint256 payees,uint32 count,bytes32 groups)",
);
const consentType = keccakText("MemberConsent(bytes32 configuration,uint64 version,uint64 deadline)");

const maxDomains = 64;

/** Domains by contract: every message needs the domain of its committee, and a keeper has few committees. */
const domains = new Map<Hex, { readonly chainId: number; readonly domain: Hex }>();

/** EIP-712 domain of a committee or a group. */
export function domainOf(chainId: number, contract: Hex): Hex {
  const known = domains.get(contract);
  if (known?.chainId === chainId) return known.domain;
  const domain = keccakWords(domainType, nameHash, versionHash, chainId, contract);
  if (domains.size >= maxDomains) domains.clear();
  domains.set(contract, { chainId, domain });
  return domain;
}

/** keccak256("\x19\x01" ‖ domain ‖ struct hash). */
export function typedDigest(domain: Hex, structHash: Hex): Hex {
  return keccakTagged([0x19, 0x01], [domain, structHash]);
}

/** R27: the digest that the committee's BLS keys sign. */
export function certificateDigest(domain: Hex, c: Certificate): Hex {
  return typedDigest(domain, certificateHash(c));
}

/** The 25 bytes of a certificate's struct hash that a committee remembers. */
export function rememberedHash(c: Certificate): Hex {
  return certificateHash(c).slice(0, 2 + 2 * 25) as Hex;
}

/** EIP-712 struct hash of a certificate, of which a committee remembers the upper 200 bits. */
export function certificateHash(c: Certificate): Hex {
  return keccakWords(certificateType, c.ts, c.te, c.version, c.leader, c.failed, c.payees, c.count, c.groups);
}

/** R37: the digest that an operator signs to be a member of a version. `configuration` is the committee's, for that version. */
export function consentDigest(domain: Hex, configuration: Hex, version: number, deadline: number): Hex {
  return typedDigest(domain, keccakWords(consentType, configuration, version, deadline));
}

function expectBelow(name: string, value: number | bigint, bits: number): void {
  if (value < 0 || BigInt(value) >> BigInt(bits) !== 0n) {
    throw new RangeError(`${name}: expected ${bits} bits, actual ${value}`);
  }
}

/** R27: provider(32) ‖ spaceTime(128). */
export function itemWord({ provider, spaceTime }: CertifiedItem): bigint {
  expectBelow("provider", provider, 32);
  expectBelow("space-time", spaceTime, 128);
  return (BigInt(provider) << 128n) | spaceTime;
}

/**
 * R27: the words of a group's leaf, the head items(16) ‖ number(32) ‖ group(160) first.
 * @throws RangeError if a field is too wide or the items are not strictly ascending
 */
export function groupWords({ number, group, items }: CertifiedGroup): bigint[] {
  expectBelow("group number", number, 32);
  if (items.length > maxGroupItems)
    throw new RangeError(`items of a group: expected at most ${maxGroupItems}, actual ${items.length}`);
  const unordered = items.findIndex(
    ({ provider }, i) => i > 0 && provider <= (items[i - 1] as CertifiedItem).provider,
  );
  if (unordered >= 0) {
    const { provider } = items[unordered - 1] as CertifiedItem;
    throw new RangeError(
      `items of a group: expected a provider above ${provider}, actual ${items[unordered]?.provider}`,
    );
  }
  const head = (BigInt(items.length) << 192n) | (BigInt(number) << 160n) | BigInt(group);
  return [head, ...items.map(itemWord)];
}

/**
 * Groups from their words behind each other, as `certify` and `settle` take them.
 * @throws RangeError if the words end inside a group, or have bits beyond the fields of a head or an item
 */
export function groupsOfWords(words: readonly bigint[]): CertifiedGroup[] {
  const groups: CertifiedGroup[] = [];
  for (let place = 0; place < words.length;) {
    const head = words[place] as bigint;
    const length = head >> 192n;
    if (length > BigInt(maxGroupItems))
      throw new RangeError(`items of a group: expected at most ${maxGroupItems}, actual ${length}`);
    const end = place + 1 + Number(length);
    if (end > words.length)
      throw new RangeError(`words of groups: expected at least ${end}, actual ${words.length}`);
    const items = words.slice(place + 1, end).map((item): CertifiedItem => {
      if (item >> 160n !== 0n) throw new RangeError(`item: expected 160 bits, actual ${item}`);
      return { provider: Number(item >> 128n), spaceTime: item & ((1n << 128n) - 1n) };
    });
    const group: Hex = `0x${(head & ((1n << 160n) - 1n)).toString(16).padStart(40, "0")}`;
    groups.push({ number: Number((head >> 160n) & 0xffffffffn), group, items });
    place = end;
  }
  return groups;
}

/** R27: keccak256(keccak256(words)): a leaf is hashed twice, a node once, so neither can be taken for the other. */
export function groupLeaf(group: CertifiedGroup): Uint8Array {
  const words = groupWords(group);
  const bytes = new Uint8Array(words.length * wordBytes);
  words.forEach((value, i) => bytes.set(word(value), i * wordBytes));
  return keccak256(keccak256(bytes));
}

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  const pair = new Uint8Array(2 * wordBytes);
  pair.set(left);
  pair.set(right, wordBytes);
  return keccak256(pair);
}

/** The tree over a certificate's groups, with all of its levels, the leaves first. */
export class CertificateTree {
  readonly #levels: readonly (readonly Uint8Array[])[];

  /** @param groups in scope, in the order of their numbers */
  constructor(groups: readonly CertifiedGroup[]) {
    groups.forEach(({ number }, i) => {
      const before = groups[i - 1];
      if (before !== undefined && number <= before.number)
        throw new RangeError(`groups: expected a number above ${before.number}, actual ${number}`);
    });
    const levels: Uint8Array[][] = [groups.map(groupLeaf)];
    for (let level = levels[0] as Uint8Array[]; level.length > 1;) {
      const above: Uint8Array[] = [];
      for (let i = 0; i < level.length; i += 2) {
        const [left, right] = [level[i] as Uint8Array, level[i + 1]];
        // A lone last node moves up.
        above.push(right === undefined ? left : nodeOf(left, right));
      }
      levels.push(above);
      level = above;
    }
    this.#levels = levels;
  }

  get count(): number {
    return this.#levels[0]?.length ?? 0;
  }

  /** Zero for an empty scope. */
  get root(): Hex {
    const top = this.#levels.at(-1)?.[0];
    return top === undefined ? zeroHash : toHex(top);
  }

  /**
   * Siblings that prove the groups [first, first + length), from the bottom up: on each level the one at the left edge, then the one
   * at the right edge. Empty for all groups, and for none.
   */
  rangeProof(first: number, length: number): Hex[] {
    if (first < 0 || length < 0 || first + length > this.count)
      throw new RangeError(`groups: expected at most ${this.count}, actual ${first} + ${length}`);
    if (length === 0) return [];
    const proof: Hex[] = [];
    let [from, to] = [first, first + length];
    for (const level of this.#levels.slice(0, -1)) {
      if (from % 2 === 1) proof.push(toHex(level[from - 1] as Uint8Array));
      if (to % 2 === 1 && to < level.length) proof.push(toHex(level[to] as Uint8Array));
      [from, to] = [Math.floor(from / 2), Math.ceil(to / 2)];
    }
    return proof;
  }
}

/**
 * The root that groups lead to, at the positions first, first + 1, … of a tree of `count` leaves.
 * @throws RangeError if the range lies outside the tree, or siblings are missing or left over
 */
export function rootOfRange(
  groups: readonly CertifiedGroup[],
  first: number,
  count: number,
  proof: readonly Hex[],
): Hex {
  if (groups.length === 0 || first < 0 || first + groups.length > count)
    throw new RangeError(`groups: expected 1 to ${count} from ${first} on, actual ${groups.length}`);
  let used = 0;
  const sibling = (): Uint8Array => {
    const next = proof[used++];
    if (next === undefined)
      throw new RangeError(`range proof: expected at least ${used} siblings, actual ${proof.length}`);
    return fromHex(next);
  };
  let nodes = groups.map(groupLeaf);
  for (let [from, width] = [first, count]; width > 1;) {
    const to = from + nodes.length;
    if (from % 2 === 1) nodes.unshift(sibling());
    if (to % 2 === 1 && to < width) nodes.push(sibling());
    const above: Uint8Array[] = [];
    for (let i = 0; i < nodes.length; i += 2) {
      const [left, right] = [nodes[i] as Uint8Array, nodes[i + 1]];
      above.push(right === undefined ? left : nodeOf(left, right));
    }
    nodes = above;
    [from, width] = [Math.floor(from / 2), Math.ceil(width / 2)];
  }
  if (used !== proof.length)
    throw new RangeError(`range proof: expected ${used} siblings, actual ${proof.length}`);
  return toHex(nodes[0] as Uint8Array);
}
