/**
 * A keeper in a process of its own for `loopback.ts`: real core, runtime, store on disk, keys and libp2p. Its parent is the chain: it sends
 * blocks, and is told of audit blocks and of the certificate. Its argument is a task as JSON.
 */
import { installFastHashes } from "../../../daemon/hashing/install.ts";
import { NobleCrypto } from "../../../keeper/adapters/crypto-noble.ts";
import { GossipTransport } from "../../../keeper/adapters/libp2p/transport.ts";
import { LevelStore } from "../../../keeper/adapters/store-level.ts";
import { systemClock } from "../../../keeper/adapters/clock-system.ts";
import type { Block } from "../../../keeper/core/events.ts";
import type { ChainPort, Endpoint } from "../../../keeper/ports/chain.ts";
import type { TransportPort } from "../../../keeper/ports/transport.ts";
import { Keeper } from "../../../keeper/runtime/keeper.ts";
import { decodeMessage } from "../../../protocol/codec/message.ts";
import { fromHex, keccakWords } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { RoundKey } from "../../../protocol/messages.ts";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import { override } from "../../../sim/byzantine/override.ts";
import "../../fleet/exit-with-parent.ts";
import { RoundScene, chainId } from "./scene.ts";
import type { SceneSize } from "./scene.ts";

export type LoopbackTask = {
  readonly index: number;
  readonly size: SceneSize;
  readonly piece: { readonly root: Hex; readonly size: number };
  /** Of the store, which holds the records already. */
  readonly folder: string;
};

export type Order =
  | { readonly kind: "members"; readonly endpoints: readonly Endpoint[] }
  | { readonly kind: "blocks"; readonly blocks: readonly Block[] }
  | { readonly kind: "report" };

/** What one keeper used from its first sight of block te to the order to report. */
export type KeeperReport = {
  readonly cpu_ms: number;
  readonly messagesSent: number;
  readonly bytesSent: number;
  /** Largest resident set of the process since its start. */
  readonly memory_MiB: number;
  readonly reasons: Readonly<Record<string, number>>;
};

export type News =
  | { readonly kind: "ready"; readonly endpoint: Endpoint }
  | { readonly kind: "connected"; readonly others: number }
  | { readonly kind: "handled"; readonly head: number }
  | { readonly kind: "audit"; readonly block: number; readonly round: RoundKey }
  | { readonly kind: "certified"; readonly at_ms: number; readonly opened_ms: number }
  | { readonly kind: "report"; readonly report: KeeperReport };

const registry: Hex = `0x${"b2".repeat(20)}`;
const { index, size, piece, folder } = JSON.parse(process.argv[2] ?? "{}") as LoopbackTask;
installFastHashes();
const list = makePieceList([{ root: fromHex(piece.root), size: piece.size }]);
const scene = new RoundScene(size, list);
const keyring = scene.keyrings[index] as RoundScene["keyrings"][number];
const crypto = new NobleCrypto();
const endpoints = new Map<Hex, Endpoint>();
const reasons: Record<string, number> = {};
const sent = { messages: 0, bytes: 0 };
let used = process.cpuUsage();
let opened_ms = 0;
let feed: ((blocks: readonly Block[]) => Promise<void>) | undefined;
let isCertified = false;

function tell(news: News): void {
  process.send?.(news);
}

function now_ms(): number {
  return performance.timeOrigin + performance.now();
}

const chain: ChainPort = {
  follow: async (_operator, onUpdate, _onTrouble, signal) => {
    let queue = Promise.resolve();
    let isFirst = true;
    feed = (blocks) => {
      const head = blocks.at(-1)?.number ?? 0;
      const committees = isFirst ? [scene.snapshot] : scene.changedBy(head);
      isFirst = false;
      if (head === scene.te + scene.params.confirmations) {
        used = process.cpuUsage();
        opened_ms = now_ms();
        Object.assign(sent, { messages: 0, bytes: 0 });
      }
      queue = queue.then(() => onUpdate({ blocks, committees }));
      return queue;
    };
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  },
  keeperEndpoint: async (operator) => endpoints.get(operator),
  // No provider is called in the bench: `provider` below answers.
  providerEndpoint: async (operator) => ({ operator, peerId: operator, multiaddrs: [], sequence: 1 }),
  fee: async () => undefined,
  submit: async (submission) => {
    if (!isCertified && submission.kind !== "consent") {
      isCertified = true;
      scene.checkCertified(submission.groups);
      tell({ kind: "certified", at_ms: now_ms(), opened_ms });
    }
    return { kind: "superseded", detail: "the round is over" };
  },
};

function counted(inner: TransportPort): TransportPort {
  const count = (bytes: number): void => {
    sent.messages++;
    sent.bytes += bytes;
  };
  return override(inner, {
    publish: (topic, bytes) => {
      count(bytes.length);
      const decoded = decodeMessage(bytes);
      if (!decoded.ok) throw new Error(decoded.detail);
      const { body } = decoded.value;
      if (body.kind === "close") tell({ kind: "audit", block: body.auditBlock, round: body.round });
      return inner.publish(topic, bytes);
    },
    ask: (keeper, question, bytes) => {
      count(bytes.length);
      return inner.ask(keeper, question, bytes);
    },
    serve: (question, handler) =>
      inner.serve(question, async (bytes, from) => {
        const reply = await handler(bytes, from);
        if (reply !== undefined) count(reply.length);
        return reply;
      }),
    onConnected: (listener) =>
      inner.onConnected((operators) => {
        tell({ kind: "connected", others: operators.length });
        listener(operators);
      }),
  });
}

const store = await LevelStore.open(folder);
const transport = await GossipTransport.start({
  peerSecret: keccakWords(index, 99),
  listen: ["/ip4/127.0.0.1/tcp/0"],
  redial_ms: 200,
  identity: {
    chainId,
    registry,
    operator: keyring.operator,
    sign: (digest) => keyring.signMessage(digest),
    signer: (digest, signature) => crypto.messageSigner(digest, signature),
  },
  onReason: (code) => void (reasons[code] = (reasons[code] ?? 0) + 1),
});

function start(): void {
  const keeper = new Keeper(
    { timeout_ms: 5_000, replacesResigned: false },
    {
      keyring,
      crypto,
      store,
      chain,
      transport: counted(transport),
      ledger: { addChallenge: () => undefined },
      telemetry: {
        reason: (_committee, code) => void (reasons[code] = (reasons[code] ?? 0) + 1),
        info: () => undefined,
        warn: () => undefined,
        error: (text, fields) => {
          throw new Error(`${text} ${JSON.stringify(fields)}`);
        },
      },
      clock: systemClock,
      provider: {
        challenge: async () => ({ ok: false, reason: "refused", detail: "no challenges in this bench" }),
        pieceList: async () => ({ ok: true, list }),
      },
    },
  );
  void keeper.run(new AbortController().signal);
}

function report(): KeeperReport {
  const { user, system } = process.cpuUsage(used);
  return {
    cpu_ms: (user + system) / 1000,
    messagesSent: sent.messages,
    bytesSent: sent.bytes,
    memory_MiB: process.resourceUsage().maxRSS / 1024,
    reasons,
  };
}

process.on("message", (order: Order) => {
  if (order.kind === "members") {
    for (const endpoint of order.endpoints) endpoints.set(endpoint.operator, endpoint);
    start();
  } else if (order.kind === "blocks") {
    const head = order.blocks.at(-1)?.number ?? 0;
    void feed?.(order.blocks).then(() => tell({ kind: "handled", head }));
  } else tell({ kind: "report", report: report() });
});
const { peerId, addresses } = transport;
const endpoint = { operator: keyring.operator, peerId, multiaddrs: addresses, sequence: 1 };
tell({ kind: "ready", endpoint });
