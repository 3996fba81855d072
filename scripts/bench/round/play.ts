/**
 * Plays one round of a whole committee in one process: real core, runtime, codec and keys, over the simulated network and clock.
 * Messages and bytes are those of a real committee; each copy that a keeper receives is counted. CPU time is measured on this machine.
 */
import { installFastHashes } from "../../../daemon/hashing/install.ts";
import { FileKeyring } from "../../../keeper/adapters/keyring-file.ts";
import { NobleCrypto } from "../../../keeper/adapters/crypto-noble.ts";
import { seedPublicKey } from "../../../protocol/codec/seed.ts";
import { decodeMessage } from "../../../protocol/codec/message.ts";
import type { Block } from "../../../keeper/core/events.ts";
import type { CommitteeSnapshot, GroupEntry, Member } from "../../../protocol/committee.ts";
import { fromHex, keccakWords, toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { RoundKey } from "../../../protocol/messages.ts";
import type { Kind } from "../../../protocol/messages.ts";
import { scopeOf } from "../../../protocol/scope.ts";
import { auditSeed, drawAudit } from "../../../keeper/core/stages/audit.ts";
import type { ChainPort, Submission } from "../../../keeper/ports/chain.ts";
import type { TransportPort } from "../../../keeper/ports/transport.ts";
import { Keeper } from "../../../keeper/runtime/keeper.ts";
import type { KeeperDependencies } from "../../../keeper/runtime/keeper.ts";
import type { PieceList } from "../../../storage/core/piece-list.ts";
import { override } from "../../../sim/byzantine/override.ts";
import { MemoryStore } from "../../../sim/keepers/memory-store.ts";
import { Network } from "../../../sim/network/network.ts";
import { World } from "../../../sim/world.ts";
import { pairKey, pairsWithProof, receiptKey, recordsOf, withPiece } from "./records.ts";
import type { RecordScope } from "./records.ts";

export type RoundFigures = {
  readonly keepers: number;
  readonly groups: number;
  /** Of all groups. */
  readonly providers: number;
  /** Copies of messages that one keeper received in the settlement, on average: gossip, requests and responses. */
  readonly messagesPerKeeper: number;
  readonly bytesPerKeeper: number;
  /** CPU of one keeper in the settlement, on average. */
  readonly cpu_ms: number;
  /** Bytes that one keeper received, by kind of message. */
  readonly bytesByKind: Readonly<Record<string, number>>;
};

const chainId = 31_337;
const committee: Hex = `0x${"c0".repeat(20)}`;

function groupAddress(number: number): Hex {
  return `0x${"67".repeat(16)}${number.toString(16).padStart(8, "0")}`;
}
const block_ms = 1_000;
/** The shortest turn that R4 allows with one confirmation, and two slots an interval. */
const params = {
  originBlock: 0,
  interval: 60,
  turn: 30,
  slot: 30,
  answer: 5,
  confirmations: 1,
  toleranceBps: 100,
};
/** Early enough to listen for a whole slot before the round (D9). */
const firstHead = 12;

function secret(kind: number, index: number): Hex {
  // The first byte is zero, so the secret is below the order of every curve in use.
  return `0x00${keccakWords(kind, index).slice(4)}`;
}

function blockHash(number: number, salt = 0): Hex {
  return keccakWords(0xb10c, number, salt);
}

class Tally {
  open = false;
  messages = 0;
  bytes = 0;
  readonly byKind = new Map<string, number>();

  add(kind: Kind | "question" | "answer", size: number, copies: number): void {
    if (!this.open) return;
    this.messages += copies;
    this.bytes += size * copies;
    this.byKind.set(kind, (this.byKind.get(kind) ?? 0) + size * copies);
  }
}

class Round {
  readonly world = new World(1);
  readonly tally = new Tally();
  readonly #network = new Network(this.world, { delayMs: [5, 5], loss: 0 });
  readonly #snapshot: CommitteeSnapshot;
  readonly #groups: readonly GroupEntry[];
  readonly #keyrings: readonly FileKeyring[];
  readonly #list: PieceList;
  readonly #real: ReadonlySet<string>;
  readonly #blocks: Block[] = [];
  readonly #feeds: ((blocks: readonly Block[]) => Promise<void>)[] = [];
  /** The round of each audit block. */
  readonly #audits = new Map<number, RoundKey>();
  submitted: Submission | undefined;

  constructor(keepers: number, scope: RecordScope, list: PieceList) {
    this.#list = list;
    this.#real = new Set(pairsWithProof(scope).map(pairKey));
    const indices = Array.from({ length: keepers }, (_, index) => index);
    this.#keyrings = indices.map((i) => new FileKeyring({ operator: secret(1, i), bls: secret(2, i) }));
    const members = this.#keyrings.map(({ operator }, i): Member => ({
      operator,
      blsKey: toHex(seedPublicKey(fromHex(secret(2, i)))),
    }));
    const listRoot = toHex(list.root);
    // Bytes are committed until the interval ends, so no challenge is due during the round.
    const history = [
      { fromBlock: 0, bytes: list.totalBytes, price: 1n << 40n, listRoot, receiptKey },
      { fromBlock: params.interval, bytes: 0n, price: 0n, listRoot, receiptKey },
    ];
    const providers = Array.from({ length: scope.providers }, (_, index) => {
      return { index, operator: receiptKey, history };
    });
    this.#groups = Array.from({ length: scope.groups }, (_, i) => ({
      number: i + 1,
      address: groupAddress(i + 1),
      entered: 0,
      left: undefined,
      settledThrough: 0,
      ceiling: scope.providers,
      keeperFee: 0n,
      keeperShareBps: 1000,
      providers,
    }));
    this.#snapshot = {
      chainId,
      address: committee,
      block: 0,
      params,
      ts: 0,
      version: { version: 1, seed: keccakWords(3), members, resigned: [] },
      next: undefined,
      groups: this.#groups,
      scope: undefined,
      remembered: [],
    };
    for (let number = 0; number <= firstHead; number++) this.#add();
  }

  get head(): number {
    return this.#blocks.length - 1;
  }

  #add(): Block {
    const number = this.#blocks.length;
    const block = { number, hash: this.#hashOf(number) };
    this.#blocks.push(block);
    return block;
  }

  /** Chooses the hash of an audit block such that the first leaf drawn has a proof. */
  #hashOf(number: number): Hex {
    const round = this.#audits.get(number);
    if (round === undefined) return blockHash(number);
    const { records } = scopeOf(params, 0, { te: params.interval, groups: this.#groups });
    for (let salt = 0; ; salt++) {
      const hash = blockHash(number, salt);
      const [first] = drawAudit(auditSeed(committee, round.ts, round.turn, hash), records);
      if (first !== undefined && this.#real.has(pairKey(first))) return hash;
    }
  }

  async start(fill: (keyring: FileKeyring) => Promise<Parameters<MemoryStore["write"]>[1]>): Promise<void> {
    const digest = keccakWords(4);
    const partials = this.#keyrings.map((keyring, keeper) => ({
      keeper,
      signature: keyring.signDigest(digest),
    }));
    for (const keyring of this.#keyrings) {
      const store = new MemoryStore(this.world, 1);
      let filled = false;
      const writes = await fill(keyring);
      void store.write(committee, writes).then(() => (filled = true));
      await this.world.run(() => filled);
      const crypto = new NobleCrypto();
      // Not measured: a keeper decodes its members' keys once in its life, not once a settlement.
      crypto.aggregate(digest, partials, this.#snapshot.version.members);
      const ports = this.#portsOf(keyring, store, crypto);
      const keeper = new Keeper({ timeout_ms: 5_000 }, ports);
      void keeper.run(new AbortController().signal);
    }
  }

  #portsOf(keyring: FileKeyring, store: MemoryStore, crypto: NobleCrypto): KeeperDependencies {
    const endpoint = async (operator: Hex) => ({ operator, peerId: operator, multiaddrs: [], sequence: 1 });
    const chain: ChainPort = {
      follow: async (_operator, onUpdate) => {
        await onUpdate({ blocks: [...this.#blocks], committees: [this.#snapshot] });
        let queue = Promise.resolve();
        this.#feeds.push((blocks) => {
          const committees = this.#changedBy(blocks.at(-1)?.number ?? 0);
          return (queue = queue.then(() => onUpdate({ blocks, committees })));
        });
        await new Promise(() => undefined);
      },
      keeperEndpoint: endpoint,
      providerEndpoint: endpoint,
      fee: async () => undefined,
      submit: async (submission) => {
        this.submitted ??= submission;
        return { kind: "superseded", detail: "the round is over" };
      },
    };
    return {
      keyring,
      crypto,
      store,
      chain,
      transport: this.#counted(this.#network.attach(keyring.operator)),
      ledger: {
        addChallenge: async () => undefined,
      },
      telemetry: {
        reason: () => undefined,
        info: () => undefined,
        warn: () => undefined,
        error: (text, fields) => {
          throw new Error(`${text} ${JSON.stringify(fields)}`);
        },
      },
      clock: {
        now_ms: () => this.world.now_ms,
        sleep: (delay_ms) => this.world.sleep(delay_ms),
        entropy: () => this.world.random.hex(32),
      },
      provider: {
        challenge: async () => ({ ok: false, reason: "refused", detail: "no challenges in this bench" }),
        pieceList: async () => ({ ok: true, list: this.#list }),
      },
    };
  }

  /** R38: the scope of the turn, once the view reaches te. */
  #changedBy(head: number): readonly CommitteeSnapshot[] {
    const te = params.interval;
    if (head !== te + params.confirmations) return [];
    return [{ ...this.#snapshot, block: te, scope: { te, groups: this.#groups } }];
  }

  #counted(inner: TransportPort): TransportPort {
    const others = this.#keyrings.length - 1;
    return override(inner, {
      publish: (topic, bytes) => {
        const decoded = decodeMessage(bytes);
        if (!decoded.ok) throw new Error(decoded.detail);
        const { body } = decoded.value;
        this.tally.add(body.kind, bytes.length, others);
        if (body.kind === "close") {
          this.#audits.set(body.auditBlock, body.round);
        }
        return inner.publish(topic, bytes);
      },
      ask: async (keeper, question, bytes) => {
        this.tally.add("question", bytes.length, 1);
        const reply = await inner.ask(keeper, question, bytes);
        this.tally.add("answer", reply?.length ?? 0, 1);
        return reply;
      },
    });
  }

  /** Mines blocks until `head` or until a keeper submits. The messages and checks of a block end before the next block. */
  async runTo(head: number): Promise<void> {
    const next = (): void => {
      if (this.head >= head || this.submitted !== undefined) return;
      const block = this.#add();
      for (const feed of this.#feeds) void feed([block]);
      this.world.after(block_ms, next);
    };
    this.world.after(block_ms, next);
    const end_ms = this.world.now_ms + block_ms * (head - this.head + 1);
    await this.world.run(() => this.submitted !== undefined || this.world.now_ms >= end_ms);
  }
}

/** Plays and measures the round that certifies one interval of `groups` groups of `providers` providers each. */
export async function measureRound(keepers: number, providers: number, groups = 1): Promise<RoundFigures> {
  installFastHashes();
  const scope: RecordScope = {
    chainId,
    committee,
    operator: receiptKey,
    groups,
    providers,
    addressOf: groupAddress,
    slots: [0, 1],
    blockHashOf: (slot) => blockHash(slot * params.slot),
  };
  return withPiece(async (piece) => {
    const round = new Round(keepers, scope, piece.list);
    await round.start((keyring) => recordsOf(keyring, scope, piece));
    await round.runTo(params.interval - 1);
    const before = process.cpuUsage();
    round.tally.open = true;
    await round.runTo(params.interval + params.turn);
    const { user, system } = process.cpuUsage(before);
    const items = round.submitted?.groups.flatMap((group) => group.items) ?? [];
    const whole = piece.list.totalBytes * BigInt(params.interval);
    if (items.length !== groups * providers || items.some((i) => i.spaceTime !== whole)) {
      throw new Error(
        `n = ${keepers}, ${groups} groups of ${providers}: the round did not certify what was recorded`,
      );
    }
    const { messages, bytes, byKind } = round.tally;
    return {
      keepers,
      groups,
      providers: groups * providers,
      messagesPerKeeper: messages / keepers,
      bytesPerKeeper: bytes / keepers,
      cpu_ms: (user + system) / 1000 / keepers,
      bytesByKind: Object.fromEntries([...byKind].map(([kind, sum]) => [kind, sum / keepers])),
    };
  });
}
