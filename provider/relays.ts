/** How a provider stays reachable: the relays of keepers, and the addresses that it tells them. */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Libp2p } from "@libp2p/interface";
import type { Logger } from "pino";
import { isCircuit, relaysOf } from "../daemon/peers/addresses.ts";
import type { RelayAddress } from "../daemon/peers/addresses.ts";
import { RelayedTransport } from "../daemon/peers/relay/transport.ts";
import { RelayUse } from "../daemon/peers/relay/use.ts";
import type { RelayState } from "../daemon/peers/relay/use.ts";
import type { ServerDependencies } from "./server-libp2p.ts";
import type { EthersChainView } from "./chain-ethers.ts";
import { operatorOf } from "./config.ts";
import type { ProviderConfig, ProviderKeys } from "./config.ts";

export type Relays = {
  /** For the node; undefined if the settings want no relay. */
  readonly served: ServerDependencies["relays"];
  /** Keeps the started node reachable until `signal` aborts. */
  run(node: Libp2p, signal: AbortSignal): Promise<void>;
};

export type RelayParts = {
  readonly config: ProviderConfig;
  readonly keys: ProviderKeys;
  readonly chain: Pick<EthersChainView, "relayKeepers">;
  readonly log: Logger;
};

/** Addresses with a host and a port that others may dial. */
function directOf({ announce, listen }: ProviderConfig): string[] {
  const named = announce.length > 0 ? announce : listen;
  return named.filter(
    (text) => !isCircuit(text) && !/\/ip4\/0\.0\.0\.0\/|\/ip6\/::\/|\/tcp\/0(\/|$)/.test(text),
  );
}

export function openRelays({ config, keys, chain, log }: RelayParts): Relays {
  const { use } = config.relay;
  if (use === "never") return { served: undefined, run: async () => undefined };
  const transport = new RelayedTransport();
  let using: RelayUse | undefined;
  return {
    served: { transport, isChosen: (peer) => using?.isChosen(peer) ?? false },
    async run(node, signal) {
      using = new RelayUse({
        node,
        transport,
        privateKey: await generateKeyPairFromSeed("Ed25519", keys.peer),
        role: "provider",
        operator: operatorOf(config, keys),
        direct: directOf(config),
        use,
        relays: () => relaysOfKeepers(chain),
        onChange: (state) => logState(state, log),
      });
      await using.run(signal);
    },
  };
}

async function relaysOfKeepers(
  chain: Pick<EthersChainView, "relayKeepers">,
): Promise<{ own: RelayAddress[]; others: RelayAddress[] }> {
  const { own, others } = await chain.relayKeepers();
  const all = (keepers: typeof own): RelayAddress[] =>
    keepers.flatMap(({ peerId, multiaddrs }) => relaysOf(peerId, multiaddrs));
  return { own: all(own), others: all(others) };
}

function logState({ isReachable, addresses, refusals }: RelayState, log: Logger): void {
  const about = { addresses, ...(refusals.length === 0 ? {} : { refusals }) };
  if (addresses.length === 0 && isReachable === false) {
    log.warn(about, "no relay can dial this provider, and none has a place for it: nobody reaches it");
  } else if (isReachable === false) log.info(about, "reached over relays: its own port is closed to others");
  else log.info(about, "reached at these addresses");
}
