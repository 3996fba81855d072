/**
 * Plays one round of a whole committee in one process: real core, runtime, codec and keys, over the simulated network and clock.
 * Messages and bytes are those of a real committee; each copy that a keeper receives is counted. CPU time is measured on this machine.
 */
import { installFastHashes } from "../../../daemon/hashing/install.ts";
import type { FileKeyring } from "../../../keeper/adapters/keyring-file.ts";
import { NobleCrypto } from "../../../keeper/adapters/crypto-noble.ts";
import type { Block } from "../../../keeper/core/events.ts";
import type { ChainPort, HandingIn } from "../../../keeper/ports/chain.ts";
import type { TransportPort } from "../../../keeper/ports/transport.ts";
import { Keeper } from "../../../keeper/runtime/keeper.ts";
import type { KeeperDependencies } from "../../../keeper/runtime/keeper.ts";
import { decodeMessage } from "../../../protocol/codec/message.ts";
import { keccakWords } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { Kind } from "../../../protocol/messages.ts";
import type { PieceList } from "../../../storage/core/piece-list.ts";
import { override } from "../../../sim/byzantine/override.ts";
import { MemoryStore } from "../../../sim/keepers/memory-store.ts";
import { Network } from "../../../sim/network/network.ts";
import { World } from "../../../sim/world.ts";
import { recordsOf, withPiece } from "./records.ts";
import { RoundScene, committee } from "./scene.ts";

export type RoundFigures = {
  readonly keepers: number;
  /** Of the interval. */
  readonly slots: number;
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

const block_ms = 1_000;

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
  readonly #scene: RoundScene;
  readonly #list: PieceList;
  readonly #blocks: Block[] = [];
  readonly #feeds: ((blocks: readonly Block[]) => Promise<void>)[] = [];
  submitted: HandingIn | undefined;

  constructor(scene: RoundScene, list: PieceList) {
    this.#scene = scene;
    this.#list = list;
    for (let number = 0; number <= scene.firstHead; number++) this.#add();
  }

  get head(): number {
    return this.#blocks.length - 1;
  }

  #add(): Block {
    const block = this.#scene.block(this.#blocks.length);
    this.#blocks.push(block);
    return block;
  }

  async start(fill: (keyring: FileKeyring) => Promise<Parameters<MemoryStore["write"]>[1]>): Promise<void> {
    const digest = keccakWords(4);
    const { keyrings, snapshot } = this.#scene;
    const partials = keyrings.map((keyring, keeper) => ({ keeper, signature: keyring.signDigest(digest) }));
    for (const keyring of keyrings) {
      const store = new MemoryStore(this.world, 1);
      let filled = false;
      const writes = await fill(keyring);
      void store.write(committee, writes).then(() => (filled = true));
      await this.world.run(() => filled);
      const crypto = new NobleCrypto();
      // Not measured: a keeper decodes its members' keys once in its life, not once a settlement.
      crypto.aggregate(digest, partials, snapshot.version.members);
      const ports = this.#portsOf(keyring, store, crypto);
      const keeper = new Keeper({ timeout_ms: 5_000, replacesResigned: false }, ports);
      void keeper.run(new AbortController().signal);
    }
  }

  #portsOf(keyring: FileKeyring, store: MemoryStore, crypto: NobleCrypto): KeeperDependencies {
    const endpoint = async (operator: Hex) => ({ operator, peerId: operator, multiaddrs: [], sequence: 1 });
    const chain: ChainPort = {
      follow: async (_operator, onUpdate) => {
        await onUpdate({ blocks: [...this.#blocks], committees: [this.#scene.snapshot] });
        let queue = Promise.resolve();
        this.#feeds.push((blocks) => {
          const committees = this.#scene.changedBy(blocks.at(-1)?.number ?? 0);
          return (queue = queue.then(() => onUpdate({ blocks, committees })));
        });
        await new Promise(() => undefined);
      },
      keeperEndpoint: endpoint,
      providerEndpoint: endpoint,
      fee: async () => undefined,
      submit: async (submission) => {
        if (submission.kind !== "consent") this.submitted ??= submission;
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
        addChallenge: () => undefined,
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

  #counted(inner: TransportPort): TransportPort {
    const others = this.#scene.keyrings.length - 1;
    return override(inner, {
      publish: (topic, bytes) => {
        const decoded = decodeMessage(bytes);
        if (!decoded.ok) throw new Error(decoded.detail);
        const { body } = decoded.value;
        this.tally.add(body.kind, bytes.length, others);
        if (body.kind === "close") this.#scene.audit(body.auditBlock, body.round);
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
export async function measureRound(
  keepers: number,
  providers: number,
  groups = 1,
  slots = 2,
): Promise<RoundFigures> {
  installFastHashes();
  return withPiece(async (piece) => {
    const scene = new RoundScene({ keepers, groups, providers, slots }, piece.list);
    const round = new Round(scene, piece.list);
    await round.start((keyring) => recordsOf(keyring, scene.scope, piece));
    await round.runTo(scene.te - 1);
    const before = process.cpuUsage();
    round.tally.open = true;
    await round.runTo(scene.te + scene.params.turn);
    const { user, system } = process.cpuUsage(before);
    scene.checkCertified(round.submitted?.groups ?? []);
    const { messages, bytes, byKind } = round.tally;
    return {
      keepers,
      slots,
      groups,
      providers: groups * providers,
      messagesPerKeeper: messages / keepers,
      bytesPerKeeper: bytes / keepers,
      cpu_ms: (user + system) / 1000 / keepers,
      bytesByKind: Object.fromEntries([...byKind].map(([kind, sum]) => [kind, sum / keepers])),
    };
  });
}
