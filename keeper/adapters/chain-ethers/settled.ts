/** Settlements with exact amounts, from the chain's events alone (R29, R30, R35). */
import { certificateDigest, domainOf } from "../../../protocol/certificate.ts";
import type { Certificate } from "../../../protocol/certificate.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { BookedItem, BookedSettlement, BookedTransaction } from "../../ports/ledger.ts";
import { committeeAbi, groupAbi } from "./abi.ts";

export type RawLog = {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
};

/** A service of a group, from its `Entered` event. */
export type Service = { readonly committee: Hex; readonly from: number };

export type CertifiedEvent = Certificate & { readonly signers: bigint };

/** What a group's `Settled` event says. */
export type Settled = {
  readonly version: number;
  readonly from: number;
  readonly through: number;
  /** Member that took the leader's share; undefined if the leader kept it (R25). */
  readonly sender: number | undefined;
  /** Bitmap of members without an ordinary share. */
  readonly unpaid: bigint;
  readonly divisor: bigint;
  readonly cut: bigint;
  readonly fee: bigint;
  readonly items: readonly BookedItem[];
};

const noSender = 255n;

/** Fields of a word, uppermost first, by their widths in bits. */
function fieldsOf(word: bigint, ...widths: number[]): bigint[] {
  let rest = word;
  const fields: bigint[] = [];
  for (const bits of widths.toReversed()) {
    fields.unshift(rest & ((1n << BigInt(bits)) - 1n));
    rest >>= BigInt(bits);
  }
  return fields;
}

/** Undefined for another event. */
export function settledOf({ topics, data }: RawLog): Settled | undefined {
  const parsed = groupAbi.parseLog({ topics: [...topics], data });
  if (parsed?.name !== "Settled") return undefined;
  const [interval, keepers, providers] = parsed.args as unknown as [bigint, bigint, Iterable<bigint>];
  const [version, from, through, sender, unpaid] = fieldsOf(interval, 32, 40, 40, 8, 124) as Fields;
  const [divisor, cut, fee] = fieldsOf(keepers, 8, 96, 96) as Fields;
  const items = [...providers].map((word) => {
    const [provider, spaceTime, amount] = fieldsOf(word, 32, 128, 96) as Fields;
    return { provider: Number(provider), spaceTime, amount };
  });
  return {
    version: Number(version),
    from: Number(from),
    through: Number(through),
    sender: sender === noSender ? undefined : Number(sender),
    unpaid,
    divisor,
    cut,
    fee,
    items,
  };
}

type Fields = [bigint, bigint, bigint, bigint, bigint];

/** Undefined for another event. */
export function certifiedOf({ topics, data }: RawLog): CertifiedEvent | undefined {
  const parsed = committeeAbi.parseLog({ topics: [...topics], data });
  if (parsed?.name !== "Certified") return undefined;
  const { args } = parsed;
  return {
    ts: Number(args["ts"]),
    te: Number(args["te"]),
    version: Number(args["version"]),
    leader: Number(args["leader"]),
    failed: args["failed"] as bigint,
    payees: args["payees"] as bigint,
    count: Number(args["count"]),
    groups: args["groups"] as Hex,
    signers: args["signers"] as bigint,
  };
}

/** The certificate whose interval holds the last block of a settlement. */
export function certificateFor(
  { through }: Pick<Settled, "through">,
  certificates: readonly CertifiedEvent[],
): CertifiedEvent | undefined {
  return certificates.find(({ ts, te }) => ts < through && through <= te);
}

/** The committee that served a block. */
export function committeeOf(services: readonly Service[], block: number): Hex | undefined {
  return services.findLast(({ from }) => from <= block)?.committee;
}

export type SettlementFacts = {
  readonly chainId: number;
  readonly group: Hex;
  readonly committee: Hex;
  readonly certificate: CertifiedEvent;
  /** Of the version that signed, in contract order. */
  readonly operators: readonly Hex[];
  readonly transaction: BookedTransaction;
};

export function bookedOf(settled: Settled, facts: SettlementFacts): BookedSettlement {
  const { chainId, group, committee, certificate, operators, transaction } = facts;
  const { from, through, version, unpaid, sender, divisor, cut, fee, items } = settled;
  const share = divisor === 0n ? 0n : (cut + fee) / divisor;
  const shares = operators.flatMap((operator, keeper) => {
    const ordinary = ((unpaid >> BigInt(keeper)) & 1n) === 0n ? share : 0n;
    // R25: in the leader's place, beside its own.
    const amount = ordinary + (keeper === sender ? share : 0n);
    return amount === 0n ? [] : [{ keeper, operator, amount }];
  });
  return {
    group,
    ts: from,
    te: through,
    committee,
    version,
    leader: certificate.leader,
    failed: certificate.failed,
    payees: certificate.payees,
    signers: certificate.signers,
    digest: certificateDigest(domainOf(chainId, committee), certificate),
    cut,
    fee,
    transaction,
    items,
    shares,
  };
}
