/** How a provider stays reachable: the relays of keepers, and the addresses that it tells them. */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Libp2p } from "@libp2p/interface";
import type { Logger } from "pino";
import { relaysOf } from "../daemon/peers/addresses.ts";
import type { RelayAddress } from "../daemon/peers/addresses.ts";
import { directOf, relayLine } from "../daemon/peers/relay/reachable.ts";
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

function logState(state: RelayState, log: Logger): void {
  const { level, text, about } = relayLine(state, "provider");
  log[level](about, text);
}
