/** Keepers that leave the work of a leader, or its gas, to others. */
import type { Behaviour } from "./behaviours.ts";
import { lyingTransport } from "./lying-transport.ts";
import { override } from "./override.ts";

/** Says nothing in a round that it leads, so that its turn lapses and the next leader pays for the transaction. */
export function skipLeading(): Behaviour {
  return (ports) => ({
    ...ports,
    transport: lyingTransport(ports.transport, ports.keyring, ({ keeper, body }) =>
      body.kind !== "hello" && body.round.leader === keeper ? [] : [body],
    ),
  });
}

/** Leads to the certificate and lets it lie: somebody else will submit it (R25). */
export function leaveSubmitting(me: number): Behaviour {
  return (ports) => {
    const { chain } = ports;
    const submit: typeof chain.submit = (submission, signal) =>
      submission.settlement.leader === me
        ? Promise.resolve({ kind: "superseded", detail: "left to others" })
        : chain.submit(submission, signal);
    return { ...ports, chain: override(chain, { submit }) };
  };
}
