/** Types of the contract's model: configuration, committees, the input of a settlement, and refusals. */
export type Account = { earned: bigint; withdrawn: bigint };
/** Which keepers of the world sit in a version, and what each has there. */
export type CommitteeModel = { members: number[]; accounts: Account[]; readyAt: number; accepted: number };

export type ModelConfig = {
  origin: number;
  interval: number;
  turn: number;
  slot: number;
  confirmations: number;
  lockup: number;
  price: bigint;
  keeperShareBps: bigint;
};

export type SettleInput = {
  turn: number;
  leader: number;
  /** Seat of the sender; −1: not a member. */
  sender: number;
  failed: number[];
  payees: number[];
  /** Signed space-time of each provider that is due. */
  values: bigint[];
  /** Providers of the values, in their order; undefined: all that are due. */
  providers?: number[];
};

/** A call that the contract refuses, with the error's name. */
export class Refusal extends Error {}

export function refuse(error: string): never {
  throw new Refusal(`Upkeeping_${error}`);
}

export function newCommittee(members: number[]): CommitteeModel {
  return { members, accounts: members.map(() => ({ earned: 0n, withdrawn: 0n })), readyAt: 0, accepted: 0 };
}

export function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
