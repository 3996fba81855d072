/** Reaches a peer where it is now: at the addresses that it signed last or registered, else at those that relays know. */
import type { Multiaddr } from "@multiformats/multiaddr";
import { addressesOf } from "../addresses.ts";
import type { Locator } from "./locator.ts";

type Registered = {
  readonly peerId: string;
  /** Of the registration. */
  readonly addresses: readonly string[];
};

/**
 * Tries the known addresses, then those that relays have beside them.
 * @param locator undefined: only the registered addresses are tried
 * @param at makes one attempt with addresses in their order
 * @throws the last attempt's error; an error if no address is known
 */
export async function reach<T>(
  { peerId, addresses }: Registered,
  locator: Pick<Locator, "known" | "find"> | undefined,
  at: (addresses: readonly Multiaddr[]) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const known = addressesOf(peerId, [...new Set([...(locator?.known(peerId) ?? []), ...addresses])]);
  if (known.length === 0 && locator === undefined) {
    throw new Error("the registry has no valid address of this peer");
  }
  let fault: unknown = new Error("the registry has no address of this peer, and no relay knows one");
  try {
    if (known.length > 0) return await at(known);
  } catch (error) {
    fault = error;
  }
  if (locator === undefined || signal.aborted) throw fault;
  const tried = new Set(known.map(String));
  const found = addressesOf(peerId, await locator.find(peerId, signal)).filter(
    (one) => !tried.has(String(one)),
  );
  if (found.length === 0) throw fault;
  return at(found);
}
