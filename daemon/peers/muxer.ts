/** The stream multiplexer of all nodes. */
import { yamux } from "@libp2p/yamux";

/**
 * Yamux whose `abort` throws nothing. It sends a last frame, which fails if the connection is closed already. The error would
 * leave an event listener, where nothing catches it, and end the process: a peer that closes at the wrong moment could stop a daemon (L4).
 */
export function muxer(init: Parameters<typeof yamux>[0] = {}): ReturnType<typeof yamux> {
  const create = yamux(init);
  return () => {
    const factory = create();
    const createStreamMuxer = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection) => {
      const made = createStreamMuxer(connection);
      const abort = made.abort.bind(made);
      made.abort = (error) => {
        try {
          abort(error);
        } catch (cause) {
          connection.log("no last frame on a closed connection: %o", cause);
        }
      };
      return made;
    };
    return factory;
  };
}
