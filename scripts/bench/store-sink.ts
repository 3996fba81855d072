/** A libp2p node that reads streams to their end and throws the bytes away: the other side of `store.ts`. Prints its address when it is up. */
import { randomBytes } from "node:crypto";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { muxer } from "../../daemon/peers/muxer.ts";

const sinkProtocol = "/whitepay-bench/sink/1";

const node = await createLibp2p({
  privateKey: await generateKeyPairFromSeed("Ed25519", randomBytes(32)),
  addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [muxer()],
});
await node.handle(sinkProtocol, (stream) => {
  const work = async (): Promise<void> => {
    let bytes = 0;
    for await (const chunk of stream) bytes += chunk.byteLength;
    // The answer says that everything has arrived.
    stream.send(new TextEncoder().encode(String(bytes)));
    await stream.close();
  };
  work().catch((error: unknown) => stream.abort(error as Error));
});
process.stdout.write(`${JSON.stringify({ event: "ready", addresses: node.getMultiaddrs().map(String) })}\n`);
process.once("SIGTERM", () => void node.stop());
