/**
 * Sends hellos to peers that gossip does not reach. Gossipsub opens one stream for a peer key. If two processes use the same key, one
 * of them gets no subscriptions and its gossip reaches no peer, so the other process would not detect it (D9).
 */
import type { Connection, Libp2p, PeerId, Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import { isHello, maxBytesOf } from "../../../protocol/codec/message.ts";
import type { Verdict } from "../../ports/transport.ts";

const protocol = "/whitepay/hello/1";
const send_ms = 5_000;
const maxTopicBytes = 256;
/** Open streams of one peer. It sends one hello a slot and group. */
const maxStreams = 4;

export type DirectHelloDependencies = {
  readonly node: Pick<Libp2p, "handle">;
  /** The verdict that gossip would give; undefined: this keeper has not joined the topic. */
  readonly judge: (topic: string, peer: PeerId, bytes: Uint8Array) => Promise<Verdict | undefined>;
  /** Publishes the hello by gossip, which reaches all peers and the other process with the same key. */
  readonly passOn: (topic: string, bytes: Uint8Array) => Promise<void>;
};

export class DirectHellos {
  readonly #on: DirectHelloDependencies;

  constructor(on: DirectHelloDependencies) {
    this.#on = on;
  }

  async serve(): Promise<void> {
    const handler = (stream: Stream, connection: Connection): void => {
      this.#hear(stream, connection).catch((error: unknown) => stream.abort(error as Error));
    };
    await this.#on.node.handle(protocol, handler, {
      maxInboundStreams: maxStreams,
      runOnLimitedConnection: true,
    });
  }

  async #hear(stream: Stream, { remotePeer }: Connection): Promise<void> {
    const signal = AbortSignal.timeout(send_ms);
    const io = lpStream(stream, { maxDataLength: Math.max(maxTopicBytes, maxBytesOf.hello) });
    const topic = new TextDecoder().decode((await io.read({ signal })).subarray());
    const bytes = (await io.read({ signal })).slice();
    await stream.close({ signal });
    if (!isHello(bytes)) throw new Error("not a hello");
    const verdict = await this.#on.judge(topic, remotePeer, bytes);
    if (verdict === "accept") await this.#on.passOn(topic, bytes);
  }

  /** Sends a hello on these connections. A lost one is not repeated: the next slot brings another. */
  send(topic: string, bytes: Uint8Array, connections: readonly Connection[]): void {
    for (const connection of connections) void this.#sendOne(topic, bytes, connection);
  }

  async #sendOne(topic: string, bytes: Uint8Array, connection: Connection): Promise<void> {
    let stream: Stream | undefined;
    try {
      const signal = AbortSignal.timeout(send_ms);
      stream = await connection.newStream(protocol, { signal, runOnLimitedConnection: true });
      const io = lpStream(stream);
      await io.write(new TextEncoder().encode(topic), { signal });
      await io.write(bytes, { signal });
      await stream.close({ signal });
    } catch (error) {
      // An earlier release does not know this protocol.
      stream?.abort(error as Error);
    }
  }
}
