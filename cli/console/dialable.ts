/** Addresses that other parties can dial. */
import { askRelays, isUndialable } from "../../daemon/peers/addresses.ts";
import type { RelaySetting } from "../../daemon/peers/relay/settings.ts";
import { usageError } from "./exit.ts";

type Settings = {
  readonly announce: readonly string[];
  readonly listen: readonly string[];
  readonly relay: { readonly use: RelaySetting };
};

/** Addresses of the registration. If others can dial none, and relays are used, it says that relays know the addresses. */
export function ownAddresses({ announce, listen, relay }: Settings): readonly string[] {
  const own = announce.length > 0 ? announce : listen;
  return relay.use === "always" && own.every(isUndialable) ? [askRelays] : own;
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
