/**
 * Leaders that leave a keeper out (R19), in three ways. Their own machines do not receive the omitted message, so they continue up to
 * the proposal, which the other keepers must refuse.
 */
import { decodeMessage } from "../../protocol/codec/message.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import { decodePullReply, encodePullReply } from "../../protocol/codec/question.ts";
import type { BodyOf, CommitEntry } from "../../protocol/messages.ts";
import type { KeeperDependencies } from "../../keeper/runtime/keeper.ts";
import type { Behaviour } from "./behaviours.ts";
import { isOwn, lyingTransport } from "./lying-transport.ts";
import type { Lie } from "./lying-transport.ts";
import { override } from "./override.ts";

/** In rounds that it leads, drops messages for which `ignores` returns true, from gossip and from answers; `me`: its own seat. */
function deafTo(
  ports: KeeperDependencies,
  ignores: (message: Envelope, me: number) => boolean,
): KeeperDependencies {
  const { transport, keyring } = ports;
  /** Its own seat by committee. */
  const seats = new Map<string, number>();
  const isIgnored = (bytes: Uint8Array): boolean => {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok || decoded.value.body.kind === "hello") return false;
    const me = seats.get(decoded.value.committee);
    return me !== undefined && decoded.value.body.round.leader === me && ignores(decoded.value, me);
  };
  const hearing = override(transport, {
    join: (topic, handler) =>
      transport.join(topic, async (bytes, from) => (isIgnored(bytes) ? "ignore" : handler(bytes, from))),
    ask: async (keeper, question, bytes) => {
      const reply = await transport.ask(keeper, question, bytes);
      const decoded = question === "pull" && reply !== undefined ? decodePullReply(reply) : undefined;
      return decoded?.ok === true ? encodePullReply(decoded.value.filter((one) => !isIgnored(one))) : reply;
    },
    publish: (topic, bytes) => {
      const decoded = decodeMessage(bytes);
      // The keeper sends a hello in every slot, so its seat is known before it leads.
      if (decoded.ok && isOwn(decoded.value, keyring))
        seats.set(decoded.value.committee, decoded.value.keeper);
      return transport.publish(topic, bytes);
    },
  });
  return { ...ports, transport: hearing };
}

/** As leader, closes the set without the commit of `victim`. */
export function censor(victim: number): Behaviour {
  return (ports) => deafTo(ports, ({ body, keeper }) => body.kind === "commit" && keeper === victim);
}

/** As leader, omits the reveal of `victim` from the bundle. */
export function omitReveal(victim: number): Behaviour {
  return (ports) => deafTo(ports, ({ body, keeper }) => body.kind === "reveal" && keeper === victim);
}

/**
 * As leader, closes the set without the commit of `victim`, and a second set with that commit when the others reveal for the first.
 * It continues with the first set.
 */
export function closeTwice(victim: number): Behaviour {
  return (ports) => {
    // By committee.
    const missing = new Map<string, CommitEntry>();
    const seconds = new Map<string, BodyOf<"close">>();
    const deaf = deafTo(ports, ({ body, keeper, signature, committee }, me) => {
      // Other keepers forward its second set to it.
      if (body.kind === "close") return keeper === me;
      if (body.kind !== "commit" || keeper !== victim) return false;
      missing.set(committee, { keeper, commitment: body.commitment, signature });
      return true;
    });
    const lie: Lie = ({ body, committee }) => {
      const left = missing.get(committee);
      if (body.kind === "close" && left !== undefined) {
        const commits = [...body.commits, left].sort((a, b) => a.keeper - b.keeper);
        seconds.set(committee, { ...body, commits });
        missing.delete(committee);
      }
      const second = seconds.get(committee);
      if (
        body.kind !== "reveal" ||
        second?.round.ts !== body.round.ts ||
        second.round.turn !== body.round.turn
      )
        return [body];
      return [second, body];
    };
    return { ...deaf, transport: lyingTransport(deaf.transport, ports.keyring, lie) };
  };
}
