/**
 * A flooding peer in a process of its own, so that its own CPU time is not measured. Its argument is a task as JSON. It prints a line
 * when it is ready, and ends with its parent or when its time is over.
 */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { RPC } from "@chainsafe/libp2p-gossipsub/message";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { fromHex, keccakWords } from "../../../protocol/hash.ts";
import { smallestScale } from "../../../protocol/limits/derived.ts";
import { concatBytes } from "../../../storage/core/bytes.ts";
import "../../fleet/exit-with-parent.ts";
import type { Flood, FloodReport } from "./kinds.ts";
import { floodTopic, keeperNode, registrationOf } from "./nodes.ts";

const gossipProtocols = ["/meshsub/1.2.0", "/meshsub/1.1.0"];
const chunkBytes = 128 * 1024;

const flood = JSON.parse(process.argv[2] ?? "{}") as Flood;
const report: FloodReport = { sent: 0, bytes: 0, refused: 0, open: 0 };

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A gossip frame with one unsigned message. */
function junkFrame(number: number, size: number): Uint8Array {
  const data = new Uint8Array(size);
  new DataView(data.buffer).setUint32(0, number);
  new DataView(data.buffer).setUint32(Math.max(0, size - 4), number);
  const rpc = RPC.encode({ subscriptions: [], messages: [{ topic: floodTopic, data }] });
  return Uint8Array.of(...varint(rpc.length), ...rpc);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

/** Writes unsigned messages as fast as the other side reads them, many frames at a time. */
async function pour(stream: Stream, size: number, until_ms: number): Promise<void> {
  const frames = Math.max(1, Math.floor(chunkBytes / size));
  while (performance.now() < until_ms) {
    const chunk = concatBytes(...Array.from({ length: frames }, (_, i) => junkFrame(report.sent + i, size)));
    const room = stream.send(chunk);
    report.sent += frames;
    report.bytes += chunk.length;
    if (!room)
      await stream.onDrain({ signal: AbortSignal.timeout(Math.max(1, until_ms - performance.now())) });
  }
}

/** Opens gossip streams repeatedly, and floods each one that is accepted. */
async function floodGossip(connection: Connection, size: number, until_ms: number): Promise<void> {
  while (performance.now() < until_ms && connection.status === "open") {
    try {
      const stream = await connection.newStream(gossipProtocols);
      await pour(stream, size, until_ms);
    } catch {
      report.refused++;
      await sleep(10);
    }
  }
}

async function plainNode(peer: number, listen: readonly string[]): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", fromHex(keccakWords(peer, 99))),
    addresses: { listen: [...listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: {
      maxConnections: 4096,
      inboundConnectionThreshold: 4096,
      maxIncomingPendingConnections: 4096,
    },
  });
}

/** A provider that floods the first peer that connects to it. */
async function asProvider(size: number, seconds: number): Promise<void> {
  const node = await plainNode(50, ["/ip4/127.0.0.1/tcp/0"]);
  const called = new Promise<Connection>((resolve) => {
    node.addEventListener("connection:open", ({ detail }) => resolve(detail), { once: true });
  });
  say({ peerId: node.peerId.toString(), multiaddrs: node.getMultiaddrs().map(String) });
  const connection = await called;
  await floodGossip(connection, size, performance.now() + seconds * 1000);
  say(report);
  await node.stop();
}

/** A keeper that first proves its peer id (R3), then floods. */
async function asKeeper(
  index: number,
  target: Parameters<typeof registrationOf>[1],
  size: number,
  seconds: number,
): Promise<void> {
  const node = await keeperNode(index);
  say(registrationOf(index, node));
  node.setMembers([registrationOf(0, target)], registrationOf(index, node), smallestScale);
  await new Promise<void>((resolve) => {
    node.onConnected((operators) => void (operators.length > 0 && resolve()));
  });
  const [connection] = node.node.getConnections();
  if (connection !== undefined) await floodGossip(connection, size, performance.now() + seconds * 1000);
  say(report);
  await node.stop();
}

/** One peer that opens connections and does not use them. */
async function idle(addresses: readonly string[], count: number, seconds: number): Promise<void> {
  const node = await plainNode(60, []);
  const target = addresses.map((address) => multiaddr(address));
  for (let i = 0; i < count; i++) {
    await node.dial(target, { force: true }).then(
      () => report.sent++,
      () => report.refused++,
    );
  }
  report.open = node.getConnections().filter(({ status }) => status === "open").length;
  say(report);
  await sleep(seconds * 1000);
  report.open = node.getConnections().filter(({ status }) => status === "open").length;
  say(report);
  await node.stop();
}

/** One host that opens sockets and sends nothing. */
async function mute(port: number, count: number, seconds: number): Promise<void> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.9" });
    socket.on("error", () => undefined);
    socket.resume();
    return socket;
  });
  await sleep(500);
  say(report);
  const stillOpen = (): number => sockets.filter(({ destroyed }) => !destroyed).length;
  // A busy machine closes sockets slowly: count the open ones after a time in which none was closed.
  do {
    report.open = stillOpen();
    await sleep(seconds * 1000);
  } while (stillOpen() !== report.open);
  say(report);
  for (const socket of sockets) socket.destroy();
}

switch (flood.kind) {
  case "provider":
    await asProvider(flood.size, flood.seconds);
    break;
  case "keeper":
    await asKeeper(flood.index, flood.target, flood.size, flood.seconds);
    break;
  case "idle":
    await idle(flood.multiaddrs, flood.count, flood.seconds);
    break;
  case "mute":
    await mute(flood.port, flood.count, flood.seconds);
}
process.exit(0);
