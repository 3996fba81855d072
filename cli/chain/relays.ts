/** Finds providers that are not at their registered addresses, by the relays that keepers registered. */
import type { Provider } from "ethers";
import type { Libp2p } from "@libp2p/interface";
import { allParties, registryAt } from "../../client/registry.ts";
import { relaysOf, type RelayAddress } from "../../daemon/peers/addresses.ts";
import { Locator } from "../../daemon/peers/relay/locator.ts";
import { peerIdText } from "../../provider/chain-reads.ts";
import { fromHex } from "../../storage/core/bytes.ts";

/** Providers of one command. */
const maxPeers = 4096;

/** The relays are read from the chain when a provider is not reached at its registered addresses for the first time. */
export function registeredLocator(
  libp2p: Libp2p,
  provider: Provider,
  registry: () => Promise<string>,
): Locator {
  let relays: Promise<readonly RelayAddress[]> | undefined;
  const read = async (): Promise<readonly RelayAddress[]> => {
    const keepers = await allParties(registryAt(await registry(), provider), "keeper");
    return keepers.flatMap(({ peerId, multiaddrs }) => relaysOf(peerIdText(fromHex(peerId)), multiaddrs));
  };
  const kept = (): Promise<readonly RelayAddress[]> => {
    relays ??= read().catch((error: unknown) => {
      // The next question reads them again.
      relays = undefined;
      throw error;
    });
    return relays;
  };
  return new Locator({ node: libp2p, relays: kept }, maxPeers);
}
