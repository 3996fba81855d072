/** What the event `Settled` of a group says (R29, R35). */
import { Interface } from "ethers";
import * as abi from "../../protocol/abi.ts";

const groupAbi = new Interface(abi.groupAbi);

export type RawLog = {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
};

export type SettledPart = {
  readonly provider: number;
  /** byte·blocks. */
  readonly spaceTime: bigint;
  /** Token units, after the keepers' share. */
  readonly amount: bigint;
};

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
  readonly items: readonly SettledPart[];
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
  const items = [...providers].map(partOf);
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

/** A provider's part of a settlement, and of blocks that were credited without one (R34). */
export function partOf(word: bigint): SettledPart {
  const [provider, spaceTime, amount] = fieldsOf(word, 32, 128, 96) as Fields;
  return { provider: Number(provider), spaceTime, amount };
}
