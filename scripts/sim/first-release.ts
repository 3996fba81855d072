/** A keeper of the first release among newer ones: it says only what wire version 1 can say, and hears only that. */
import { decodeMessage, encodeMessage, messageDigest } from "../../keeper/codec/message.ts";
import { decodePullReply, encodePullReply } from "../../keeper/codec/question.ts";
import { domainSeparator } from "../../keeper/core/settlement.ts";
import type { KeeperDependencies } from "../../keeper/runtime/keeper.ts";

const firstVersion = 1;

const understood = (bytes: Uint8Array): boolean => (bytes[0] ?? 0) <= firstVersion;

export function firstRelease(ports: KeeperDependencies): KeeperDependencies {
  const { transport, keyring } = ports;
  return {
    ...ports,
    transport: {
      serve: (question, handler) => transport.serve(question, handler),
      setMembers: (...directory) => transport.setMembers(...directory),
      onConnected: (listener) => transport.onConnected(listener),
      join: (topic, handler) =>
        transport.join(topic, async (bytes, from) => (understood(bytes) ? handler(bytes, from) : "ignore")),
      ask: async (keeper, question, bytes) => {
        const reply = await transport.ask(keeper, question, bytes);
        if (reply === undefined || question !== "pull") return reply;
        const decoded = decodePullReply(reply);
        return decoded.ok ? encodePullReply(decoded.value.filter(understood)) : reply;
      },
      publish: async (topic, bytes) => {
        const decoded = decodeMessage(bytes);
        if (!decoded.ok || decoded.value.body.kind !== "hello") return transport.publish(topic, bytes);
        const { chainId, group, committee, keeper, body } = decoded.value;
        const { instance, head } = body;
        const old = { kind: "hello", instance, head } as const;
        const hash = messageDigest(domainSeparator(chainId, group), committee, keeper, old);
        const signature = keyring.signMessage(hash);
        return transport.publish(topic, encodeMessage({ ...decoded.value, body: old, signature }));
      },
    },
  };
}
