/** Typed reads of one group at a given block. */
import type { Provider, Result } from "ethers";
import { groupAbi } from "./abi.ts";
import { missingContract } from "./missing-contract.ts";
import { bitIndices } from "../protocol/bitmap.ts";
import { groupParams } from "../protocol/group.ts";

/** R4; lengths in blocks, price in token units per GiB·block, shares in 1/10000. */
export type GroupRules = {
  token: string;
  price: bigint;
  interval: number;
  turn: number;
  slot: number;
  answer: number;
  confirmations: number;
  lockup: number;
  keeperShareBps: number;
  toleranceBps: number;
  merkle: boolean;
};
export type GroupParameters = GroupRules & { payer: string; registry: string; originBlock: number };

/** Blocks and committee versions; 0 if there is none. */
export type GroupState = {
  settledThrough: number;
  committee: number;
  pendingCommittee: number;
  rotatedCommittee: number;
  providerCount: number;
  terminatedAt: number;
  endBlock: number;
  ended: boolean;
  abandonments: number;
};
export type GroupCommittee = {
  version: number;
  seed: string;
  operators: string[];
  /** Indices of the members that accepted. */
  accepted: number[];
  /** Block of the last acceptance; 0 while one is missing. */
  readyAt: number;
  /** Block in which it took effect; 0 if it has not. */
  effectiveFrom: number;
};
export type KeeperAccount = {
  index: number;
  operator: string;
  payee: string;
  earned: bigint;
  withdrawn: bigint;
};
/** Money in token units; `credited` is the total of all time, including `withdrawn`. */
export type ProviderAccount = {
  index: number;
  operator: string;
  payee: string;
  activeFrom: number;
  removedAt: number;
  closed: boolean;
  bytesNow: bigint;
  firstCheckpoint: number;
  checkpointCount: number;
  sequence: number;
  credited: bigint;
  withdrawn: bigint;
  arrears: bigint;
};
/** Token units; deposited = paidOut + balance, balance = unallocated + credits. */
export type EscrowView = {
  deposited: bigint;
  paidOut: bigint;
  balance: bigint;
  unallocated: bigint;
  credits: bigint;
  arrears: bigint;
  reserve: bigint;
  withdrawable: bigint;
};
/** Credit and expected money of a provider, in token units. */
export type ProviderOutlook = {
  /** Withdrawable now. */
  readonly credit: bigint;
  /** Owed from settlements with an underfunded escrow (R32). */
  readonly arrears: bigint;
  /** Upper bound for abandoned intervals (R34); the next withdrawal credits it. */
  readonly abandoned: bigint;
  /** For the open interval, at the rate of the last settlement. */
  readonly running: bigint;
  /** The same if all committed bytes are proven. */
  readonly runningMost: bigint;
};
export type DataCheckpoint = {
  fromBlock: number;
  bytes: bigint;
  listRoot: string;
  receiptKey: string;
  sequence: number;
};
export type PastSettlement = { ts: number; te: number; turn: number };
export type BlockTag = number | "latest";

/** Larger than any list of a group. */
const wholeList = 10_000;

export class GroupView {
  readonly address: string;
  readonly provider: Provider;

  constructor(provider: Provider, address: string) {
    this.provider = provider;
    this.address = address;
  }

  /**
   * Calls any view of the contract; for views without a method here.
   * @throws WhitePayError `input` if there is no contract at the address
   */
  async read(name: string, args: readonly unknown[] = [], block: BlockTag = "latest"): Promise<Result> {
    const data = groupAbi.encodeFunctionData(name, args);
    const answer = await this.provider.call({ to: this.address, data, blockTag: block });
    if (answer === "0x") throw missingContract("group", this.address);
    return groupAbi.decodeFunctionResult(name, answer);
  }

  async #first(name: string, args: readonly unknown[] = [], block: BlockTag = "latest"): Promise<Result> {
    return (await this.read(name, args, block))[0] as Result;
  }

  async parameters(): Promise<GroupParameters> {
    const { payer, registry, originBlock, config } = await this.#first("parameters");
    const { token, merkle } = config;
    return { payer, registry, token, merkle, ...groupParams(originBlock, config) };
  }

  async state(block: BlockTag = "latest"): Promise<GroupState> {
    const state = await this.#first("state", [], block);
    return {
      settledThrough: Number(state.settledThrough),
      committee: Number(state.committee),
      pendingCommittee: Number(state.pendingCommittee),
      rotatedCommittee: Number(state.rotatedCommittee),
      providerCount: Number(state.providerCount),
      terminatedAt: Number(state.terminatedAt),
      endBlock: Number(state.endBlock),
      ended: state.ended,
      abandonments: Number(state.abandonments),
    };
  }

  async #committee(name: string, block: BlockTag, args: readonly unknown[] = []): Promise<GroupCommittee> {
    const { version, seed, operators, accepted, readyAt, effectiveFrom } = await this.#first(
      name,
      args,
      block,
    );
    return {
      version: Number(version),
      seed,
      operators: [...operators],
      accepted: bitIndices(accepted),
      readyAt: Number(readyAt),
      effectiveFrom: Number(effectiveFrom),
    };
  }

  committee(block: BlockTag = "latest"): Promise<GroupCommittee> {
    return this.#committee("committee", block);
  }

  /** The proposed committee; version 0 if there is none. */
  pendingCommittee(block: BlockTag = "latest"): Promise<GroupCommittee> {
    return this.#committee("pendingCommittee", block);
  }

  /** Any version: past, present or proposed. */
  committeeAt(version: number, block: BlockTag = "latest"): Promise<GroupCommittee> {
    return this.#committee("committeeAt", block, [version]);
  }

  async keeperAccounts(version: number, block: BlockTag = "latest"): Promise<KeeperAccount[]> {
    const accounts = await this.#first("keeperAccounts", [version, 0, wholeList], block);
    return [...accounts].map(({ index, operator, payee, earned, withdrawn }) => ({
      index: Number(index),
      operator,
      payee,
      earned,
      withdrawn,
    }));
  }

  async providers(block: BlockTag = "latest"): Promise<ProviderAccount[]> {
    const providers = await this.#first("providers", [0, wholeList], block);
    return [...providers].map((entry) => ({
      index: Number(entry.index),
      operator: entry.operator,
      payee: entry.payee,
      activeFrom: Number(entry.activeFrom),
      removedAt: Number(entry.removedAt),
      closed: entry.closed,
      bytesNow: entry.bytesNow,
      firstCheckpoint: Number(entry.firstCheckpoint),
      checkpointCount: Number(entry.checkpointCount),
      sequence: Number(entry.sequence),
      credited: entry.credited,
      withdrawn: entry.withdrawn,
      arrears: entry.arrears,
    }));
  }

  async providerOutlook(provider: number, block: BlockTag = "latest"): Promise<ProviderOutlook> {
    const [entry] = await this.#first("providerOutlook", [provider, 1], block);
    const { credit, arrears, abandoned, running, runningMost } = entry;
    return { credit, arrears, abandoned, running, runningMost };
  }

  /** All data checkpoints of a provider in this group, oldest first. */
  async dataHistory(provider: number, block: BlockTag = "latest"): Promise<DataCheckpoint[]> {
    const history = await this.#first("dataHistory", [provider, 0, wholeList], block);
    return [...history].map(({ fromBlock, size, root, receiptKey, sequence }) => ({
      fromBlock: Number(fromBlock),
      bytes: size,
      listRoot: root,
      receiptKey,
      sequence: Number(sequence),
    }));
  }

  async escrow(block: BlockTag = "latest"): Promise<EscrowView> {
    const escrow = await this.#first("escrow", [], block);
    const { deposited, paidOut, balance, unallocated, credits, arrears, reserve, withdrawable } = escrow;
    return { deposited, paidOut, balance, unallocated, credits, arrears, reserve, withdrawable };
  }

  /** Committed space-time of all providers over [from, to) in byte·blocks; `from` must be at least settledThrough. */
  async committedTotal(from: number, to: number, block: BlockTag = "latest"): Promise<bigint> {
    return (await this.read("committedTotal", [from, to], block))[0] as bigint;
  }

  /** First block that is not funded at the present rate; undefined if nothing is committed. */
  async fundedUntil(block: BlockTag = "latest"): Promise<number | undefined> {
    const until = (await this.read("fundedUntil", [], block))[0] as bigint;
    return until > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(until);
  }

  async nextEffectiveBlock(): Promise<number> {
    return Number((await this.read("nextEffectiveBlock"))[0]);
  }

  /** Ends of all settled intervals, oldest first. */
  async settlementEnds(block: BlockTag = "latest"): Promise<number[]> {
    return [...(await this.#first("settlements", [0, wholeList], block))].map(Number);
  }

  async pastSettlements(block: BlockTag = "latest"): Promise<PastSettlement[]> {
    const past = await this.#first("pastSettlements", [0, wholeList], block);
    return [...past].map(({ ts, te, turn }) => ({ ts: Number(ts), te: Number(te), turn: Number(turn) }));
  }

  async consentSequence(operator: string): Promise<number> {
    return Number((await this.read("consentSequence", [operator]))[0]);
  }
}
