/** Decodes what groups emit about payments, and what is sent to committees (R25, R29, R30, R34). */
import type { Log, Result, TransactionReceipt } from "ethers";
import { groupsOfWords, type Certificate, type CertifiedGroup } from "../protocol/certificate.ts";
import type { Hex } from "../protocol/hash.ts";
import { committeeAbi, groupAbi } from "./abi.ts";

/** What a provider got. */
export type ProviderPart = {
  readonly provider: number;
  /** Byte·blocks paid for, min(signed, committed) (R16); committed ones for blocks that nobody settled (R34). */
  readonly spaceTime: bigint;
  /** Token units credited, after the keepers' share, arrears not included. */
  readonly amount: bigint;
};

export type GroupSettlement = {
  readonly group: string;
  /** Version of the members that signed. */
  readonly version: number;
  /** The group's interval [from, through) in the certificate. */
  readonly from: number;
  readonly through: number;
  /** The member that took the leader's share; undefined if the leader kept it (R25). */
  readonly sender: number | undefined;
  /** Bitmap of members without an ordinary share. */
  readonly unpaid: bigint;
  /** n − |failed| */
  readonly divisor: number;
  /** Token units of all keepers: their part of the amounts, and the fee. */
  readonly cut: bigint;
  readonly fee: bigint;
  /** What each paid member got: ⌊(cut + fee) / divisor⌋. */
  readonly share: bigint;
  readonly providers: readonly ProviderPart[];
};

const noSender = 255;

/** Fields of a word, uppermost first, by their widths in bits. */
function fieldsOf(word: bigint, widths: readonly number[]): bigint[] {
  let rest = word;
  return widths
    .toReversed()
    .map((bits) => {
      const field = rest & ((1n << BigInt(bits)) - 1n);
      rest >>= BigInt(bits);
      return field;
    })
    .toReversed();
}

export function providerPart(word: bigint): ProviderPart {
  const [provider, spaceTime, amount] = fieldsOf(word, [32, 128, 96]) as [bigint, bigint, bigint];
  return { provider: Number(provider), spaceTime, amount };
}

/** The words of a group's `Settled` event. */
export function groupSettlement(
  group: string,
  {
    interval,
    keepers,
    providers,
  }: { readonly interval: bigint; readonly keepers: bigint; readonly providers: readonly bigint[] },
): GroupSettlement {
  const [version, from, through, sender, unpaid] = fieldsOf(interval, [32, 40, 40, 8, 124]).map((field, i) =>
    i === 4 ? field : Number(field),
  ) as [number, number, number, number, bigint];
  const [divisor, cut, fee] = fieldsOf(keepers, [8, 96, 96]) as [bigint, bigint, bigint];
  return {
    group,
    version,
    from,
    through,
    sender: sender === noSender ? undefined : sender,
    unpaid,
    divisor: Number(divisor),
    cut,
    fee,
    share: divisor === 0n ? 0n : (cut + fee) / divisor,
    providers: providers.map(providerPart),
  };
}

/** Amount of each member of n that got a share of a settlement, ascending. */
export function keeperShares(
  { share, unpaid, sender }: Pick<GroupSettlement, "share" | "unpaid" | "sender">,
  n: number,
): { readonly keeper: number; readonly amount: bigint }[] {
  return Array.from({ length: n }, (_, keeper) => {
    const ordinary = ((unpaid >> BigInt(keeper)) & 1n) === 0n ? share : 0n;
    // R25: in the leader's place, beside its own.
    return { keeper, amount: ordinary + (keeper === sender ? share : 0n) };
  }).filter(({ amount }) => amount > 0n);
}

/** The settlements in a receipt, of all groups in their order. */
export function settlementsIn(receipt: Pick<TransactionReceipt, "logs">): GroupSettlement[] {
  return receipt.logs.flatMap((log) => {
    const event = groupAbi.parseLog(log);
    if (event?.name !== "Settled") return [];
    const [interval, keepers, providers] = event.args as unknown as [bigint, bigint, Result];
    return [groupSettlement(log.address, { interval, keepers, providers: [...providers] as bigint[] })];
  });
}

/** A certificate as it was accepted. */
export type CertifiedEvent = Certificate & {
  readonly committee: string;
  /** Bitmap of the members that signed. */
  readonly signers: bigint;
  /** `settle` is open for its groups. */
  readonly remembered: boolean;
  readonly block: number;
  readonly transaction: string;
};

export function certifiedEvent(log: Log): CertifiedEvent | undefined {
  const event = committeeAbi.parseLog(log);
  if (event?.name !== "Certified") return undefined;
  return {
    ...certificateOf(event.args),
    committee: log.address,
    signers: event.args["signers"] as bigint,
    remembered: event.args["remembered"] as boolean,
    block: log.blockNumber,
    transaction: log.transactionHash,
  };
}

/** @throws RangeError for a number that is no block and no version of any chain */
function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new RangeError(`number: expected below 2^53, actual ${value}`);
  return Number(value);
}

function certificateOf(c: Result): Certificate {
  return {
    ts: safeNumber(c.ts),
    te: safeNumber(c.te),
    version: safeNumber(c.version),
    leader: Number(c.leader),
    failed: c.failed,
    payees: c.payees,
    count: Number(c.count),
    groups: c.groups,
  };
}

/** A group that refused its settlement (R29). */
export type RefusedGroup = { readonly number: number; readonly group: string; readonly reason: string };

export function refusedIn(receipt: Pick<TransactionReceipt, "logs">): RefusedGroup[] {
  return receipt.logs.flatMap((log) => {
    const event = committeeAbi.parseLog(log);
    if (event?.name !== "GroupRefused") return [];
    const { number, group, reason } = event.args;
    return [{ number: Number(number), group, reason }];
  });
}

/** What a transaction hands to a committee: `certify` has signers and signature, `settle` has not. */
export type HandedIn = {
  readonly certificate: Certificate;
  readonly signed: { readonly signers: bigint; readonly signature: string } | undefined;
  /** Position of the first of these groups in the certificate. */
  readonly first: number;
  readonly groups: readonly CertifiedGroup[];
  readonly proof: readonly Hex[];
};

/** The input of a call of `certify` or `settle`; undefined for other calls. */
export function handedIn(data: string): HandedIn | undefined {
  const fragment = ["certify", "settle"]
    .map((name) => committeeAbi.getFunction(name))
    .find((one) => one !== null && data.startsWith(one.selector));
  if (fragment === null || fragment === undefined) return undefined;
  try {
    const args = committeeAbi.decodeFunctionData(fragment, data);
    const signed =
      fragment.name === "settle"
        ? undefined
        : { signers: args["signers"] as bigint, signature: args["signature"] as string };
    return {
      certificate: certificateOf(args["c"] as Result),
      signed,
      first: Number(args["first"]),
      groups: groupsOfWords([...(args["groups"] as bigint[])]),
      proof: [...(args["proof"] as Hex[])],
    };
  } catch {
    return undefined;
  }
}
