/** Committees, groups and payers in one process: the real core, codec and runtime over simulated ports. */
import type { Block } from "../keeper/core/events.ts";
import type { CommitteeParams } from "../protocol/committee.ts";
import { keccakWords } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { installFastHashes } from "../daemon/hashing/install.ts";
import type { ReasonCode } from "../protocol/reasons.ts";
import type { KeeperDependencies } from "../keeper/runtime/keeper.ts";
import { Keeper } from "../keeper/runtime/keeper.ts";
import { ChainModel } from "./chain/chain-model.ts";
import { cheapSignatures, operatorOf } from "./signatures/cheap-signatures.ts";
import { cheapProviders } from "./providers/cheap-proofs.ts";
import { chainPort } from "./keepers/chain-port.ts";
import type { Transaction } from "./keepers/chain-port.ts";
import { MemoryStore, mortal } from "./keepers/memory-store.ts";
import { newSeat } from "./keepers/seat.ts";
import type { Seat } from "./keepers/seat.ts";
import { Network } from "./network/network.ts";
import { readingOnce } from "./network/reading-once.ts";
import { Payer } from "./chain/payer.ts";
import type { NetworkOptions } from "./network/network.ts";
import { IssuedReceipts } from "./providers/issued.ts";
import type { ProviderWorld, Providers, Spoiled } from "./providers/providers.ts";
import { realProviders } from "./providers/real-proofs.ts";
import type { Signatures } from "./signatures/signatures.ts";
import { noteInScenario } from "./group-names.ts";
import { World } from "./world.ts";

/** Parts of a world that may be real, besides core, codec and runtime. */
export type Reality = {
  /** Cheap ones by default. */
  readonly signatures?: Signatures;
  /** Whether providers store bytes and prove them, with their own logic. */
  readonly proofs?: "real" | "cheap";
};

export type ClusterOptions = {
  readonly seed: number;
  /** Members of every committee; all committees have the same. */
  readonly committee: number;
  readonly committees?: number;
  /** Groups from the start, spread over the committees. */
  readonly groups?: number;
  /** Keepers outside the committee, which may get a seat later. */
  readonly spares?: number;
  /** Bytes of each provider in every group. */
  readonly providers: readonly number[];
  readonly params: CommitteeParams;
  readonly terms: GroupTerms;
  readonly network: NetworkOptions;
  readonly blockMs: readonly [number, number];
  readonly storeLatencyMs: number;
} & Reality;

export type Noted = {
  readonly keeper: number;
  readonly block: number;
  readonly at_ms: number;
  readonly code: ReasonCode;
  readonly detail: string;
};

export type Mined = Block & { readonly at_ms: number };

export type Refused = { readonly keeper: number; readonly block: number; readonly error: string };

/** Wraps a keeper's ports: a Byzantine keeper is an honest one with other ports. */
export type Decorator = (ports: KeeperDependencies, keeper: number) => KeeperDependencies;

/** A process with a keeper's keys, with its disk and its starts. A second process of the same keeper is a fault (D9). */
export type Process = { readonly keeper: number; readonly name: string; readonly seat: Seat };

/** Fixed for every group of a world. */
export type GroupTerms = {
  readonly lockup: number;
  readonly keeperShareBps: number;
  readonly keeperFee: bigint;
  /** Token units per 2^64 byte·blocks. */
  readonly price: bigint;
};

export const defaultTerms: GroupTerms = {
  lockup: 200,
  keeperShareBps: 1000,
  keeperFee: 6_553_600n,
  // One token unit a byte·block, so that a lost unit shows.
  price: 1n << 64n,
};

export const defaultParams: CommitteeParams = {
  originBlock: 10,
  interval: 60,
  turn: 30,
  slot: 5,
  answer: 2,
  confirmations: 1,
  toleranceBps: 100,
};

export const defaultOptions: ClusterOptions = {
  seed: 1,
  committee: 4,
  providers: [1_000_000, 2_000_000, 3_000_000],
  params: defaultParams,
  terms: defaultTerms,
  network: { delayMs: [5, 80], loss: 0 },
  blockMs: [900, 1300],
  storeLatencyMs: 1,
};

export class Cluster {
  readonly options: ClusterOptions;
  readonly world: World;
  readonly chain: ChainModel;
  readonly network: Network;
  readonly reasons: Noted[] = [];
  /** When each block was mined, at last. */
  readonly minedAt_ms: number[] = [];
  /** All mined blocks in order, with those that a reorg removed. */
  readonly mined: Mined[] = [];
  /** Transactions that a contract refused. */
  readonly refused: Refused[] = [];
  readonly seats: Seat[];
  /** Every receipt that a provider gave. */
  readonly issued = new IssuedReceipts();
  readonly #twins = new Map<number, Process>();
  /** Every process that ever ran, the keepers' own first. */
  readonly processes: Process[];
  /** Number of leaves of 16 that a provider can prove to a keeper; undefined: the provider does not answer. */
  proves: (provider: number, keeper: number) => number | undefined = () => 16;
  decorate: Decorator = (ports) => ports;
  /** Called when a keeper stops by itself, for example because its disk is full. */
  onFatal: (keeper: number, error: unknown) => void = (_keeper, error) => {
    throw error;
  };
  /** The fault of a provider's answers; undefined: none. */
  spoils: (provider: number) => Spoiled | undefined = () => undefined;
  /** Whether a provider gives a keeper its piece list. */
  servesList: (provider: number, keeper: number) => boolean = () => true;
  /** Time from the mining of a block until a keeper receives it. */
  headDelay_ms: () => number = () => this.world.random.integer(...this.options.network.delayMs);
  /** The cost of a settlement for its sender, in token units. */
  fee = 0n;
  /** Gas costs more than keepers earn, so no settlement is mined. */
  gasSpike = false;
  /** By group. */
  readonly payers: Payer[];
  readonly signatures: Signatures;
  readonly #reader = readingOnce();
  readonly #providers: Providers;
  /** Transactions that wait for a block. */
  readonly #pool: Transaction[] = [];
  readonly #onBlock: ((block: number) => void)[] = [];

  constructor(options: ClusterOptions) {
    installFastHashes();
    this.options = options;
    this.world = new World(options.seed);
    this.signatures = options.signatures ?? cheapSignatures;
    const { signatures } = this;
    const keepers = Array.from({ length: options.committee + (options.spares ?? 0) }, (_, i) =>
      signatures.member(i),
    );
    this.#providers = (options.proofs === "real" ? realProviders : cheapProviders)(this.#providerWorld());
    this.chain = new ChainModel({
      seed: options.seed,
      params: options.params,
      terms: options.terms,
      price: options.terms.price,
      keepers,
      committee: options.committee,
      committees: options.committees ?? 1,
      groups: options.groups ?? 1,
      providers: options.providers.map(BigInt),
      operatorOfProvider: (provider) => operatorOf(2000 + provider),
      dataOf: (provider, bytes) => this.#providers.dataOf(provider, bytes),
      verify: (digest, signers, signature) => signatures.aggregateHolds(digest, signers, signature),
    });
    this.payers = Array.from({ length: options.groups ?? 1 }, (_, group) => new Payer(this.chain, group));
    this.network = new Network(this.world, options.network, this.#reader);
    this.seats = keepers.map(() => newSeat(new MemoryStore(this.world, options.storeLatencyMs)));
    this.processes = this.seats.map((seat, keeper) => ({ keeper, name: this.operatorOf(keeper), seat }));
  }

  #providerWorld(): ProviderWorld {
    const { options, world, signatures } = this;
    return {
      world,
      signatures,
      delayMs: options.network.delayMs,
      tooLate_ms: options.blockMs[1] * (options.params.answer + 2),
      chain: () => this.chain,
      onReceipt: (hash, issued) => this.issued.add(hash, issued),
      proves: (provider, keeper) => this.proves(provider, keeper),
      spoils: (provider) => this.spoils(provider),
      servesList: (provider, keeper) => this.servesList(provider, keeper),
    };
  }

  /** R38: another group enters a committee, with all providers. @returns the error that it is refused with */
  join(committee: number): string | undefined {
    const { chain } = this;
    const group = chain.next.groups.length;
    const refused = chain.call((draft, block) => {
      const entered = draft.committee(committee).firstSlotFrom(block);
      chain.found(draft, committee, block + 1, entered);
    });
    if (refused === undefined) this.payers[group] = new Payer(chain, group);
    return refused;
  }

  /** The operator of keeper `index`, whether it has a seat or not. */
  operatorOf(index: number): Hex {
    return this.signatures.member(index).operator;
  }

  /** Where turn `turn` of the interval that starts at `ts` ends what it pays for (R6). */
  endOf(ts: number, turn: number): number {
    const { interval, turn: blocks } = this.options.params;
    return ts + interval + (turn - 1) * blocks;
  }

  start(index: number): void {
    const seat = this.seats[index];
    if (seat !== undefined && seat.abort === undefined) this.#launch(seat, index, this.operatorOf(index));
  }

  /** D9: a second process with the same keys, on a copy of the disk. */
  startTwin(index: number): void {
    const seat = this.seats[index];
    if (seat === undefined || this.#twins.has(index)) return;
    const twin = {
      keeper: index,
      name: `process ${this.processes.length}`,
      seat: newSeat(seat.store.twin()),
    };
    this.#twins.set(index, twin);
    this.processes.push(twin);
    this.#launch(twin.seat, index, twin.name);
  }

  stopTwin(index: number): void {
    const twin = this.#twins.get(index);
    this.#twins.delete(index);
    if (twin !== undefined) this.#end(twin.seat, twin.name);
  }

  #launch(seat: Seat, index: number, name: string): void {
    const abort = new AbortController();
    seat.abort = abort;
    const head = seat.endpoint === "stale" ? Math.min(seat.staleAt, this.chain.head) : this.chain.head;
    seat.starts.push({ at_ms: this.world.now_ms, head, known: seat.store.head });
    const { signatures } = this;
    const keyring = signatures.keyring(index);
    seat.store.endOf = (ts, turn) => this.endOf(ts, turn);
    const ports: KeeperDependencies = {
      keyring,
      crypto: { ...this.#providers.checks, ...signatureChecks(signatures) },
      store: mortal(seat.store, abort.signal, () => this.world.countRead()),
      ledger: silentLedger,
      transport: this.network.attach(keyring.operator, name),
      chain: chainPort(this, { seat, keeper: index, name }, (waiting) => void this.#pool.push(waiting)),
      telemetry: {
        reason: (contract, code, detail) =>
          this.reasons.push({
            keeper: index,
            block: this.chain.head,
            at_ms: this.world.now_ms,
            code,
            detail: noteInScenario(this.chain, contract, detail),
          }),
        info: () => undefined,
        warn: () => undefined,
        error: (text, fields) => {
          throw new Error(`keeper ${index}: ${text} ${JSON.stringify(fields)}`);
        },
      },
      clock: {
        now_ms: () => this.world.now_ms,
        sleep: (delay_ms) => this.world.sleep(delay_ms),
        entropy: () => this.world.random.hex(32),
      },
      provider: this.#providers.client(index),
      reader: this.#reader,
    };
    // R13: the keeper's timeout is much shorter than the blocks after which an answer is late.
    const { blockMs, params } = this.options;
    const timeout_ms = Math.max(1, Math.floor((blockMs[0] * params.answer) / 3));
    const keeper = new Keeper({ timeout_ms, replacesResigned: false }, this.decorate(ports, index));
    seat.keeper = keeper;
    keeper.run(abort.signal).catch((error: unknown) => {
      if (abort.signal.aborted) return;
      if (seat === this.seats[index]) this.onFatal(index, error);
      else this.stopTwin(index);
    });
  }

  /** Ends a keeper as `kill -9` does: unacknowledged writes are lost. */
  crash(index: number): void {
    const seat = this.seats[index];
    if (seat !== undefined) this.#end(seat, this.operatorOf(index));
  }

  #end(seat: Seat, name: string): void {
    if (seat.abort === undefined) return;
    seat.abort.abort();
    seat.abort = undefined;
    seat.keeper = undefined;
    seat.feed = undefined;
    this.network.detach(name);
  }

  onBlock(listener: (block: number) => void): void {
    this.#onBlock.push(listener);
  }

  /** Mines blocks until `blocks` more exist. */
  async run(blocks: number): Promise<void> {
    const end = this.chain.head + blocks;
    const [low, high] = this.options.blockMs;
    const next = (): void => {
      this.#mine();
      this.world.after(this.world.random.integer(low, high), next);
    };
    if (this.#started) return this.world.run(() => this.chain.head >= end);
    this.#started = true;
    next();
    return this.world.run(() => this.chain.head >= end);
  }
  #started = false;

  #mine(): void {
    for (const waiting of this.#pool.splice(0)) {
      const { submission, sender, resolve } = waiting;
      const closed = submission.kind === "certify" && this.chain.head + 1 >= submission.windowEnd;
      if ((this.gasSpike || this.seats[sender]?.transactions === "stuck") && !closed) {
        this.#pool.push(waiting);
        continue;
      }
      const result = this.chain.submit(submission, this.operatorOf(sender));
      if ("refused" in result) {
        this.refused.push({ keeper: sender, block: this.chain.head + 1, error: result.refused });
        resolve({ kind: "superseded", detail: result.refused });
      } else resolve({ kind: "mined", block: result.block, tx: keccakWords(result.block), gasUsed: 0n });
    }
    for (const payer of this.payers) payer.act();
    const { number, hash } = this.chain.mine();
    this.minedAt_ms[number] = this.world.now_ms;
    this.mined.push({ number, hash, at_ms: this.world.now_ms });
    for (const listener of this.#onBlock) listener(number);
    for (const seat of [...this.seats, ...[...this.#twins.values()].map((twin) => twin.seat)]) {
      this.world.after(this.headDelay_ms(), () => void seat.feed?.());
    }
  }
}

function signatureChecks(signatures: Signatures): Pick<Signatures, "messageSigner" | "aggregate"> {
  return {
    messageSigner: (digest, signature) => signatures.messageSigner(digest, signature),
    aggregate: (digest, partials, members) => signatures.aggregate(digest, partials, members),
  };
}

const silentLedger: KeeperDependencies["ledger"] = { addChallenge: () => undefined };
