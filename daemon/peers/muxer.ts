/** The stream multiplexer of all nodes. */
import { yamux } from "@libp2p/yamux";

export type MuxerOptions = Parameters<typeof yamux>[0] & {
  /**
   * Bytes that the other side may send on a stream before this side has read any: announced when a stream opens, and never exceeded. Without
   * it, a stream begins with 256 KiB. A range of 2 MB in a stream of its own would wait several times for a larger window.
   */
  readonly windowBytes?: number;
};

type Muxer = ReturnType<ReturnType<ReturnType<typeof yamux>>["createStreamMuxer"]>;
/**
 * The part of yamux's stream that announces its window. It is private there: yamux's `initialStreamWindowSize` supposes that the other side
 * has set the same.
 */
type Receiving = {
  recvWindow: number;
  readonly recvWindowCapacity: number;
  readonly status: string;
  sendWindowUpdate(): void;
};
type MakesStreams = {
  [newStreamName](id: number, state: number, direction: "inbound" | "outbound"): Receiving;
};
/** Yamux's private method that makes the streams of both sides. */
const newStreamName = "_newStream";

/**
 * Yamux whose `abort` throws nothing. It sends a last frame, which fails if the connection is closed already. The error would
 * leave an event listener, where nothing catches it, and end the process: a peer that closes at the wrong moment could stop a daemon (L4).
 */
export function muxer({ windowBytes, ...init }: MuxerOptions = {}): ReturnType<typeof yamux> {
  const { streamOptions } = init;
  const window = windowBytes === undefined ? {} : { maxStreamWindowSize: windowBytes };
  const create = yamux({ ...init, streamOptions: { ...streamOptions, ...window } });
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
      if (windowBytes !== undefined) announce(made, windowBytes);
      return made;
    };
    return factory;
  };
}

/**
 * The first frame of each new stream gives the other side the whole window. Later frames follow when half of it is used; yamux itself sends
 * one after each frame with data, and each costs an encryption and a write.
 */
function announce(made: Muxer, windowBytes: number): void {
  const makes = made as unknown as MakesStreams;
  const newStream = makes[newStreamName].bind(made);
  makes[newStreamName] = (id, state, direction) => {
    const stream = newStream(id, state, direction);
    stream.recvWindow = windowBytes;
    const update = stream.sendWindowUpdate.bind(stream);
    let isAnnounced = false;
    stream.sendWindowUpdate = () => {
      if (isAnnounced && stream.recvWindowCapacity > windowBytes / 2) return;
      isAnnounced = true;
      update();
    };
    // Yamux itself sends the first frame of an outbound stream, and none for an inbound one before it answers or receives.
    if (direction === "inbound") {
      queueMicrotask(() => {
        if (stream.status === "open") stream.sendWindowUpdate();
      });
    }
    return stream;
  };
}
