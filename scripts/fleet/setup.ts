/** Keys, registrations and the payer's group, which must exist on chain before the daemons start. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  AbiCoder,
  computeAddress,
  Contract,
  getBytes,
  Wallet,
  type JsonRpcProvider,
  type Signer,
} from "ethers";
import { provePossession, publicKeyOf } from "../../client/bls.ts";
import type { GroupRules } from "../../client/group-view.ts";
import { writeKeys } from "../../daemon/keys/keystore.ts";
import { newKeeperKeys, peerIdBytes, type KeeperKeys } from "../../daemon/keys/generate.ts";
import type { Deployment } from "../contracts/artifacts.ts";

/** All in blocks, except price (token units per GiB·block) and the basis points. */
export type GroupParams = Omit<GroupRules, "token" | "merkle">;

export type Keeper = {
  index: number;
  folder: string;
  keys: KeeperKeys;
  operator: string;
  payee: string;
  port: number;
};

/** Coin for a keeper's gas; more than any run needs. */
const operatorFunds = 10n ** 20n;
/** Whole tokens (18 decimals) that the payer deposits: more than any run costs; the rest stays the payer's. */
const deposit = 1_000n * 10n ** 18n;

export function multiaddr(port: number): string {
  return `/ip4/127.0.0.1/tcp/${port}`;
}

/** Password of keys without value, which are used only on this chain. */
const password = "devnet";

/** Makes a keeper's folder and keys, encrypted lightly: a fleet of them starts in seconds. */
export async function makeKeeper(dataDir: string, index: number, port: number): Promise<Keeper> {
  const folder = join(dataDir, `keeper-${index}`);
  await mkdir(folder, { recursive: true });
  const keys = newKeeperKeys();
  await writeKeys(join(folder, "keys"), keys, password, "light");
  await writeFile(join(folder, "password"), `${password}\n`, { mode: 0o600 });
  const payee = Wallet.createRandom().address;
  return { index, folder, keys, operator: computeAddress(keys.operator), payee, port };
}

export type KeeperConfigOptions = {
  rpc: readonly string[];
  chainId: number;
  registry: string;
  group: string;
  /** Time between two looks at the chain; the daemon's own unless said otherwise. */
  poll_ms?: number;
};

/** Writes the configuration a keeper daemon starts from, and returns its path. */
export async function writeKeeperConfig(keeper: Keeper, options: KeeperConfigOptions): Promise<string> {
  const file = join(keeper.folder, "config.json");
  const { poll_ms } = options;
  const config = {
    dataDir: join(keeper.folder, "data"),
    chain: { id: options.chainId, rpc: options.rpc, registry: options.registry, poll_ms },
    groups: [options.group],
    listen: [multiaddr(keeper.port)],
    keys: join(keeper.folder, "keys"),
    passwordFile: join(keeper.folder, "password"),
    api: { host: "127.0.0.1", port: 0 },
    logLevel: "info",
  };
  await writeFile(file, `${JSON.stringify(config, null, 2)}\n`);
  return file;
}

/** Sends coin for gas to operators. */
export async function fundOperators(provider: JsonRpcProvider, operators: readonly string[]): Promise<void> {
  const amount = `0x${operatorFunds.toString(16)}`;
  await Promise.all(operators.map((operator) => provider.send("hardhat_setBalance", [operator, amount])));
}

/** Registers a keeper with its proof of possession (R3). */
export async function registerKeeper(
  provider: JsonRpcProvider,
  registry: Contract,
  keeper: Keeper,
): Promise<void> {
  const { keys, operator, payee, port } = keeper;
  const { chainId } = await provider.getNetwork();
  const blsKey = publicKeyOf(keys.bls);
  const message = AbiCoder.defaultAbiCoder().encode(
    ["uint256", "address", "address", "bytes"],
    [chainId, await registry.getAddress(), operator, blsKey],
  );
  const proof = provePossession(keys.bls, getBytes(message));
  const register = (registry.connect(new Wallet(keys.operator, provider)) as Contract).getFunction(
    "registerKeeper",
  );
  const sent = await register(blsKey, proof, payee, await peerIdBytes(keys.peer), [multiaddr(port)]);
  await sent.wait();
}

export type ProviderIdentity = { wallet: Wallet; payee: string; peerSeed: string; port: number };

export async function registerProvider(registry: Contract, provider: ProviderIdentity): Promise<void> {
  const register = (registry.connect(provider.wallet) as Contract).getFunction("registerProvider");
  const sent = await register(provider.payee, await peerIdBytes(provider.peerSeed), [
    multiaddr(provider.port),
  ]);
  await sent.wait();
}

/** The payer makes a group with these keepers, in this order, and funds it. Returns its address. */
export async function createGroup(
  deployment: Deployment,
  payer: Signer,
  params: GroupParams,
  operators: readonly string[],
): Promise<string> {
  const { factory, token } = deployment;
  const config = { token: await token.getAddress(), ...params, merkle: false };
  const create = (factory.connect(payer) as Contract).getFunction("createGroup");
  const group: string = await create.staticCall(config, operators);
  await (await create(config, operators)).wait();
  const asPayer = token.connect(payer) as Contract;
  await (await asPayer.getFunction("approve")(group, deposit)).wait();
  const escrow = new Contract(group, ["function deposit(uint256 amount) payable"], payer);
  await (await escrow.getFunction("deposit")(deposit)).wait();
  return group;
}
