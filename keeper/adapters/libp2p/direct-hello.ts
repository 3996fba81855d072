/**
 * Hellos for peers that gossip does not reach. Gossipsub has one stream to a peer key: where two processes have the same key, one of
 * them is told of no subscription and reaches nobody, so the other one would never hear of it (D9).
 */
import type { Connection, Libp2p, PeerId, Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import { isHello, maxBytesOf } from "../../../protocol/codec/message.ts";
import type { Verdict } from "../../ports/transport.ts";

const protocol = "/whitepay/hello/1";
const send_ms = 5_000;
const maxTopicBytes = 256;
/** Streams of one peer at a time: it says hello once a slot and group. */
const maxStreams = 4;

export type DirectHelloDependencies = {
  readonly node: Pick<Libp2p, "handle">;
  /** What gossip would do with it; undefined: no such topic here. */
  readonly judge: (topic: string, peer: PeerId, bytes: Uint8Array) => Promise<Verdict | undefined>;
  /** Gossip brings it to everybody else, the other process with this peer's key included. */
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
    await this.#on.node.handle(protocol, handler, { maxInboundStreams: maxStreams });
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

  /** Says a hello on these connections. One that is not heard is said again in the next slot. */
  send(topic: string, bytes: Uint8Array, connections: readonly Connection[]): void {
    for (const connection of connections) void this.#say(topic, bytes, connection);
  }

  async #say(topic: string, bytes: Uint8Array, connection: Connection): Promise<void> {
    let stream: Stream | undefined;
    try {
      const signal = AbortSignal.timeout(send_ms);
      stream = await connection.newStream(protocol, { signal });
      const io = lpStream(stream);
      await io.write(new TextEncoder().encode(topic), { signal });
      await io.write(bytes, { signal });
      await stream.close({ signal });
    } catch (error) {
      // An earlier release has no such protocol.
      stream?.abort(error as Error);
    }
  }
}
