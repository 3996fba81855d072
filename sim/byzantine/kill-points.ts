/** Ends a keeper at a chosen point of a round: `die` sends a signal to the process or ends it in the simulated world. */
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

/** A call of a dead keeper never returns. */
const never = new Promise<never>(() => undefined);

/** Dies instead of publishing its first message of this kind. */
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
    const write: typeof store.write = async (committee, writes) => {
      await store.write(committee, writes);
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
 * `before-announce`: a leader dies when its turn begins. `before-commit`: after the announcement, before its commit.
 * `after-close`: after the closed set, before its reveal. `after-note`: the note is on disk, the signature is not sent (R23).
 * `after-certificate`: it holds a quorum of signatures and has not submitted them.
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
