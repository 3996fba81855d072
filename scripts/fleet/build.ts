/**
 * A whole system on one machine: a chain, contracts, a committee that serves the groups of one or several payers, provider and
 * keeper daemons, each a process.
 */
import { join } from "node:path";
import type { JsonRpcProvider, Wallet } from "ethers";
import { connectRpc } from "../../client/connect.ts";
import { CommitteeView } from "../../client/committee-view.ts";
import { GroupView } from "../../client/group-view.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { counted } from "../../protocol/counted.ts";
import { deployAll, groupAt, type Deployment } from "../contracts/artifacts.ts";
import { projectRoot } from "../paths.ts";
import type { ChainClient } from "./clients.ts";
import { KeeperFleet, type KeeperCommand } from "./keepers.ts";
import type { Processes } from "./processes.ts";
import { ProviderFleet } from "./providers.ts";
import {
  createGroup,
  formCommittee,
  fundOperators,
  makeKeeper,
  newPayer,
  registerKeeper,
  writeKeeperConfig,
  type FleetParams,
  type Keeper,
} from "./setup.ts";

/** Addresses that a provider's offer names. */
export type OfferedContracts = { readonly factory: string; readonly token: string };

export type CommunityOptions = {
  readonly processes: Processes;
  /** Holds all data and logs. */
  readonly folder: string;
  /** The client that runs the chain; by default Hardhat's node. */
  readonly client?: ChainClient;
  /** The port of the chain's endpoint; by default a free one. For Hardhat's node only. */
  readonly port?: number;
  readonly keepers: number;
  readonly providers: number;
  /** Keepers that offer a relay, from the first on; by default none. */
  readonly relays?: number;
  readonly params: FleetParams;
  /** Time between two polls of the chain, of this process and of the keepers. */
  readonly polling_ms: number;
  /** Called with a line of text after each step. */
  readonly say: (text: string) => void;
  readonly providerCommand?: "provider-sim" | "provider";
  /** What provider `index` offers to payers; by default nothing. */
  readonly offerOf?: (index: number, contracts: OfferedContracts) => object;
  readonly keeperCommand?: KeeperCommand;
  /** RPC endpoints in the configuration of keeper `index`; by default the chain's own. */
  readonly rpcOf?: (index: number, rpc: string) => Promise<readonly string[]>;
  /** Runs before the first keeper starts. */
  readonly beforeKeepers?: (keepers: readonly Keeper[]) => Promise<void>;
};

/** Every provider serves every group. */
export type FleetOptions = CommunityOptions & {
  /** Groups of the committee, each with a payer of its own; by default one. */
  readonly groups?: number;
  /** Called when set-up transactions are done; until then the chain mines a block for each transaction. */
  readonly startMining: (chain: JsonRpcProvider, keepers: KeeperFleet) => Promise<void>;
};

export type FleetGroup = { readonly address: string; readonly payer: Wallet; readonly view: GroupView };

export type Fleet = {
  readonly rpc: string;
  readonly provider: JsonRpcProvider;
  readonly deployment: Deployment;
  readonly committee: CommitteeView;
  readonly groups: readonly [FleetGroup, ...FleetGroup[]];
  readonly keepers: KeeperFleet;
  readonly providers: ProviderFleet;
};

/** Starts the chain; it mines a block for each transaction until `startMining`. */
async function startChain({
  processes,
  folder,
  client = "hardhat",
  port = 0,
}: CommunityOptions): Promise<string> {
  const script = client === "anvil" ? "anvil-process.ts" : "chain-process.ts";
  const chain = processes.start({
    name: "the chain",
    args: [join(projectRoot, "scripts/fleet", script), join(folder, "chain"), String(port)],
    logFile: join(folder, "chain.log"),
    daemon: true,
  });
  return ((await chain.ready) as { rpc: string }).rpc;
}

/** What every part of the fleet needs. */
export type Base = {
  readonly rpc: string;
  readonly provider: JsonRpcProvider;
  readonly deployment: Deployment;
  readonly chainId: number;
  readonly registry: string;
  readonly factory: string;
  readonly lens: string;
  readonly vouchers: string;
};

async function openBase(rpc: string, polling_ms: number): Promise<Base> {
  const provider = await connectRpc(rpc);
  provider.pollingInterval = polling_ms;
  const deployment = await deployAll(await provider.getSigner(0));
  const [registry, factory, lens, vouchers] = await Promise.all([
    deployment.registry.getAddress(),
    deployment.factory.getAddress(),
    deployment.lens.getAddress(),
    deployment.vouchers.getAddress(),
  ]);
  const chainId = Number((await provider.getNetwork()).chainId);
  return { rpc, provider, deployment, chainId, registry, factory, lens, vouchers };
}

/** A chain with the contracts, and registered parties that have formed a committee; no daemon runs yet, and no group exists. */
export type Community = Parties & { readonly base: Base; readonly committee: string };

export async function buildCommunity(options: CommunityOptions): Promise<Community> {
  const { params, say } = options;
  const [rpc, ports] = await Promise.all([
    startChain(options),
    freePorts(options.keepers + options.providers + (options.relays ?? 0)),
  ]);
  say(`chain at ${rpc}`);
  const base = await openBase(rpc, options.polling_ms);
  const { provider, deployment } = base;
  say("Registry, UpkeepingFactory, Lens, ReadVouchers and a demo token are deployed");
  const { keepers, providers } = await register(options, base, ports);
  say(
    `${counted(keepers.length, "keeper")} are registered, with proofs that they hold their keys, and ${counted(providers.size, "provider")}`,
  );
  const committee = await formCommittee(deployment, await provider.getSigner(0), params, keepers);
  say(`the keepers have consented to be committee ${committee}`);
  return { base, committee, keepers, providers };
}

/** Builds and starts the fleet; the providers have joined every group when this returns. */
export async function buildFleet(options: FleetOptions): Promise<Fleet> {
  const { params, say } = options;
  const { base, committee, keepers, providers } = await buildCommunity(options);
  const { rpc, provider, deployment, lens } = base;
  const groups = await makeGroups(options, base, committee);
  say(`${counted(groups.length, "payer")} made and funded a group each: ${listed(groups)}`);
  let stored = 0n;
  for (const [payer, { address }] of groups.entries()) stored += await providers.ingest(address, payer);
  say(`every provider stores the files of every payer, ${(Number(stored) / 1e6).toFixed(1)} MB in all`);
  await enterAll(base, groups, { committee, ceiling: options.providers });
  for (const { address } of groups) await providers.consent(address, params.price);
  const addresses = groups.map(({ address }) => address);
  const fleet = await startDaemons(options, base, { groups: addresses, keepers, providers });
  say("all daemons are up");
  await options.startMining(provider, fleet);
  await Promise.all(groups.map(({ address, payer }) => providers.join(groupAt(address, payer))));
  say(`the providers have joined ${groups.length === 1 ? "the group" : "every group"}, with their consent`);
  const view = new CommitteeView(provider, { address: committee, lens });
  return { rpc, provider, deployment, committee: view, groups, keepers: fleet, providers };
}

type Parties = { readonly keepers: readonly Keeper[]; readonly providers: ProviderFleet };

async function register(options: CommunityOptions, base: Base, ports: readonly number[]): Promise<Parties> {
  const { processes, folder } = options;
  const { provider, deployment, rpc, chainId, registry, factory, lens } = base;
  const relayPorts = ports.slice(options.keepers + options.providers);
  const keepers = await Promise.all(
    Array.from({ length: options.keepers }, (_, index) =>
      makeKeeper(folder, index, ports[index] as number, relayPorts[index]),
    ),
  );
  const contracts = { factory, token: await deployment.token.getAddress() };
  const { offerOf } = options;
  const providers = await ProviderFleet.create({
    processes,
    folder,
    count: options.providers,
    ports: ports.slice(options.keepers),
    rpc,
    chainId,
    registry,
    lens,
    command: options.providerCommand ?? "provider-sim",
    ...(offerOf && { offerOf: (index: number) => offerOf(index, contracts) }),
  });
  await fundOperators(provider, [...keepers.map(({ operator }) => operator), ...providers.operators]);
  await Promise.all(keepers.map((keeper) => registerKeeper(provider, deployment.registry, keeper)));
  await providers.register(provider, deployment.registry);
  return { keepers, providers };
}

function listed(groups: readonly FleetGroup[]): string {
  const shown = groups.slice(0, 4).map(({ address }) => address);
  return [...shown, ...(groups.length > shown.length ? ["…"] : [])].join(", ");
}

async function makeGroups(
  { groups: count = 1, params }: FleetOptions,
  { provider, deployment, lens }: Base,
  committee: string,
): Promise<[FleetGroup, ...FleetGroup[]]> {
  const make = async (): Promise<FleetGroup> => {
    const payer = await newPayer(provider, deployment.token);
    const address = await createGroup(deployment, payer, params, { committee, ceiling: 0 });
    return { address, payer, view: new GroupView(provider, { address, lens }) };
  };
  const [first, ...others] = await Promise.all([make(), ...Array.from({ length: count - 1 }, make)]);
  return [first, ...others];
}

/** An upper bound of the gas that entering a committee uses. */
const enterGas = 500_000n;

/** All groups enter in one block, so that their service begins in the same block, however many they are. */
async function enterAll(
  { provider }: Base,
  groups: readonly FleetGroup[],
  { committee, ceiling }: { readonly committee: string; readonly ceiling: number },
): Promise<void> {
  await provider.send("evm_setAutomine", [false]);
  const sent = await Promise.all(
    groups.map(({ address, payer }) =>
      groupAt(address, payer).getFunction("enter").send(committee, ceiling, { gasLimit: enterGas }),
    ),
  );
  await provider.send("evm_mine", []);
  await provider.send("evm_setAutomine", [true]);
  await Promise.all(sent.map((transaction) => transaction.wait()));
}

/** Starts the daemons of all parties; the providers serve these groups. */
export async function startDaemons(
  options: CommunityOptions,
  base: Base,
  { groups, keepers, providers }: Parties & { readonly groups: readonly string[] },
): Promise<KeeperFleet> {
  const { chainId, registry, factory } = base;
  const { polling_ms: poll_ms } = options;
  const seats = await Promise.all(
    keepers.map(async (keeper) => {
      const rpc = (await options.rpcOf?.(keeper.index, base.rpc)) ?? [base.rpc];
      const configFile = await writeKeeperConfig(keeper, { rpc, chainId, registry, factory, poll_ms });
      return { keeper, configFile };
    }),
  );
  await options.beforeKeepers?.(keepers);
  const fleet = new KeeperFleet(options.processes, seats, options.keeperCommand);
  await Promise.all([providers.start(groups), ...seats.map((_, index) => fleet.start(index))]);
  return fleet;
}
