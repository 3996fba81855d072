/** Keepers that avoid the work of a leader or its gas. */
import type { Behaviour } from "./behaviours.ts";
import { lyingTransport } from "./lying-transport.ts";
import { override } from "./override.ts";

/** Publishes nothing in a round that it leads, so its turn lapses and the next leader pays for the transaction. */
export function skipLeading(): Behaviour {
  return (ports) => ({
    ...ports,
    transport: lyingTransport(ports.transport, ports.keyring, ({ keeper, body }) =>
      body.kind !== "hello" && body.round.leader === keeper ? [] : [body],
    ),
  });
}

/** As leader, does not submit its certificate, so another keeper submits it (R25). */
export function leaveSubmitting(me: number): Behaviour {
  return (ports) => {
    const { chain } = ports;
    const submit: typeof chain.submit = (submission, signal) =>
      submission.kind !== "consent" && submission.certificate.leader === me
        ? Promise.resolve({ kind: "superseded", detail: "left to others" })
        : chain.submit(submission, signal);
    return { ...ports, chain: override(chain, { submit }) };
  };
}
