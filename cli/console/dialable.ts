/** Addresses that other parties can dial. */
import { usageError } from "./exit.ts";

/** True for a wildcard address or port 0: valid for listening, but not for dialling. */
export function isUndialable(multiaddr: string): boolean {
  return /^\/ip4\/0\.0\.0\.0\/|^\/ip6\/::\/|\/tcp\/0(\/|$)/.test(multiaddr);
}

/** A line for the next steps of a new party, if others cannot dial the addresses that it listens on. */
export function announceStep(
  configFile: string,
  listen: readonly string[],
  announce: readonly string[] | undefined,
): string {
  if (announce !== undefined || !listen.some(isUndialable)) return "";
  return `\n  set announce in ${configFile}: ${listen.join(", ")} cannot be dialled by others`;
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
