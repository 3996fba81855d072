/** What a daemon with the setting `relay.use` tells relays, and what it logs about them. */
import { isCircuit, isUndialable } from "../addresses.ts";
import type { RelayState } from "./use.ts";

/** Addresses with a host and a port that others may dial. */
export function directOf({
  announce,
  listen,
}: {
  readonly announce: readonly string[];
  readonly listen: readonly string[];
}): string[] {
  const named = announce.length > 0 ? announce : listen;
  return named.filter((text) => !isCircuit(text) && !isUndialable(text));
}

type RelayLine = {
  readonly level: "info" | "warn";
  readonly text: string;
  readonly about: { readonly addresses: readonly string[]; readonly refusals?: readonly string[] };
};

/** The line of the log about a new state. */
export function relayLine(
  { isReachable, addresses, refusals }: RelayState,
  role: "keeper" | "provider",
): RelayLine {
  const about = { addresses, ...(refusals.length === 0 ? {} : { refusals }) };
  if (isReachable !== false) return { level: "info", text: "reached at these addresses", about };
  if (addresses.length > 0) {
    return { level: "info", text: "reached over relays: its own port is closed to others", about };
  }
  const who = { provider: "nobody reaches it", keeper: "it reaches only keepers with an open port" }[role];
  return {
    level: "warn",
    text: `no relay can dial this ${role}, and none has a place for it: ${who}`,
    about,
  };
}
