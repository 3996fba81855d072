/** R33: the data to which a provider consents, and their form as EIP-712 typed data. */

/** What a provider agrees to. Addresses and hashes are 0x-hex. */
export type DataTerms = {
  readonly group: string;
  /** The committee that serves the block in which the data take effect; zero without one. */
  readonly committee: string;
  readonly listRoot: string;
  readonly bytes: bigint;
  /** Token units per 2^64 byte·blocks; 0: for nothing. */
  readonly price: bigint;
  readonly receiptKey: string;
  /** One more than the last that the operator used in the group. */
  readonly sequence: number;
  /** Last block in which the consent may be used. */
  readonly deadline: number;
};

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

export type TypedConsent = {
  readonly domain: {
    readonly name: string;
    readonly version: string;
    readonly chainId: bigint;
    readonly verifyingContract: string;
  };
  readonly types: typeof types;
  readonly value: Readonly<Record<string, string | bigint | number>>;
};

/** The typed data that an operator signs, with the group as verifying contract. */
export function typedConsent(chainId: bigint, terms: DataTerms): TypedConsent {
  const { group, committee, listRoot, bytes, price, receiptKey, sequence, deadline } = terms;
  return {
    domain: { name: "WhitePay", version: "2", chainId, verifyingContract: group },
    types,
    value: { committee, root: listRoot, size: bytes, price, receiptKey, sequence, deadline },
  };
}
