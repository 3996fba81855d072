/** Rewrites a keeper's own messages, signs them again with its key, and publishes them. */
import { decodeMessage, encodeMessage, messageDigest } from "../../protocol/codec/message.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import type { Body } from "../../protocol/messages.ts";
import { domainOf } from "../../protocol/certificate.ts";
import type { KeyringPort } from "../../keeper/ports/keyring.ts";
import type { GossipHandler, TransportPort } from "../../keeper/ports/transport.ts";
import { override } from "./override.ts";

/** The bodies that replace a message: none, one or more. */
export type Lie = (message: Envelope, topic: string) => readonly Body[];

export type LiarOptions = {
  /** Called for each message of another keeper. */
  readonly overhear?: (message: Envelope, topic: string) => void;
  /** Its own machine receives the false message before the true one, and so keeps to it for the rest of the round. */
  readonly convinced?: boolean;
};

/** The transport of a keeper that publishes false messages; if `convinced`, its own machine receives them too. */
export function lyingTransport(
  inner: TransportPort,
  keyring: KeyringPort,
  lie: Lie,
  { overhear, convinced }: LiarOptions = {},
): TransportPort {
  const ears = new Map<string, GossipHandler>();
  return override(inner, {
    // Its machine holds the true messages and would serve them on request.
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
      // R18: messages of others are forwarded unchanged, since the keeper cannot sign for them.
      if (!isOwn(decoded.value, keyring)) return inner.publish(topic, bytes);
      const said = lie(decoded.value, topic).map((body) =>
        body === decoded.value.body ? bytes : signedAgain(decoded.value, body, keyring),
      );
      // Its own machine receives the published message after this call.
      for (const one of said)
        if (convinced === true && one !== bytes) await ears.get(topic)?.(one, undefined);
      for (const one of said) await inner.publish(topic, one);
    },
  });
}

/** Whether this keeper's key signed the message: signatures are deterministic. */
export function isOwn(
  { chainId, committee, version, keeper, body, signature }: Envelope,
  keyring: KeyringPort,
): boolean {
  const hash = messageDigest(domainOf(chainId, committee), version, keeper, body);
  return keyring.signMessage(hash) === signature;
}

/** The message with another body, under the sender's own signature. */
export function signedAgain(message: Envelope, body: Body, keyring: KeyringPort): Uint8Array {
  const { chainId, committee, version, keeper } = message;
  const hash = messageDigest(domainOf(chainId, committee), version, keeper, body);
  return encodeMessage({ ...message, body, signature: keyring.signMessage(hash) });
}
