/** A simulated chain with one group on it: blocks that fork, and the contract's model as it stood after each of them. */
import type { Block } from "../../keeper/core/events.ts";
import type { Committee, GroupParams, GroupSnapshot, Member, ProviderEntry } from "../../protocol/group.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import { keccakWords } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { domainSeparator, settlementDigest } from "../../protocol/settlement.ts";
import type { Settlement } from "../../protocol/settlement.ts";
import type { Submission } from "../../keeper/ports/chain.ts";
import { Model } from "./contract-model.ts";
import type { SettleInput } from "./contract-state.ts";

export type Settled = {
  readonly settlement: Settlement;
  readonly signers: bigint;
  readonly sender: Hex;
  readonly block: number;
  readonly digest: Hex;
  /** The group before and after. */
  readonly before: Model;
  readonly after: Model;
};

export type ChainSetup = {
  readonly seed: number;
  readonly params: GroupParams;
  /** All keepers that may get a seat; the first `committee` of them are the first committee. */
  readonly keepers: readonly Member[];
  readonly committee: number;
  /** Bytes of each provider. */
  readonly providers: readonly bigint[];
  readonly operatorOfProvider: (provider: number) => Hex;
  /** List root and receipt key of a provider's data. */
  readonly dataOf: (provider: number, bytes: bigint) => { readonly listRoot: Hex; readonly receiptKey: Hex };
  /** Whether `signature` is the aggregate of the members `signers` over `digest`. */
  readonly verify: (digest: Hex, signers: readonly Member[], signature: Hex) => boolean;
};

const chainId = 31_337;
const group: Hex = `0x${"67".repeat(20)}`;
const none = { listRoot: `0x${"00".repeat(32)}`, receiptKey: `0x${"00".repeat(20)}` } as const;

/** A call of the payer or of a consenting party; refused calls change nothing. */
type Step = (next: Model, block: number) => void;

export class ChainModel {
  readonly #setup: ChainSetup;
  readonly #blocks: Block[] = [];
  /** The group after each block. */
  readonly #states: Model[] = [];
  /** The group after the calls that the next block holds so far. */
  #next: Model;
  /** Calls other than settlements, which a reorg puts back into the next block. */
  readonly #calls: { block: number; step: Step }[] = [];
  /** Settlements in the order of their blocks. */
  readonly settled: Settled[] = [];
  readonly #seeds = new Map<number, Hex>();
  readonly #snapshots = new WeakMap<Model, GroupSnapshot>();
  #forks = 0;

  constructor(setup: ChainSetup) {
    this.#setup = setup;
    const { params } = setup;
    const config = { ...params, origin: params.originBlock, keeperShareBps: BigInt(params.keeperShareBps) };
    const members = Array.from({ length: setup.committee }, (_, i) => i);
    const first = new Model(config, members);
    setup.providers.forEach((bytes, index) => {
      // R32: a provider is added only if the escrow covers it.
      first.deposit(first.amount(BigInt(params.lockup) * bytes) + 1n);
      first.addProvider(params.originBlock, setup.operatorOfProvider(index), bytes);
      // All data is committed from the group's first block on.
      const provider = first.providers[index];
      if (provider === undefined) throw new Error(`provider ${index} was not added`);
      provider.activeFrom = params.originBlock;
      provider.paidThrough = params.originBlock - 1;
      provider.changes = [{ from: params.originBlock, size: bytes }];
    });
    this.#next = first;
    this.#seeds.set(1, keccakWords(setup.seed));
    for (let i = 0; i <= params.originBlock; i++) this.mine();
  }

  get head(): number {
    return this.#blocks.length - 1;
  }

  block(number: number): Block | undefined {
    return this.#blocks[number];
  }

  /** The group as it stood after a block. */
  at(block: number): Model {
    return this.#states[Math.max(0, Math.min(block, this.head))] ?? this.#next;
  }

  mine(): Block {
    const number = this.#blocks.length;
    const parent = this.#blocks[number - 1]?.hash ?? none.listRoot;
    const block: Block = { number, hash: keccakWords(parent, number, this.#forks, this.#setup.seed) };
    this.#blocks.push(block);
    this.#states.push(this.#next);
    return block;
  }

  /** Removes the last `depth` blocks with their settlements; the next blocks get other hashes. */
  reorg(depth: number): void {
    this.#blocks.length -= depth;
    this.#states.length -= depth;
    this.#forks++;
    while ((this.settled.at(-1)?.block ?? -1) > this.head) this.settled.pop();
    this.#next = this.at(this.head);
    const again = this.#calls
      .splice(0)
      .filter((call) => call.block <= this.head || void this.call(call.step));
    this.#calls.unshift(...again);
  }

  /** A call in the next block. @returns the error it is refused with */
  call(step: Step): string | undefined {
    const block = this.head + 1;
    const { next, refused } = this.#next.after((model) => step(model, block));
    if (refused !== undefined) return refused;
    this.#next = next;
    this.#calls.push({ block, step });
    return undefined;
  }

  tsAt(block: number): number {
    return this.at(block).ts;
  }

  /** Members of a version, by their index in all keepers. */
  seatsOf(version: number): readonly number[] {
    return this.#next.committees.get(version)?.members ?? [];
  }

  committeeOf(version: number): Committee {
    const members = this.seatsOf(version).map((seat) => this.#setup.keepers[seat] as Member);
    return { version, seed: this.#seeds.get(version) ?? none.listRoot, members };
  }

  snapshot(block: number): GroupSnapshot {
    const model = this.at(block);
    let known = this.#snapshots.get(model);
    if (known === undefined) {
      known = this.#snapshotOf(model, block);
      this.#snapshots.set(model, known);
    }
    return { ...known, block };
  }

  #snapshotOf(model: Model, block: number): GroupSnapshot {
    const { params } = this.#setup;
    return {
      chainId,
      address: group,
      block,
      params,
      ts: model.ts,
      ...(model.terminatedAt === 0 ? {} : { endBlock: model.endBlock }),
      committee: this.committeeOf(model.active),
      pending: model.pending === 0 ? undefined : this.committeeOf(model.pending),
      providers: model.providers.flatMap(({ closed }, index) =>
        closed ? [] : [this.#entryOf(model, index)],
      ),
    };
  }

  #entryOf(model: Model, index: number): ProviderEntry {
    const { operatorOfProvider, dataOf } = this.#setup;
    const provider = model.providers[index];
    if (provider === undefined) throw new Error(`no provider ${index}`);
    // As the contract shows it: from the change in force where the group was last settled.
    const first = provider.changes.findLastIndex(({ from }) => from <= model.ts);
    const history = provider.changes.slice(Math.max(first, 0)).map(({ from, size }) => {
      const data = size === 0n ? none : dataOf(index, size);
      return { fromBlock: from, bytes: size, ...data };
    });
    // R33: after a terminate the commitment ends with the lockup.
    if (model.terminatedAt !== 0) history.push({ fromBlock: model.endBlock, bytes: 0n, ...none });
    return { index, operator: operatorOfProvider(index), activeFrom: provider.activeFrom, history };
  }

  /** R29 in the next block; refused with the contract's own error. */
  settle(submission: Submission, sender: Hex): { readonly block: number } | { readonly refused: string } {
    const { settlement, signers, signature } = submission;
    const block = this.head + 1;
    const before = this.#next;
    const refused = this.#refusal(submission, block);
    if (refused !== undefined) return { refused: `Upkeeping_${refused}` };
    const committee = this.committeeOf(before.active);
    const by = committee.members.findIndex(({ operator }) => operator === sender);
    const input = this.#inputOf(settlement, by);
    const { next, refused: wrong } = before.after((model) => {
      model.settle(block, input, () => {
        const digest = settlementDigest(domainSeparator(chainId, group), settlement);
        const named = bitIndices(signers).map((i) => committee.members[i] as Member);
        return this.#setup.verify(digest, named, signature);
      });
    });
    if (wrong !== undefined) return { refused: wrong };
    this.#next = next;
    // R5: the seed of a committee is the hash of the block before it took effect.
    if (next.active !== before.active)
      this.#seeds.set(next.active, this.#blocks[this.head]?.hash ?? none.listRoot);
    const digest = settlementDigest(domainSeparator(chainId, group), settlement);
    this.settled.push({ settlement, signers, sender, block, digest, before, after: next });
    return { block };
  }

  #inputOf({ ts, te, leader, failed, payees, items }: Settlement, sender: number): SettleInput {
    const { interval, turn } = this.#setup.params;
    return {
      turn: (te - ts - interval) / turn + 1,
      leader,
      sender,
      failed: bitIndices(failed),
      payees: bitIndices(payees),
      values: items.map(({ spaceTime }) => spaceTime),
      providers: items.map(({ provider }) => provider),
    };
  }

  /** The error of a settlement that the model cannot detect, since it has turns and lists but no bitmaps. */
  #refusal({ settlement: s, signers }: Submission, block: number): string | undefined {
    const { interval, turn } = this.#setup.params;
    const model = this.#next;
    if (s.ts !== model.ts) return "StaleStart";
    if (model.ended) return "Ended";
    const late = s.te - s.ts - interval;
    if (late < 0 || late % turn !== 0) return "WrongEnd";
    if (block < s.te) return "TooEarly";
    if (block >= s.te + turn) return "TooLate";
    if (s.committee !== model.active) return "WrongCommittee";
    if (s.leader >= model.n) return "NoSuchLeader";
    if ((signers | s.failed | s.payees) >> BigInt(model.n) !== 0n) return "BitmapOutOfRange";
    return bitIndices(signers).length < 2 * model.f + 1 ? "TooFewSigners" : undefined;
  }

  /** R16: committed byte·blocks of a provider over [ts, te), as the chain stands now. */
  committed(provider: number, ts: number, te: number): bigint {
    const model = this.#next;
    const one = model.providers[provider];
    return one === undefined ? 0n : model.committed(one, ts, te);
  }
}
