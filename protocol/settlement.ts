/** The settlement of one interval and its EIP-712 digest, which the committee signs (R27). */
import { keccakText, keccakWords } from "./hash.ts";
import type { Hex } from "./hash.ts";
import { typedDigest } from "./certificate.ts";

export type Item = {
  readonly provider: number;
  /** byte·blocks */
  readonly spaceTime: bigint;
};

export type Settlement = {
  readonly ts: number;
  readonly te: number;
  /** The committee's version. */
  readonly committee: number;
  readonly leader: number;
  /** Bitmap of keeper indices. */
  readonly failed: bigint;
  /** Bitmap of keeper indices. */
  readonly payees: bigint;
  /** Strictly ascending by provider. */
  readonly items: readonly Item[];
};

const domainType = keccakText(
  "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
);
const nameHash = keccakText("WhitePay");
const versionHash = keccakText("1");
const settlementType = keccakText(
  "Settlement(uint64 ts,uint64 te,uint64 committee,uint8 leader,uint256 failed,uint256 payees,bytes32 items)",
);

/** Cache of one entry: every message needs the separator, and it rarely changes. */
let last: { readonly chainId: number; readonly group: Hex; readonly domain: Hex } | undefined;

/** EIP-712 domain of one group, so a signature is invalid on another chain and in another group. */
export function domainSeparator(chainId: number, group: Hex): Hex {
  if (last?.chainId === chainId && last.group === group) return last.domain;
  const domain = keccakWords(domainType, nameHash, versionHash, chainId, group);
  last = { chainId, group, domain };
  return domain;
}

export { typedDigest };

/** keccak256(abi.encode(Item[])): offset, length, then two words for each item. */
export function itemsHash(items: readonly Item[]): Hex {
  const words = items.flatMap(({ provider, spaceTime }) => [provider, spaceTime]);
  return keccakWords(0x20, items.length, ...words);
}

/** R27: the digest that the committee's BLS keys sign. */
export function settlementDigest(domain: Hex, s: Settlement): Hex {
  const struct = keccakWords(
    settlementType,
    s.ts,
    s.te,
    s.committee,
    s.leader,
    s.failed,
    s.payees,
    itemsHash(s.items),
  );
  return typedDigest(domain, struct);
}
