/**
 * A provider in a process of its own for `measure.ts`: the daemon's server, responders, pieces and answers on disk, over a chain that its
 * parent describes. Its argument is a task as JSON.
 */
import { join } from "node:path";
import { installFastHashes } from "../../../daemon/hashing/install.ts";
import { signReceipt } from "../../../protocol/codec/receipt.ts";
import { verifySeed } from "../../../protocol/codec/seed.ts";
import { fromHex, toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { PieceStore } from "../../../storage/disk/store.ts";
import { openAnswers } from "../../../provider/answers-level.ts";
import { challengeResponder } from "../../../provider/challenge.ts";
import { piecesResponder } from "../../../provider/pieces.ts";
import type { ChainView, ProviderCrypto, ProviderEvents } from "../../../provider/ports.ts";
import { startServer } from "../../../provider/server-libp2p.ts";
import "../../fleet/exit-with-parent.ts";
import { receiptKey, receiptSecret, writePiece } from "../round/records.ts";
import { RoundScene, chainId, committee } from "../round/scene.ts";
import type { SceneSize } from "../round/scene.ts";

export type ProviderTask = {
  readonly size: SceneSize;
  readonly folder: string;
  /** Peer id of the keeper that challenges. */
  readonly keeperPeer: string;
};

export type ProviderOrder = { readonly kind: "head"; readonly head: number } | { readonly kind: "report" };

/** Since the report before. */
export type ProviderReport = {
  readonly cpu_ms: number;
  readonly messages: number;
  readonly bytes: number;
  readonly answered: number;
  readonly refused: readonly string[];
};

export type ProviderNews =
  | { readonly kind: "ready"; readonly peerId: string; readonly multiaddrs: readonly string[] }
  | { readonly kind: "report"; readonly report: ProviderReport };

const { size, folder, keeperPeer } = JSON.parse(process.argv[2] ?? "{}") as ProviderTask;
installFastHashes();
const store = await PieceStore.open(join(folder, "pieces"));
const list = await store.addToList([await writePiece(store, folder)]);
const scene = new RoundScene(size, list);
const groups = new Set<Hex>(scene.snapshot.groups.map(({ address }) => address));
const { originBlock, slot } = scene.params;
const data = { listRoot: toHex(list.root), bytes: list.totalBytes, receiptKey };
let head = scene.firstHead;
let used = process.cpuUsage();
let [messages, bytes, answered] = [0, 0, 0];
let refused: string[] = [];

const chain: ChainView = {
  chainId,
  operator: receiptKey,
  groups,
  head: async () => head,
  committee: async (address) => (address === committee ? { originBlock, slot } : undefined),
  keeper: async (_committee, operator) => {
    const member = scene.snapshot.version.members.find((one) => one.operator === operator);
    return member === undefined ? undefined : { blsKeys: [member.blsKey], peerId: keeperPeer };
  },
  blockHash: async (block) => scene.block(block).hash,
  data: async () => data,
  payer: async () => receiptKey,
};

const crypto: ProviderCrypto = {
  verifySeed: async (scope, seed, blsKey) => verifySeed(scope, seed, fromHex(blsKey)),
  signReceipt: (domain, receipt) => signReceipt(domain, receipt, fromHex(receiptSecret)),
};

const events: ProviderEvents = {
  served: () => undefined,
  answered: () => void answered++,
  repeated: () => undefined,
  refused: ({ code, detail }) => void refused.push(`${code}: ${detail}`),
  turnedAway: ({ code, detail }) => void refused.push(`${code}: ${detail}`),
  damaged: ({ text }) => void refused.push(text),
};

const answers = await openAnswers(join(folder, "answers"));
const scale = { committees: 1, groups: size.groups, keepers: size.keepers };
const respond = challengeResponder({ chain, answers, store, crypto, events, scale: () => scale });
const server = await startServer(
  { peerSeed: new Uint8Array(32).fill(7), listen: ["/ip4/127.0.0.1/tcp/0"] },
  {
    challenge: async (request, peer) => {
      const response = await respond(request, peer);
      messages++;
      bytes += response.length;
      return response;
    },
    pieces: piecesResponder({ chain, store }),
    retrieve: () => Promise.reject(new Error("no data is read in this bench")),
    keeperPeers: async () => new Set([keeperPeer]),
    scale: () => scale,
    online: async () => true,
  },
);

function report(): ProviderReport {
  const { user, system } = process.cpuUsage(used);
  const made = { cpu_ms: (user + system) / 1000, messages, bytes, answered, refused };
  used = process.cpuUsage();
  [messages, bytes, answered, refused] = [0, 0, 0, []];
  return made;
}

function tell(news: ProviderNews): void {
  process.send?.(news);
}

process.on("message", (order: ProviderOrder) => {
  if (order.kind === "head") head = order.head;
  else tell({ kind: "report", report: report() });
});
const multiaddrs = server.getMultiaddrs().map(String);
tell({ kind: "ready", peerId: server.peerId.toString(), multiaddrs });
