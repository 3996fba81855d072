import { multiaddrConnectionPair } from "@libp2p/utils";
import { yamux } from "@libp2p/yamux";
import { expect, it } from "vitest";
import { muxer } from "../../../../daemon/peers/muxer.ts";

/** A multiplexer whose connection is being closed when it has to abort, as after a bad frame in the last data of a peer. */
function aborts(create: typeof yamux): () => void {
  const [near] = multiaddrConnectionPair();
  const made = create()().createStreamMuxer(near);
  void near.close();
  return () => made.abort(new Error("a bad frame"));
}

it("a multiplexer aborts on a connection that is being closed without an error that would end the process (L4)", () => {
  expect(aborts(muxer)).not.toThrow();
  // The reason for the guard. If this fails, the library has mended it, and the guard can go.
  expect(aborts(yamux)).toThrow("Cannot write to a stream");
});
