/** Addresses that other parties can dial. */
import { usageError } from "./exit.ts";

/** True for a wildcard address or port 0: valid for listening, but not for dialling. */
export function isUndialable(multiaddr: string): boolean {
  return /^\/ip4\/0\.0\.0\.0\/|^\/ip6\/::\/|\/tcp\/0(\/|$)/.test(multiaddr);
}

/** Returns the addresses unchanged. @throws CliError exit 2 if one cannot be dialled */
export function dialable(multiaddrs: readonly string[]): readonly string[] {
  const undialable = multiaddrs.find(isUndialable);
  if (undialable === undefined) return multiaddrs;
  throw usageError(`${undialable} cannot be dialled by others`, {
    expected: "an address and port of this machine or of its router",
    hint: "give --announce /ip4/ADDRESS/tcp/PORT, or set announce in the config file",
  });
}
