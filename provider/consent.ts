/** R33: the provider's EIP-712 signature over the data that a payer may commit for it. */
import { Wallet } from "ethers";
import { toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { chainViewOf } from "./chain-ethers.ts";
import type { EthersChainView } from "./chain-ethers.ts";
import { operatorOf } from "./config.ts";
import type { ProviderConfig, ProviderKeys } from "./config.ts";
import { openStore } from "./ingest.ts";

/** What a provider agrees to. */
export type DataTerms = {
  readonly group: Hex;
  /** The committee that serves the block in which the data take effect; zero without one. */
  readonly committee: Hex;
  readonly listRoot: Hex;
  readonly bytes: bigint;
  /** Token units per 2^64 byte·blocks; 0: for nothing. */
  readonly price: bigint;
  readonly receiptKey: Hex;
  /** One more than the last that the operator used in the group. */
  readonly sequence: number;
  /** Last block in which the consent may be used. */
  readonly deadline: number;
};

export type DataConsent = DataTerms & {
  readonly operator: Hex;
  /** 65 bytes, by the operator key. */
  readonly signature: Hex;
};

/** No data is stored for the group, so there is nothing to sign. The message says what to do. */
class NoDataError extends Error {
  override readonly name = "NoDataError";
}

/** Blocks in which a payer may use a consent, unless said otherwise: a day of blocks of 12 s. */
const consentBlocks = 7_200;

const types = {
  ProviderData: [
    { name: "committee", type: "address" },
    { name: "root", type: "bytes32" },
    { name: "size", type: "uint64" },
    { name: "price", type: "uint80" },
    { name: "receiptKey", type: "address" },
    { name: "sequence", type: "uint64" },
    { name: "deadline", type: "uint64" },
  ],
};

/** @param operator a contract that accepts the operator key's signatures (ERC-1271); default: the key's address */
export async function signConsent(
  keys: ProviderKeys,
  chainId: number,
  terms: DataTerms,
  operator = keys.operatorAddress,
): Promise<DataConsent> {
  const { group, committee, listRoot, bytes, price, receiptKey, sequence, deadline } = terms;
  const domain = { name: "WhitePay", version: "2", chainId, verifyingContract: group };
  const value = { committee, root: listRoot, size: bytes, price, receiptKey, sequence, deadline };
  const signature = await new Wallet(toHex(keys.operator)).signTypedData(domain, types, value);
  return { ...terms, operator, signature: signature as Hex };
}

export type ConsentWishes = {
  readonly price: bigint;
  /** Default: the committee that the group's contract names. */
  readonly committee?: Hex;
  /** Default: the number that the group's contract expects next. */
  readonly sequence?: number;
  /** Default: `consentBlocks` after the head. */
  readonly deadline?: number;
};

/**
 * Signs the list of this group only, never another payer's data. A group without a list gets the pieces that are in no group yet. With
 * committee and sequence the group's contract need not exist yet.
 */
export async function consentFor(
  config: ProviderConfig,
  keys: ProviderKeys,
  group: Hex,
  wishes: ConsentWishes,
): Promise<DataConsent> {
  // The chain is read before a list is assigned: an address without a contract must not get one.
  const basis = await consentBasis(config, keys, group, wishes);
  const list = await (await openStore(config)).claimList(group);
  if (list === undefined) {
    throw new NoDataError(
      `nothing is stored for group ${group}: whitepay provider ingest --group ${group} FILES`,
    );
  }
  const terms = {
    group,
    ...basis,
    listRoot: toHex(list.root),
    bytes: list.totalBytes,
    price: wishes.price,
    receiptKey: keys.receiptAddress,
  };
  return signConsent(keys, config.chain.id, terms, operatorOf(config, keys));
}

async function consentBasis(
  config: ProviderConfig,
  keys: ProviderKeys,
  group: Hex,
  wishes: ConsentWishes,
): Promise<Pick<DataTerms, "committee" | "sequence" | "deadline">> {
  const chain: EthersChainView = chainViewOf(config, operatorOf(config, keys));
  try {
    const [committee, sequence, deadline] = await Promise.all([
      wishes.committee ?? chain.committeeOfConsent(group),
      wishes.sequence ?? chain.nextConsentSequence(group),
      wishes.deadline ?? chain.head().then((head) => head + consentBlocks),
    ]);
    return { committee, sequence, deadline };
  } finally {
    chain.close();
  }
}
