/** What may stand in the registry as a place where somebody is reached. */
import { usageError } from "./exit.ts";

/** A wildcard, or port 0: good to listen on, but it tells nobody where to dial. */
export function isVague(multiaddr: string): boolean {
  return /^\/ip4\/0\.0\.0\.0\/|^\/ip6\/::\/|\/tcp\/0(\/|$)/.test(multiaddr);
}

/** A wildcard or port 0 tells nobody where to dial. @throws CliError exit 2 */
export function dialable(multiaddrs: readonly string[]): readonly string[] {
  const vague = multiaddrs.find(isVague);
  if (vague === undefined) return multiaddrs;
  throw usageError(`${vague} cannot be dialled by others`, {
    expected: "an address of this machine, or of the router in front of it, with its port",
    hint: "give --announce /ip4/ADDRESS/tcp/PORT, or set announce in the config file",
  });
}
