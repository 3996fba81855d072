/** Providers with offers, a committee and a payer's groups, on a chain with the real contracts, for tests of storing by offer. */
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Contract, Wallet } from "ethers";
import { pino } from "pino";
import type { Logger } from "pino";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { initProvider, loadConfig, loadKeys } from "../../provider/config.ts";
import type { ProviderConfig, ProviderKeys } from "../../provider/config.ts";
import { startProvider } from "../../provider/compose.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { providerIdentity } from "../../provider/identity.ts";
import type { offerSchema } from "../../provider/store/settings.ts";
import { stringify } from "yaml";
import type { z } from "zod";
import { send } from "./contracts/chain.ts";
import type { Committee } from "./contracts/committee-contract.ts";
import { sharedFolder, type SharedFolder } from "./files.ts";
import { price, ProviderChain } from "./provider-chain.ts";
import type { Group, Keeper } from "./provider-chain.ts";
import { StorePayer } from "./store-payer.ts";
import type { Answer, Parcel, Target } from "./store-payer.ts";

/** Longest time in which the daemon sees a change of the chain. */
const look_ms = 20_000;

export type StoreProvider = {
  readonly configPath: string;
  readonly config: ProviderConfig;
  readonly keys: ProviderKeys;
  readonly operator: Hex;
  readonly wallet: Wallet;
  start(log?: Logger): Promise<RunningProvider>;
};

export class StoreScene {
  readonly chain: ProviderChain;
  readonly committee: Committee;
  readonly keepers: readonly Keeper[];
  readonly token: Hex;
  readonly factory: Hex;
  readonly folder: string;
  readonly #removeFolder: () => Promise<void>;

  private constructor(
    chain: ProviderChain,
    committee: Committee,
    keepers: readonly Keeper[],
    folder: SharedFolder,
    addresses: { token: Hex; factory: Hex },
  ) {
    this.chain = chain;
    this.committee = committee;
    this.keepers = keepers;
    this.folder = folder.folder;
    this.#removeFolder = folder.remove;
    this.token = addresses.token;
    this.factory = addresses.factory;
  }

  static async open(): Promise<StoreScene> {
    const folder = await sharedFolder();
    const chain = await ProviderChain.open();
    const keepers = await chain.keepers(0, 4);
    const committee = await chain.committee(keepers);
    const address = async (contract: Contract): Promise<Hex> =>
      (await contract.getAddress()).toLowerCase() as Hex;
    const { token, factory } = chain.world;
    return new StoreScene(chain, committee, keepers, folder, {
      token: await address(token),
      factory: await address(factory),
    });
  }

  /** A registered provider whose price is `perMonth` whole tokens; 0 by default. */
  async provider(
    name: string,
    offer: Partial<z.input<typeof offerSchema>> = {},
    { maxBytes }: { readonly maxBytes?: number } = {},
  ): Promise<StoreProvider> {
    const { chain, folder, token, factory } = this;
    await mkdir(folder, { recursive: true });
    const passwordFile = join(folder, `${name}.password`);
    await writeFile(passwordFile, "devnet\n", { mode: 0o600 });
    const paths = await initProvider({
      dataDir: join(folder, name),
      chainId: chain.chainId,
      rpc: [chain.endpoint.url],
      registry: await chain.registry(),
      listen: ["/ip4/127.0.0.1/tcp/0"],
      groups: [],
      password: "devnet",
      passwordFile,
      kdf: "light",
    });
    const settings = { factories: [factory], prices: [{ token, perMonth: "0" }], graceBlocks: 20, ...offer };
    const volumes = maxBytes === undefined ? [] : [{ path: join(folder, name, "store"), maxBytes }];
    await appendFile(paths.config, stringify({ offer: settings, volumes }));
    const config = await loadConfig(paths.config);
    const keys = await loadKeys(paths.keys, "devnet");
    const wallet = new Wallet(toHex(keys.operator), chain.world.chain.provider);
    await chain.world.chain.rpc("hardhat_setBalance", [wallet.address, "0x3635c9adc5dea00000"]);
    const { peerIdBytes } = await providerIdentity(keys);
    await send(chain.world.registry, wallet, "registerProvider", [
      wallet.address,
      peerIdBytes,
      ["/ip4/127.0.0.1/tcp/2"],
    ]);
    return {
      configPath: paths.config,
      config,
      keys,
      wallet,
      operator: keys.operatorAddress,
      start: (log = pino({ level: "silent" })) => startProvider(config, keys, log),
    };
  }

  /** Registers the address at which a provider listens. */
  async announce({ wallet, keys }: StoreProvider, { addrs }: Pick<RunningProvider, "addrs">): Promise<void> {
    const { peerIdBytes } = await providerIdentity(keys);
    await send(this.chain.world.registry, wallet, "updateProviderEndpoint", [peerIdBytes, [...addrs]]);
  }

  /** A group of the convener that holds 10^24 units, in the committee. */
  group(): Promise<Group> {
    return this.chain.group(this.committee);
  }

  /** The payer's side, calling from a keeper's node. */
  async payer(provider: StoreProvider, running: () => Target, group: Hex, keeper = 0): Promise<StorePayer> {
    const { chain } = this;
    const terms = {
      chainId: chain.chainId,
      registry: await chain.registry(),
      provider: provider.operator,
      group,
      price,
      deadline: (await chain.world.chain.block()) + 5_000,
    };
    const { calling } = this.keepers[keeper] as Keeper;
    return new StorePayer(chain.world.convener, calling, running, terms);
  }

  /** The consent for which the group's contract asks now. */
  async consent(
    payer: StorePayer,
    parcel: Pick<Parcel, "list">,
    group: Group,
    ahead = 100,
  ): Promise<Answer<"consent"> | string> {
    const [committee] = (await group.contract.getFunction("effectiveFrom").staticCall()) as [string];
    const used = (await group.contract
      .getFunction("consentSequence")
      .staticCall(payer.terms.provider)) as bigint;
    const deadline = (await this.chain.world.chain.block()) + ahead;
    const wish = { committee: committee.toLowerCase() as Hex, sequence: Number(used) + 1, deadline };
    return payer.consent(parcel, wish);
  }

  /** The payer uses a consent. */
  async use(group: Group, consent: Answer<"consent"> | string, provider?: number): Promise<void> {
    if (typeof consent === "string") throw new Error(consent);
    await group.use(
      { ...consent, group: group.address, bytes: BigInt(consent.bytes), signature: toHex(consent.signature) },
      provider,
    );
  }

  /** Mines blocks; the daemon reads its head at most every 100 ms. */
  async mine(blocks: number): Promise<void> {
    const { world } = this.chain;
    await world.chain.before((await world.chain.block()) + blocks + 1);
    await sleep(110);
  }

  async close(): Promise<void> {
    await this.chain.close();
    await this.#removeFolder();
  }
}

/** Waits until `check` gives something; rejects after 20 s. */
export async function until<T>(what: string, check: () => Promise<T | undefined>): Promise<T> {
  const end_ms = performance.now() + look_ms;
  for (;;) {
    const found = await check();
    if (found !== undefined) return found;
    if (performance.now() > end_ms) throw new Error(`${what}: not within ${look_ms} ms`);
    await sleep(100);
  }
}
