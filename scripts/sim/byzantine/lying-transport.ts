/** Lies told in messages: what a keeper's machine says is rewritten, signed again with its own key, and sent. */
import { decodeMessage, encodeMessage, messageDigest } from "../../../keeper/codec/message.ts";
import type { Envelope } from "../../../keeper/codec/message.ts";
import type { Body } from "../../../keeper/core/messages.ts";
import { domainSeparator } from "../../../keeper/core/settlement.ts";
import type { KeyringPort } from "../../../keeper/ports/keyring.ts";
import type { TransportPort } from "../../../keeper/ports/transport.ts";

/** What is said in place of a message: nothing, or one or more bodies. */
export type Lie = (message: Envelope) => readonly Body[];

/** The transport of a keeper that lies to everyone but itself; `overhear` sees what others say. */
export function lyingTransport(
  inner: TransportPort,
  keyring: KeyringPort,
  lie: Lie,
  overhear: (message: Envelope) => void = () => undefined,
): TransportPort {
  return {
    // Its machine knows the truth and would tell it to whoever asks.
    serve: (question, handler) =>
      inner.serve(question, question === "pull" ? () => Promise.resolve(undefined) : handler),
    ask: (keeper, question, bytes) => inner.ask(keeper, question, bytes),
    setMembers: (members) => inner.setMembers(members),
    onConnected: (listener) => inner.onConnected(listener),
    join: (topic, handler) =>
      inner.join(topic, (bytes, from) => {
        const decoded = decodeMessage(bytes);
        if (decoded.ok) overhear(decoded.value);
        return handler(bytes, from);
      }),
    publish: async (topic, bytes) => {
      const decoded = decodeMessage(bytes);
      if (!decoded.ok) throw new Error(`own message does not decode: ${decoded.detail}`);
      const { chainId, group, committee, keeper } = decoded.value;
      for (const body of lie(decoded.value)) {
        const hash = messageDigest(domainSeparator(chainId, group), committee, keeper, body);
        const signature = keyring.signMessage(hash);
        await inner.publish(topic, encodeMessage({ ...decoded.value, body, signature }));
      }
    },
  };
}
