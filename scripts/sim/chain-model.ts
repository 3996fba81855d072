/** The contract as far as keepers see it: settlements, windows and payments, in plain TypeScript. */
import type { Block } from "../../keeper/core/events.ts";
import type { GroupParams, GroupSnapshot, Member, ProviderEntry } from "../../keeper/core/group.ts";
import { dataAt } from "../../keeper/core/group.ts";
import { bits, keccakWords } from "../../keeper/core/hash.ts";
import type { Hex } from "../../keeper/core/hash.ts";
import { faultBound, quorum } from "../../keeper/core/quorum.ts";
import { domainSeparator, settlementDigest } from "../../keeper/core/settlement.ts";
import type { Settlement } from "../../keeper/core/settlement.ts";
import { fallbackBlock } from "../../keeper/core/state.ts";
import type { Submission } from "../../keeper/ports/chain.ts";

export type Settled = {
  readonly settlement: Settlement;
  readonly signers: bigint;
  readonly sender: Hex;
  readonly block: number;
  readonly digest: Hex;
};

export type ChainSetup = {
  readonly seed: number;
  readonly params: GroupParams;
  readonly members: readonly Member[];
  readonly providers: readonly ProviderEntry[];
  /** Whether `signature` is the aggregate of `signers` over `digest`. */
  readonly verify: (digest: Hex, signers: readonly number[], signature: Hex) => boolean;
};

const chainId = 31_337;
const group: Hex = `0x${"67".repeat(20)}`;

export class ChainModel {
  readonly #setup: ChainSetup;
  readonly #blocks: Block[] = [];
  /** By block: settlements in it. The state at a block is what the blocks up to it settled. */
  readonly settled: Settled[] = [];
  #forks = 0;

  constructor(setup: ChainSetup) {
    this.#setup = setup;
    for (let i = 0; i <= setup.params.originBlock; i++) this.mine();
  }

  get head(): number {
    return this.#blocks.length - 1;
  }

  block(number: number): Block | undefined {
    return this.#blocks[number];
  }

  mine(): Block {
    const number = this.#blocks.length;
    const parent = this.#blocks[number - 1]?.hash ?? `0x${"00".repeat(32)}`;
    const block: Block = { number, hash: keccakWords(parent, number, this.#forks, this.#setup.seed) };
    this.#blocks.push(block);
    return block;
  }

  /** Takes back the last `depth` blocks with their settlements; the next blocks get other hashes. */
  reorg(depth: number): void {
    this.#blocks.length -= depth;
    this.#forks++;
    while ((this.settled.at(-1)?.block ?? -1) > this.head) this.settled.pop();
  }

  tsAt(block: number): number {
    const last = this.settled.findLast((s) => s.block <= block);
    return last?.settlement.te ?? this.#setup.params.originBlock;
  }

  snapshot(block: number): GroupSnapshot {
    const { params, members, providers, seed } = this.#setup;
    return {
      chainId,
      address: group,
      block,
      params,
      ts: this.tsAt(block),
      committee: { version: 1, seed: keccakWords(seed), members },
      pending: undefined,
      providers,
    };
  }

  /** R29 in the next block; a text says which rule refused. */
  settle(submission: Submission, sender: Hex): { readonly block: number } | { readonly refused: string } {
    const { params, members } = this.#setup;
    const { settlement: s, signers, signature } = submission;
    const block = this.head + 1;
    const ts = this.tsAt(block);
    if (s.ts !== ts) return { refused: `stale start: expected ${ts}, actual ${s.ts}` };
    const late = s.te - s.ts - params.interval;
    if (late < 0 || late % params.turn !== 0) return { refused: `wrong end ${s.te}` };
    if (block < s.te || block >= s.te + params.turn) return { refused: `outside the window: block ${block}` };
    const n = members.length;
    const turn = late / params.turn + 1;
    const named = bits(signers);
    if (named.length < quorum(n) || named.some((k) => k >= n)) return { refused: "too few signers" };
    if (bits(s.failed).length !== Math.min(turn - 1, faultBound(n))) return { refused: "wrong failed count" };
    if ((s.payees & s.failed) !== 0n) return { refused: "failed payee" };
    const leader = members[s.leader]?.operator;
    if (block < fallbackBlock(s.te, params.turn) && sender !== leader) return { refused: "not the leader" };
    const digest = settlementDigest(domainSeparator(chainId, group), s);
    if (!this.#setup.verify(digest, named, signature)) return { refused: "bad signature" };
    this.settled.push({ settlement: s, signers, sender, block, digest });
    return { block };
  }

  /** R16: committed byte·blocks of a provider over [ts, te). */
  committed(provider: number, ts: number, te: number): bigint {
    const entry = this.#setup.providers.find((p) => p.index === provider);
    let sum = 0n;
    for (let b = ts; b < te; b++) sum += (entry === undefined ? undefined : dataAt(entry, b))?.bytes ?? 0n;
    return sum;
  }
}
