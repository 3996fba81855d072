/** Keys, registrations, a committee and its groups, which must exist on chain before the daemons start. */
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
import { addressesToRegister } from "../../cli/keeper/registered-addresses.ts";
import { devnetRhythm } from "../../cli/chain/presets.ts";
import { provePossession, publicKeyOf } from "../../client/bls.ts";
import { planCommittee, type NewCommittee } from "../../client/committee-plans.ts";
import type { Rhythm } from "../../client/committee-view.ts";
import { planGroup, predictGroup } from "../../client/group-plans.ts";
import { predictCommittee, signFirstConsent } from "../../client/member-consents.ts";
import { planSendAhead } from "../../client/money-plans.ts";
import { chainOf } from "../../client/signer.ts";
import { send } from "../../client/transactions.ts";
import { newKeeperKeys, peerIdBytes, type KeeperKeys } from "../../daemon/keys/generate.ts";
import { writeKeys } from "../../daemon/keys/keystore.ts";
import type { KeeperConfig } from "../../keeper/config.ts";
import { lockupBound } from "../../protocol/group-bounds.ts";
import type { Deployment } from "../contracts/artifacts.ts";

/** A committee's rhythm, what its groups offer (R4), and the price that every provider asks. */
export type FleetParams = Rhythm & {
  /** Blocks. */
  readonly lockup: number;
  readonly keeperShareBps: number;
  /** Token units per reserved provider and 65,536 blocks; above 0, as the committee is open to any group (R38). */
  readonly keeperFee: bigint;
  /** Token units per 2^64 byte·blocks. */
  readonly price: bigint;
};

/** Parameters of a local chain for n keepers. Prices are high, so that a few megabytes earn something in a minute. */
export function fleetParams(n: number, change: Partial<FleetParams> = {}): FleetParams {
  const rhythm = { ...devnetRhythm, toleranceBps: 100, ...change };
  return {
    lockup: lockupBound(rhythm, n),
    keeperShareBps: 1000,
    keeperFee: 10n ** 15n,
    price: 10n ** 24n,
    ...rhythm,
  };
}

export type Keeper = {
  readonly index: number;
  readonly folder: string;
  readonly keys: KeeperKeys;
  readonly operator: string;
  readonly payee: string;
  readonly port: number;
  /** Of the relay that it offers; undefined: none. */
  readonly relayPort?: number;
};

/** A keeper that consents by signature, or one without keys, which consents later. */
export type Invited = { readonly operator: string; readonly keys?: Pick<KeeperKeys, "operator"> };

/** Coin for an account's gas; more than any run needs. */
const funds = 10n ** 20n;
/** Token units that a payer deposits: more than any run costs; the rest stays the payer's. */
const deposit = 1_000n * 10n ** 18n;
/** Providers that all groups of a committee may reserve: as many as 32 groups can have. */
const mostProviders = 32 * 256;
/** Blocks for which a keeper's consent to a committee counts. */
const consentBlocks = 50_000;

export function multiaddr(port: number): string {
  return `/ip4/127.0.0.1/tcp/${port}`;
}

/** Password of keys without value, which are used only on this chain. */
const password = "devnet";

/** Makes a keeper's folder and keys, encrypted lightly: a fleet of them starts in seconds. */
export async function makeKeeper(
  dataDir: string,
  index: number,
  port: number,
  relayPort?: number,
): Promise<Keeper> {
  const folder = join(dataDir, `keeper-${index}`);
  await mkdir(folder, { recursive: true });
  const keys = newKeeperKeys();
  await writeKeys(join(folder, "keys"), keys, password, "light");
  await writeFile(join(folder, "password"), `${password}\n`, { mode: 0o600 });
  const payee = Wallet.createRandom().address;
  const relay = relayPort === undefined ? {} : { relayPort };
  return { index, folder, keys, operator: computeAddress(keys.operator), payee, port, ...relay };
}

export type KeeperConfigOptions = {
  readonly rpc: readonly string[];
  readonly chainId: number;
  readonly registry: string;
  /** The keeper follows its seats in this factory's committees (R39). */
  readonly factory: string;
  /** Time between two looks at the chain; the daemon's own unless said otherwise. */
  readonly poll_ms?: number;
};

/** Writes the configuration a keeper daemon starts from, and returns its path. */
export async function writeKeeperConfig(keeper: Keeper, options: KeeperConfigOptions): Promise<string> {
  const file = join(keeper.folder, "config.json");
  const { chainId, rpc, registry, factory, poll_ms } = options;
  const config = {
    dataDir: join(keeper.folder, "data"),
    chain: { id: chainId, rpc, registry, factories: [factory], poll_ms },
    listen: [multiaddr(keeper.port)],
    relay: relayOf(keeper),
    keys: join(keeper.folder, "keys"),
    passwordFile: join(keeper.folder, "password"),
    api: { host: "127.0.0.1", port: 0 },
    logLevel: "info",
  };
  await writeFile(file, `${JSON.stringify(config, null, 2)}\n`);
  return file;
}

function relayOf({ relayPort }: Pick<Keeper, "relayPort">): KeeperConfig["relay"] {
  return { use: "auto", offer: relayPort !== undefined, listen: [multiaddr(relayPort ?? 0)], announce: [] };
}

/** Gives accounts coin for gas. */
export async function fundOperators(provider: JsonRpcProvider, accounts: readonly string[]): Promise<void> {
  const amount = `0x${funds.toString(16)}`;
  await Promise.all(accounts.map((account) => provider.send("hardhat_setBalance", [account, amount])));
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
  const addresses = { listen: [multiaddr(port)], announce: [], relay: relayOf(keeper) };
  const multiaddrs = await addressesToRegister(addresses, keys.peer);
  const sent = await register(blsKey, proof, payee, await peerIdBytes(keys.peer), multiaddrs);
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

/**
 * The convener makes a committee of these keepers, in this order. Those with keys consent by signature; it exists once all consented
 * (R37). It is open to any group that offers what `params` say. Returns its address.
 */
export async function formCommittee(
  { factory, token }: Deployment,
  convener: Signer,
  params: FleetParams,
  keepers: readonly Invited[],
): Promise<string> {
  const { interval, turn, slot, answer, confirmations, toleranceBps, keeperFee, keeperShareBps } = params;
  const draft: NewCommittee = {
    factory: await factory.getAddress(),
    rhythm: { interval, turn, slot, answer, confirmations, toleranceBps },
    terms: {
      token: await token.getAddress(),
      leastKeeperFee: keeperFee,
      leastKeeperShareBps: keeperShareBps,
      mostProviders,
      open: true,
    },
    operators: keepers.map(({ operator }) => operator),
  };
  const provider = chainOf(convener);
  const whole = { ...draft, convener: await convener.getAddress() };
  const deadline = (await provider.getBlockNumber()) + consentBlocks;
  const secrets = keepers.flatMap(({ keys }) => (keys === undefined ? [] : [keys.operator]));
  const consents = await Promise.all(
    secrets.map((secret) => signFirstConsent(new Wallet(secret, provider), whole, { deadline })),
  );
  const committee = await predictCommittee(provider, whole);
  await send(await planCommittee(convener, draft, consents), convener);
  return committee;
}

/**
 * The payer makes a group with a funded escrow. Above a ceiling of 0 it enters the committee in the same transaction, with so many
 * reserved providers. Returns its address.
 */
export async function createGroup(
  { factory, token }: Deployment,
  payer: Signer,
  params: Pick<FleetParams, "lockup" | "keeperShareBps" | "keeperFee">,
  { committee, ceiling }: { readonly committee: string; readonly ceiling: number },
): Promise<string> {
  const { lockup, keeperShareBps, keeperFee } = params;
  const address = await token.getAddress();
  const config = { token: address, lockup, keeperShareBps, keeperFee };
  const group = { factory: await factory.getAddress(), config, committee };
  const predicted = await predictGroup(chainOf(payer), await payer.getAddress(), group);
  const ahead = { token: address, group: predicted, amount: deposit };
  await send(await planSendAhead(payer, ahead), payer);
  await send(await planGroup(payer, group, ceiling), payer);
  return predicted;
}

/** An account with coin, and with tokens for a deposit. */
export async function newPayer(provider: JsonRpcProvider, token: Contract): Promise<Wallet> {
  const payer = new Wallet(Wallet.createRandom().privateKey, provider);
  await fundOperators(provider, [payer.address]);
  const mint = (token.connect(payer) as Contract).getFunction("mint");
  await (await mint(payer.address, deposit)).wait();
  return payer;
}
