/** How long a group's escrow pays for its present data (R32). */
import type { GroupEntry } from "../../protocol/committee.ts";
import type { GroupFunds } from "../ports/history.ts";
import type { Surroundings } from "./monitor.ts";
import type { GroupStatus } from "./schemas.ts";

const pricedBits = 64n;
const feeBlockBits = 16n;
const longest_s = 1e12;

/** Cost of one block, times 2^64: that of all data in force now, and the keepers' fee. */
function costOfBlock({ providers, keeperFee, ceiling }: GroupEntry, head: number): bigint {
  const value = providers.reduce((sum, { history }) => {
    const data = history.findLast(({ fromBlock }) => fromBlock <= head);
    return data === undefined ? sum : sum + data.bytes * data.price;
  }, 0n);
  return value + ((keeperFee * BigInt(ceiling)) << (pricedBits - feeBlockBits));
}

/** The last block that is paid for if nothing changes; undefined: the group costs nothing. */
function fundedUntil(group: GroupEntry, funds: GroupFunds, head: number): bigint | undefined {
  const cost = costOfBlock(group, head);
  if (cost === 0n) return undefined;
  const left = funds.available > funds.arrears ? funds.available - funds.arrears : 0n;
  return BigInt(group.settledThrough) + (left << pricedBits) / cost;
}

export function moneyOf(group: GroupEntry, head: number, now: Surroundings): GroupStatus["money"] {
  const funds = now.funds.get(group.address);
  if (funds === undefined) return null;
  const until = fundedUntil(group, funds, head);
  // R32: the reserve pays for `lockup` blocks; the payer may withdraw the rest.
  const lockedUntil = BigInt(head + funds.lockup);
  const reserved = until === undefined || until > lockedUntil ? lockedUntil : until;
  const secondsTo = (block: bigint | undefined): number | null => {
    if (now.pace === undefined || block === undefined) return null;
    const left = block - BigInt(head);
    return Math.min(Math.round((left > 0n ? Number(left) : 0) * now.pace.block_s), longest_s);
  };
  const { address, symbol, decimals } = funds.token;
  return {
    token: { address: address ?? null, symbol, decimals: decimals ?? null },
    unallocated: funds.available.toString(),
    arrears: funds.arrears.toString(),
    fundedUntilBlock: until?.toString() ?? null,
    runway_s: secondsTo(until),
    reservedUntilBlock: reserved.toString(),
    reserved_s: secondsTo(reserved),
  };
}
