/**
 * Keepers that hold messages back and publish them at chosen blocks to chosen keepers. Only for simulated worlds, since this needs
 * the clock of the whole world.
 */
import { decodeMessage } from "../../protocol/codec/message.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Body } from "../../protocol/messages.ts";
import { deliveryBlocks } from "../../protocol/turns.ts";
import type { Cluster } from "../cluster.ts";
import { Node } from "../network/network.ts";
import type { Behaviour } from "./behaviours.ts";
import { isOwn } from "./lying-transport.ts";
import { override } from "./override.ts";

/** Time and receivers of a held message. */
export type Release = {
  /** Milliseconds after the block `limit` was mined. */
  readonly after_ms: number;
  /** Undefined: all. */
  readonly only: ReadonlySet<Hex> | undefined;
};

/**
 * Holds its own commits until block P + a − 1 and its own reveals until block B + confirmations + a − 1, the last ones at which
 * forwarded messages must not be left out (R19), and then publishes them as `release` says.
 */
export function atLastBlock(cluster: Cluster, release: () => Release): Behaviour {
  return (ports) => {
    const { params } = cluster.options;
    const slack = deliveryBlocks(params.turn) - 1;
    /** P and B of the latest round. */
    let head = 0;
    let auditBlock = 0;
    const held: { readonly limit: number; readonly topic: string; readonly bytes: Uint8Array }[] = [];
    const note = ({ body }: Envelope): void => {
      if (body.kind === "announce") ({ head } = body);
      if (body.kind === "close") ({ auditBlock } = body);
    };
    const inner = ports.transport;
    const send = (topic: string, bytes: Uint8Array): void => {
      const { after_ms, only } = release();
      cluster.world.after(after_ms, () => {
        if (only !== undefined && inner instanceof Node) inner.publishTo(only, topic, bytes);
        else void inner.publish(topic, bytes);
      });
    };
    cluster.onBlock((block) => {
      for (const one of held.splice(0)) {
        if (block >= one.limit) send(one.topic, one.bytes);
        else held.push(one);
      }
    });
    const limitOf = (body: Body): number | undefined => {
      if (body.kind === "commit") return head + slack;
      return body.kind === "reveal" ? auditBlock + params.confirmations + slack : undefined;
    };
    const transport = override(inner, {
      // Its machine would serve the held messages on request.
      serve: (question, handler) =>
        inner.serve(question, question === "pull" ? () => Promise.resolve(undefined) : handler),
      join: (topic, handler) =>
        inner.join(topic, (bytes, from) => {
          const decoded = decodeMessage(bytes);
          if (decoded.ok) note(decoded.value);
          return handler(bytes, from);
        }),
      publish: async (topic, bytes) => {
        const decoded = decodeMessage(bytes);
        if (!decoded.ok || !isOwn(decoded.value, ports.keyring)) return inner.publish(topic, bytes);
        note(decoded.value);
        const limit = limitOf(decoded.value.body);
        if (limit === undefined) return inner.publish(topic, bytes);
        held.push({ limit, topic, bytes });
      },
    });
    return { ...ports, transport };
  };
}
