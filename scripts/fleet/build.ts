/** A whole system on one machine: a chain, contracts, a funded group, provider and keeper daemons, each a process. */
import { join } from "node:path";
import type { JsonRpcProvider, Signer } from "ethers";
import { deployAll, groupAt, type Deployment } from "../contracts/artifacts.ts";
import { GroupView } from "../../client/group-view.ts";
import { projectRoot } from "../paths.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { connectRpc } from "../../client/connect.ts";
import type { ChainClient } from "./clients.ts";
import { KeeperFleet, type KeeperCommand } from "./keepers.ts";
import type { Processes } from "./processes.ts";
import { ProviderFleet } from "./providers.ts";
import {
  createGroup,
  fundOperators,
  makeKeeper,
  registerKeeper,
  writeKeeperConfig,
  type GroupParams,
  type Keeper,
} from "./setup.ts";
import { counted } from "../../protocol/counted.ts";

export type FleetOptions = {
  readonly processes: Processes;
  /** Holds all data and logs. */
  readonly folder: string;
  /** The client that runs the chain; by default Hardhat's node. */
  readonly client?: ChainClient;
  readonly keepers: number;
  readonly providers: number;
  readonly params: GroupParams;
  /** Time between two polls of the chain, of this process and of the keepers. */
  readonly polling_ms: number;
  /** Called with a line of text after each step. */
  readonly say: (text: string) => void;
  /** Called when set-up transactions are done; until then the chain mines a block for each transaction. */
  readonly startMining: (chain: JsonRpcProvider, keepers: KeeperFleet) => Promise<void>;
  /** Providers serve figures for Prometheus. */
  readonly providerMetrics?: boolean;
  readonly keeperCommand?: KeeperCommand;
  /** RPC endpoints in the configuration of keeper `index`; by default the chain's own. */
  readonly rpcOf?: (index: number, rpc: string) => Promise<readonly string[]>;
  /** Runs before the first keeper starts. */
  readonly beforeKeepers?: (keepers: readonly Keeper[]) => Promise<void>;
};

export type Fleet = {
  readonly rpc: string;
  readonly provider: JsonRpcProvider;
  readonly group: string;
  readonly deployment: Deployment;
  readonly view: GroupView;
  readonly keepers: KeeperFleet;
  readonly providers: ProviderFleet;
};

/** Starts the chain; it mines a block for each transaction until `startMining`. */
async function startChain({ processes, folder, client = "hardhat" }: FleetOptions): Promise<string> {
  const script = client === "anvil" ? "anvil-process.ts" : "chain-process.ts";
  const chain = processes.start({
    name: "the chain",
    args: [join(projectRoot, "scripts/fleet", script), join(folder, "chain")],
    logFile: join(folder, "chain.log"),
    daemon: true,
  });
  return ((await chain.ready) as { rpc: string }).rpc;
}

/** Builds and starts the fleet; the providers have joined the group when this returns. */
export async function buildFleet(options: FleetOptions): Promise<Fleet> {
  const { folder, processes, params, say } = options;
  const [rpc, ports] = await Promise.all([
    startChain(options),
    freePorts(options.keepers + options.providers),
  ]);
  const provider = await connectRpc(rpc);
  provider.pollingInterval = options.polling_ms;
  const payer: Signer = await provider.getSigner(0);
  say(`chain at ${rpc}`);
  const deployment = await deployAll(payer);
  say("Registry, UpkeepingFactory and a demo token are deployed");
  const keepers = await Promise.all(
    Array.from({ length: options.keepers }, (_, index) => makeKeeper(folder, index, ports[index] as number)),
  );
  const registry = await deployment.registry.getAddress();
  const chainId = Number((await provider.getNetwork()).chainId);
  const providers = await ProviderFleet.create({
    processes,
    folder,
    count: options.providers,
    ports: ports.slice(options.keepers),
    rpc,
    chainId,
    registry,
    metrics: options.providerMetrics ?? false,
  });
  await fundOperators(provider, [...keepers.map(({ operator }) => operator), ...providers.operators]);
  for (const keeper of keepers) await registerKeeper(provider, deployment.registry, keeper);
  await providers.register(provider, deployment.registry);
  say(
    `${counted(keepers.length, "keeper")} are registered, with proofs that they hold their keys, and ${counted(providers.size, "provider")}`,
  );
  await providers.ingest();
  say(`every provider stores ${providers.describeData()}`);
  const operators = keepers.map(({ operator }) => operator);
  const group = await createGroup(deployment, payer, params, operators);
  await providers.consent(group);
  say(`the payer has made and funded group ${group}`);
  const fleet = await startDaemons(options, { rpc, chainId, registry, group, keepers, providers });
  say("all daemons are up");
  await options.startMining(provider, fleet);
  await providers.join(groupAt(group, payer));
  say("the providers have joined the group, with their consent");
  const view = new GroupView(provider, group);
  return { rpc, provider, group, deployment, view, keepers: fleet, providers };
}

type Made = {
  readonly rpc: string;
  readonly chainId: number;
  readonly registry: string;
  readonly group: string;
  readonly keepers: readonly Keeper[];
  readonly providers: ProviderFleet;
};

async function startDaemons(options: FleetOptions, made: Made): Promise<KeeperFleet> {
  const { chainId, registry, group, keepers, providers } = made;
  const { polling_ms: poll_ms } = options;
  const seats = await Promise.all(
    keepers.map(async (keeper) => {
      const rpc = (await options.rpcOf?.(keeper.index, made.rpc)) ?? [made.rpc];
      const configFile = await writeKeeperConfig(keeper, { rpc, chainId, registry, group, poll_ms });
      return { keeper, configFile };
    }),
  );
  await options.beforeKeepers?.(keepers);
  const fleet = new KeeperFleet(options.processes, seats, options.keeperCommand);
  await Promise.all([providers.start(group), ...seats.map((_, index) => fleet.start(index))]);
  return fleet;
}
