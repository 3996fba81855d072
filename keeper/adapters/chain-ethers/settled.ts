/** Settlements with exact amounts, from the chain's events alone (R29, R30, R35). */
import { certificateDigest, domainOf } from "../../../protocol/certificate.ts";
import type { Certificate } from "../../../protocol/certificate.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { BookedSettlement, BookedTransaction } from "../../ports/ledger.ts";
import type { RawLog, Settled } from "../../../daemon/chain/settled-event.ts";
import { committeeAbi } from "./abi.ts";

/** A service of a group, from its `Entered` event. */
export type Service = { readonly committee: Hex; readonly from: number };

export type CertifiedEvent = Certificate & { readonly signers: bigint };

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
