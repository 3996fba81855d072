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
  let me = -1;
  const isIgnored = (bytes: Uint8Array): boolean => {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok || decoded.value.body.kind === "hello" || decoded.value.body.round.leader !== me)
      return false;
    return ignores(decoded.value, me);
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
      if (decoded.ok && isOwn(decoded.value, keyring)) me = decoded.value.keeper;
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
    let missing: CommitEntry | undefined;
    let second: BodyOf<"close"> | undefined;
    const deaf = deafTo(ports, ({ body, keeper, signature }, me) => {
      // Other keepers forward its second set to it.
      if (body.kind === "close") return keeper === me;
      if (body.kind !== "commit" || keeper !== victim) return false;
      missing = { keeper, commitment: body.commitment, signature };
      return true;
    });
    const lie: Lie = ({ body }) => {
      if (body.kind === "close" && missing !== undefined) {
        const commits = [...body.commits, missing].sort((a, b) => a.keeper - b.keeper);
        second = { ...body, commits };
        missing = undefined;
      }
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
