/** Lies told in messages: what a keeper's machine says is rewritten, signed again with its own key, and sent. */
import { decodeMessage, encodeMessage, messageDigest } from "../../protocol/codec/message.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import type { Body } from "../../protocol/messages.ts";
import { domainSeparator } from "../../protocol/settlement.ts";
import type { KeyringPort } from "../../keeper/ports/keyring.ts";
import type { GossipHandler, TransportPort } from "../../keeper/ports/transport.ts";
import { override } from "./override.ts";

/** What is said in place of a message: nothing, or one or more bodies. */
export type Lie = (message: Envelope, topic: string) => readonly Body[];

export type LiarOptions = {
  /** Sees what others say. */
  readonly overhear?: (message: Envelope, topic: string) => void;
  /** Its own machine hears the lie too, and before the truth, so that it stands by it for the rest of the round. */
  readonly convinced?: boolean;
};

/** The transport of a keeper that lies to the others, and to itself if it is `convinced`. */
export function lyingTransport(
  inner: TransportPort,
  keyring: KeyringPort,
  lie: Lie,
  { overhear, convinced }: LiarOptions = {},
): TransportPort {
  const ears = new Map<string, GossipHandler>();
  return override(inner, {
    // Its machine knows the truth and would tell it to whoever asks.
    serve: (question, handler) =>
      inner.serve(question, question === "pull" ? () => Promise.resolve(undefined) : handler),
    join: (topic, handler) => {
      ears.set(topic, handler);
      inner.join(topic, (bytes, from) => {
        const decoded = decodeMessage(bytes);
        if (decoded.ok) overhear?.(decoded.value, topic);
        return handler(bytes, from);
      });
    },
    publish: async (topic, bytes) => {
      const decoded = decodeMessage(bytes);
      if (!decoded.ok) throw new Error(`own message does not decode: ${decoded.detail}`);
      // What others said is passed on as it is (R18): a liar has no signature for it.
      if (!isOwn(decoded.value, keyring)) return inner.publish(topic, bytes);
      const said = lie(decoded.value, topic).map((body) =>
        body === decoded.value.body ? bytes : signedAgain(decoded.value, body, keyring),
      );
      // Its own machine hears what it said when this is done.
      for (const one of said)
        if (convinced === true && one !== bytes) await ears.get(topic)?.(one, undefined);
      for (const one of said) await inner.publish(topic, one);
    },
  });
}

/** Whether this keeper's key signed the message: signatures are deterministic. */
export function isOwn(
  { chainId, group, committee, keeper, body, signature }: Envelope,
  keyring: KeyringPort,
): boolean {
  const hash = messageDigest(domainSeparator(chainId, group), committee, keeper, body);
  return keyring.signMessage(hash) === signature;
}

/** The message with another body, under the sender's own signature. */
export function signedAgain(message: Envelope, body: Body, keyring: KeyringPort): Uint8Array {
  const { chainId, group, committee, keeper } = message;
  const hash = messageDigest(domainSeparator(chainId, group), committee, keeper, body);
  return encodeMessage({ ...message, body, signature: keyring.signMessage(hash) });
}
