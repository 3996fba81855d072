/**
 * A keeper daemon that a test can make lie, lose messages or die: the real one with its ports wrapped.
 * Arguments: its configuration, and a file with its {@link Role}, which is read again at every decision.
 */
import { readFileSync } from "node:fs";
import { decodeMessage } from "../../keeper/codec/message.ts";
import type { Envelope } from "../../keeper/codec/message.ts";
import type { Hex } from "../../keeper/core/hash.ts";
import { runKeeper } from "../../keeper/main.ts";
import type { ChainPort } from "../../keeper/ports/chain.ts";
import type { StorePort } from "../../keeper/ports/store.ts";
import type { TransportPort } from "../../keeper/ports/transport.ts";
import type { KeeperDependencies } from "../../keeper/runtime/keeper.ts";
import { behaviours } from "../../scripts/sim/byzantine/behaviours.ts";
import type { Role } from "./role.ts";

const [configFile, roleFile] = process.argv.slice(2) as [string, string];

function role(): Role {
  return JSON.parse(readFileSync(roleFile, "utf8")) as Role;
}

/** kill -9 by its own hand: nothing after this line happens. */
function die(): Promise<never> {
  process.kill(process.pid, "SIGKILL");
  return new Promise<never>(() => undefined);
}

function decode(bytes: Uint8Array): Envelope | undefined {
  const decoded = decodeMessage(bytes);
  return decoded.ok ? decoded.value : undefined;
}

function dyingStore(inner: StorePort): StorePort {
  return {
    load: (group) => inner.load(group),
    proofOf: (group, provider, slot) => inner.proofOf(group, provider, slot),
    prune: (group, ts, firstSlot) => inner.prune(group, ts, firstSlot),
    keepEvidence: (pair) => inner.keepEvidence(pair),
    evidence: () => inner.evidence(),
    write: async (group, writes) => {
      await inner.write(group, writes);
      const noted = writes.some((write) => write.kind === "note");
      if (noted && role().kill === "after-note") await die();
    },
  };
}

function dyingChain(inner: ChainPort): ChainPort {
  return {
    follow: (groups, onUpdate, onTrouble, signal) => inner.follow(groups, onUpdate, onTrouble, signal),
    keeperEndpoint: (operator) => inner.keeperEndpoint(operator),
    providerEndpoint: (operator) => inner.providerEndpoint(operator),
    submit: (submission, signal) =>
      role().kill === "after-certificate" ? die() : inner.submit(submission, signal),
  };
}

/** Links to the keepers that are cut off carry nothing, neither gossip nor questions; lossy ones every other message. */
function brokenTransport(inner: TransportPort): TransportPort {
  const isCut = (operator: Hex): boolean => {
    const { operators, cutOff = [] } = role();
    return cutOff.some((keeper) => operators[keeper] === operator);
  };
  let heard = 0;
  return {
    setMembers: (members) => inner.setMembers(members),
    onConnected: (listener) => inner.onConnected((operators) => listener(operators.filter((o) => !isCut(o)))),
    ask: async (keeper, question, bytes) => (isCut(keeper) ? undefined : inner.ask(keeper, question, bytes)),
    serve: (question, handler) =>
      inner.serve(question, async (bytes, from) => (isCut(from) ? undefined : handler(bytes, from))),
    publish: async (topic, bytes) => {
      if (role().kill === "before-commit" && decode(bytes)?.body.kind === "commit") await die();
      return inner.publish(topic, bytes);
    },
    join: (topic, handler) =>
      inner.join(topic, async (bytes, from) => {
        const { cutOff = [], loses = false, kill } = role();
        const message = decode(bytes);
        if (message !== undefined) {
          if (cutOff.includes(message.keeper)) return "ignore";
          if (loses && heard++ % 2 === 0) return "ignore";
          // Others reveal only when they hold the closed set.
          if (kill === "after-close" && message.body.kind === "reveal") await die();
        }
        return handler(bytes, from);
      }),
  };
}

function decorate(ports: KeeperDependencies): KeeperDependencies {
  const { behaviour } = role();
  const broken = {
    ...ports,
    store: dyingStore(ports.store),
    chain: dyingChain(ports.chain),
    transport: brokenTransport(ports.transport),
  };
  return behaviour === undefined ? broken : behaviours[behaviour](broken);
}

await runKeeper(configFile, (line) => process.stdout.write(`${line}\n`), decorate);
