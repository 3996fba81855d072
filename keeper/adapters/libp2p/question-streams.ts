/** Questions between keepers: one libp2p stream for each question and its reply. */
import type { Libp2p, PeerId, Stream } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { lpStream } from "@libp2p/utils";
import type { InboundMeter } from "../../../daemon/peers/inbound-meter.ts";
import { bestFirst } from "../../../daemon/peers/relay/stream.ts";
import { maxQuestionBytes, maxReplyBytes } from "../../../protocol/codec/question.ts";
import type { Question } from "../../../protocol/codec/question.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { streamsOfPeer } from "../../../protocol/limits/derived.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import type { RequestHandler } from "../../ports/transport.ts";
import type { Identities } from "./identities.ts";

export const askTimeout_ms = 5_000;

/** The reply of a keeper that has no answer. */
const noAnswer = new Uint8Array();

const protocolOf: Record<Question, string> = {
  pull: "/whitepay/pull/1",
  records: "/whitepay/records/1",
  page: "/whitepay/record-page/1",
  pieces: "/whitepay/keeper-pieces/1",
  certificate: "/whitepay/certificate/1",
};

export type QuestionStreamDependencies = {
  readonly node: Pick<Libp2p, "handle" | "getConnections">;
  readonly identities: Pick<Identities, "operatorOf" | "peerOf">;
  readonly meter: Pick<InboundMeter, "expect">;
  readonly onReason: (code: ReasonCode, detail: string) => void;
  readonly stopped: AbortSignal;
};

export class QuestionStreams {
  readonly #on: QuestionStreamDependencies;

  constructor(on: QuestionStreamDependencies) {
    this.#on = on;
  }

  serve(question: Question, handler: RequestHandler): void {
    const { node } = this.#on;
    void node.handle(
      protocolOf[question],
      (stream, { remotePeer }) => {
        this.#answer(stream, remotePeer, handler).catch((error: unknown) => stream.abort(error as Error));
      },
      { maxInboundStreams: streamsOfPeer.question, runOnLimitedConnection: true },
    );
  }

  async #answer(stream: Stream, peer: PeerId, handler: RequestHandler): Promise<void> {
    const { identities, onReason } = this.#on;
    const operator = identities.operatorOf(peer.toString());
    if (operator === undefined) {
      onReason("wire-stranger", peer.toString());
      throw new Error("refused");
    }
    const signal = AbortSignal.timeout(askTimeout_ms);
    const io = lpStream(stream, { maxDataLength: maxQuestionBytes });
    const request = (await io.read({ signal })).subarray();
    const reply = await handler(request, operator);
    await io.write(reply ?? noAnswer, { signal });
    await stream.close({ signal });
  }

  /** Undefined if the keeper is not connected, too slow or without an answer. */
  async ask(keeper: Hex, question: Question, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const { node, identities, meter, stopped } = this.#on;
    const peerId = identities.peerOf(keeper);
    if (peerId === undefined) return undefined;
    const [connection] = bestFirst(node.getConnections(peerIdFromString(peerId)));
    if (connection === undefined) return undefined;
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(askTimeout_ms)]);
    const expected = meter.expect(peerId, maxReplyBytes);
    let stream: Stream | undefined;
    try {
      stream = await connection.newStream(protocolOf[question], {
        signal,
        runOnLimitedConnection: true,
      });
      const io = lpStream(stream, { maxDataLength: maxReplyBytes });
      await io.write(bytes, { signal });
      const reply = (await io.read({ signal })).subarray();
      await stream.close({ signal });
      return reply.length === 0 ? undefined : reply;
    } catch (error) {
      stream?.abort(error as Error);
      return undefined;
    } finally {
      expected();
    }
  }
}
