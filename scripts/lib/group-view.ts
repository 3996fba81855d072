/** Typed reads of one group, at a block of one's choice. The fragments are held against the compiled contracts by a test. */
import { Interface, type JsonRpcProvider, type Result } from "ethers";

export const groupViewAbi = new Interface([
  "function parameters() view returns (tuple(address payer, address registry, uint64 originBlock, tuple(address token, uint96 price, uint32 interval, uint32 turn, uint32 slot, uint32 answer, uint32 confirmations, uint32 lockup, uint16 keeperShareBps, uint16 toleranceBps, bool merkle) config))",
  "function committee() view returns (tuple(uint64 version, uint64 proposedAt, uint64 readyAt, uint64 effectiveFrom, uint64 retiredAt, bytes32 seed, address keysBlob, uint256 accepted, address[] operators))",
  "function keeperAccounts(uint64 version, uint256 from, uint256 count) view returns (tuple(uint8 index, address operator, address payee, uint256 earned, uint256 withdrawn)[])",
  "function providers(uint256 from, uint256 count) view returns (tuple(uint32 index, address operator, address payee, uint64 activeFrom, uint64 removedAt, bool closed, uint64 bytesNow, uint32 firstCheckpoint, uint32 checkpointCount, uint64 sequence, uint256 credited, uint256 withdrawn, uint256 arrears)[])",
  "function escrow() view returns (tuple(uint256 deposited, uint256 paidOut, uint256 balance, uint256 unallocated, uint256 credits, uint256 arrears, uint256 reserve, uint256 withdrawable))",
  "function settlements(uint256 from, uint256 count) view returns (uint64[])",
  "function consentSequence(address operator) view returns (uint64)",
  "event Capped(uint64 indexed ts, uint32 indexed provider, uint256 signed, uint256 committed)",
  "event LeaderReplaced(uint64 indexed ts, uint8 leader, uint8 sender, uint256 share)",
]);

export type GroupParameters = {
  payer: string;
  registry: string;
  originBlock: number;
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
};
export type GroupCommittee = { version: number; seed: string; operators: string[] };
export type KeeperAccount = { index: number; operator: string; payee: string; earned: bigint };
export type ProviderAccount = {
  index: number;
  operator: string;
  payee: string;
  activeFrom: number;
  removedAt: number;
  bytesNow: bigint;
  credited: bigint;
};
export type EscrowView = {
  deposited: bigint;
  paidOut: bigint;
  balance: bigint;
  unallocated: bigint;
  credits: bigint;
};

/** Larger than any list of a group that settles item by item. */
const wholeList = 10_000;

export class GroupView {
  readonly address: string;
  readonly #provider: JsonRpcProvider;

  constructor(provider: JsonRpcProvider, address: string) {
    this.#provider = provider;
    this.address = address;
  }

  async #read(name: string, args: readonly unknown[], block: number | "latest"): Promise<Result> {
    const data = groupViewAbi.encodeFunctionData(name, args);
    const answer = await this.#provider.call({ to: this.address, data, blockTag: block });
    return groupViewAbi.decodeFunctionResult(name, answer)[0] as Result;
  }

  async parameters(): Promise<GroupParameters> {
    const { payer, registry, originBlock, config } = await this.#read("parameters", [], "latest");
    return {
      payer,
      registry,
      originBlock: Number(originBlock),
      token: config.token,
      price: config.price,
      interval: Number(config.interval),
      turn: Number(config.turn),
      slot: Number(config.slot),
      answer: Number(config.answer),
      confirmations: Number(config.confirmations),
      lockup: Number(config.lockup),
      keeperShareBps: Number(config.keeperShareBps),
      toleranceBps: Number(config.toleranceBps),
    };
  }

  async committee(): Promise<GroupCommittee> {
    const { version, seed, operators } = await this.#read("committee", [], "latest");
    return { version: Number(version), seed, operators: [...operators] };
  }

  async keeperAccounts(version: number, block: number | "latest" = "latest"): Promise<KeeperAccount[]> {
    const accounts = await this.#read("keeperAccounts", [version, 0, wholeList], block);
    return [...accounts].map(({ index, operator, payee, earned }) => ({
      index: Number(index),
      operator,
      payee,
      earned,
    }));
  }

  async providers(block: number | "latest" = "latest"): Promise<ProviderAccount[]> {
    const providers = await this.#read("providers", [0, wholeList], block);
    return [...providers].map(({ index, operator, payee, activeFrom, removedAt, bytesNow, credited }) => ({
      index: Number(index),
      operator,
      payee,
      activeFrom: Number(activeFrom),
      removedAt: Number(removedAt),
      bytesNow,
      credited,
    }));
  }

  async escrow(block: number | "latest" = "latest"): Promise<EscrowView> {
    const { deposited, paidOut, balance, unallocated, credits } = await this.#read("escrow", [], block);
    return { deposited, paidOut, balance, unallocated, credits };
  }

  /** Ends of all settled intervals, oldest first. */
  async settlementEnds(block: number | "latest" = "latest"): Promise<number[]> {
    return [...(await this.#read("settlements", [0, wholeList], block))].map(Number);
  }

  async consentSequence(operator: string): Promise<number> {
    return Number(await this.#read("consentSequence", [operator], "latest"));
  }
}
