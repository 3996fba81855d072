/** A keeper whose behaviour changes while it runs, so one process serves several scenes. */
import type { GossipHandler, RequestHandler, TransportPort } from "../../keeper/ports/transport.ts";
import type { Question } from "../../protocol/codec/question.ts";
import type { KeeperDependencies } from "../../keeper/runtime/keeper.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Behaviour } from "./behaviours.ts";
import { override } from "./override.ts";

/** Handlers that a keeper registered with its transport through one behaviour. */
type Registered = {
  gossip: Map<string, GossipHandler>;
  answers: Map<Question, RequestHandler>;
  connected: (operators: readonly Hex[]) => void;
};
type Variant = { ports: KeeperDependencies; registered: Registered };

/** Forwards messages to `inner`, and keeps handlers for the behaviour that is in force when a message arrives. */
function keeping(inner: TransportPort, registered: Registered): TransportPort {
  return override(inner, {
    join: (topic, handler) => void registered.gossip.set(topic, handler),
    serve: (question, handler) => void registered.answers.set(question, handler),
    onConnected: (listener) => void (registered.connected = listener),
  });
}

function variantOf(ports: KeeperDependencies, behaviour: Behaviour): Variant {
  const registered: Registered = { gossip: new Map(), answers: new Map(), connected: () => undefined };
  return { ports: behaviour({ ...ports, transport: keeping(ports.transport, registered) }), registered };
}

/** A proxy for the object that `pick` returns at each use. */
function following<T extends object>(pick: () => T): T {
  return new Proxy({} as T, {
    get: (_, name) => {
      const target = pick();
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/**
 * Follows the behaviour that `current` names at each call; honest under any other name. A behaviour learns about a round only while
 * it is in force, so a change takes full effect in the next round.
 */
export function changing(behaviours: ReadonlyMap<string, Behaviour>, current: () => string): Behaviour {
  return (ports) => {
    const honest = variantOf(ports, (same) => same);
    const variants = new Map([...behaviours].map(([name, b]) => [name, variantOf(ports, b)]));
    const now = (): Variant => variants.get(current()) ?? honest;
    const all = [honest, ...variants.values()];
    const transport = override(
      following(() => now().ports.transport),
      {
        join: (topic, handler) => {
          for (const variant of all) variant.ports.transport.join(topic, handler);
          ports.transport.join(topic, async (bytes, from) => {
            return (await now().registered.gossip.get(topic)?.(bytes, from)) ?? "ignore";
          });
        },
        serve: (question, handler) => {
          for (const variant of all) variant.ports.transport.serve(question, handler);
          ports.transport.serve(question, async (bytes, from) =>
            now().registered.answers.get(question)?.(bytes, from),
          );
        },
        onConnected: (listener) => {
          for (const variant of all) variant.ports.transport.onConnected(listener);
          ports.transport.onConnected((operators) => now().registered.connected(operators));
        },
      },
    );
    return {
      ...ports,
      transport,
      store: following(() => now().ports.store),
      chain: following(() => now().ports.chain),
      crypto: following(() => now().ports.crypto),
      provider: following(() => now().ports.provider),
    };
  };
}
