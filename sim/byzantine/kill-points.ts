/** Death at a chosen moment of a round, as a decorator: `die` ends the keeper, by a signal or in a simulated world. */
import { decodeMessage } from "../../protocol/codec/message.ts";
import type { Kind } from "../../protocol/messages.ts";
import type { Behaviour } from "./behaviours.ts";
import { override } from "./override.ts";

export const killPoints = [
  "before-announce",
  "before-commit",
  "after-close",
  "after-note",
  "after-certificate",
] as const;
export type KillPoint = (typeof killPoints)[number];

/** Nothing that waits for a dead keeper ever goes on. */
const never = new Promise<never>(() => undefined);

/** Dies in place of saying a message of this kind for the first time. */
function insteadOf(kind: Kind, die: () => void): Behaviour {
  return (ports) => {
    const { transport } = ports;
    const publish: typeof transport.publish = (topic, bytes) => {
      const decoded = decodeMessage(bytes);
      if (!decoded.ok || decoded.value.body.kind !== kind) return transport.publish(topic, bytes);
      die();
      return never;
    };
    return { ...ports, transport: override(transport, { publish }) };
  };
}

/** R23: the note is on disk, the signature has not left. */
function afterNote(die: () => void): Behaviour {
  return (ports) => {
    const { store } = ports;
    const write: typeof store.write = async (group, writes) => {
      await store.write(group, writes);
      if (!writes.some((one) => one.kind === "note")) return;
      die();
      await never;
    };
    return { ...ports, store: override(store, { write }) };
  };
}

function afterCertificate(die: () => void): Behaviour {
  return (ports) => {
    const submit: typeof ports.chain.submit = () => {
      die();
      return never;
    };
    return { ...ports, chain: override(ports.chain, { submit }) };
  };
}

/**
 * `before-announce`: a leader dies as its turn begins. `before-commit`: it has announced and commits to nothing.
 * `after-close`: it has closed the set, blocks ago, and does not reveal. `after-note`: what it will sign is noted, the
 * signature does not leave. `after-certificate`: it holds a quorum of signatures and does not submit them.
 */
export function dieAt(point: KillPoint, die: () => void): Behaviour {
  switch (point) {
    case "before-announce":
      return insteadOf("announce", die);
    case "before-commit":
      return insteadOf("commit", die);
    case "after-close":
      return insteadOf("reveal", die);
    case "after-note":
      return afterNote(die);
    case "after-certificate":
      return afterCertificate(die);
  }
}
