/** One provider with real data on disk, the keys of two keepers, and the chain endpoint that lists them. */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { startCallingNode } from "../../keeper/adapters/libp2p/node.ts";
import type { CallingNode } from "../../keeper/adapters/libp2p/node.ts";
import type { ChallengeRequest } from "../../protocol/codec/challenge.ts";
import { secretKeyAddress } from "../../protocol/codec/receipt.ts";
import { signSeed } from "../../protocol/codec/seed.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { initProvider, loadConfig, loadKeys } from "../../provider/config.ts";
import type { ProviderConfig, ProviderKeys } from "../../provider/config.ts";
import { faultDecorator } from "../../provider-sim/decorator.ts";
import { startProvider } from "../../provider/compose.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { ingestFiles } from "../../provider/ingest.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { eip2537Key, startChainEndpoint } from "./chain-endpoint.ts";
import type { ChainEndpoint } from "./chain-endpoint.ts";
import { seededBytes } from "./files.ts";

export const chainId = 31_337;
export const group: Hex = `0x${"a1".repeat(20)}`;

/** 32 bytes that are a valid secret key of every curve in use. */
export const secretOf = (index: number): Uint8Array => seededBytes(32, 7000 + index).fill(0, 0, 1);

export type Keeper = {
  readonly operator: Hex;
  readonly blsSecret: Uint8Array;
  /** Where it calls providers from. */
  readonly calling: CallingNode;
};

export async function startKeeper(index: number): Promise<Keeper> {
  const calling = await startCallingNode(toHex(secretOf(100 + index)));
  return { operator: secretKeyAddress(secretOf(index)), blsSecret: secretOf(200 + index), calling };
}

export type Scene = {
  readonly chain: ChainEndpoint;
  readonly keepers: readonly Keeper[];
  readonly configPath: string;
  readonly config: ProviderConfig;
  readonly keys: ProviderKeys;
  readonly list: PieceList;
  readonly files: readonly string[];
  start(): Promise<RunningProvider>;
  /** A request that an honest keeper makes now for `slot`. */
  request(keeper: Keeper, slot: number, changes?: Partial<ChallengeRequest>): ChallengeRequest;
};

/** Slots of five blocks from block 10 on; the provider is number 0 and committed to `sizes` bytes in as many pieces. */
export async function providerScene(
  folder: string,
  keepers: readonly Keeper[],
  sizes: readonly number[],
): Promise<Scene> {
  const chain = await startChainEndpoint({
    chainId,
    head: 100,
    originBlock: 10,
    slot: 5,
    confirmations: 1,
    members: keepers.map(({ operator, blsSecret, calling }) => ({
      operator,
      blsKey: eip2537Key(blsSecret),
      peerId: toHex(calling.libp2p.peerId.toMultihash().bytes),
    })),
    providers: [],
    consentSequence: 0,
  });
  const dataDir = join(folder, "provider");
  const passwordFile = join(folder, "provider.password");
  await writeFile(passwordFile, "devnet\n", { mode: 0o600 });
  const paths = await initProvider({
    dataDir,
    chainId,
    rpc: [chain.url],
    registry: `0x${"b2".repeat(20)}`,
    listen: ["/ip4/127.0.0.1/tcp/0"],
    groups: [group],
    password: "devnet",
    passwordFile,
    kdf: "light",
  });
  const config = await loadConfig(paths.config);
  const keys = await loadKeys(paths.keys, "devnet");
  const log = pino({ level: "silent" });
  await mkdir(join(folder, "files"));
  const files: string[] = [];
  for (const [index, size] of sizes.entries()) {
    const file = join(folder, "files", String(index));
    await writeFile(file, seededBytes(size, index + 1));
    files.push(file);
  }
  const list = await ingestFiles(config, files);
  chain.state.providers.push({
    operator: keys.operatorAddress,
    data: [{ fromBlock: 10, size: list.totalBytes, root: toHex(list.root), receiptKey: keys.receiptAddress }],
  });
  return {
    chain,
    keepers,
    configPath: paths.config,
    config,
    keys,
    list,
    files,
    start: () => startProvider(config, keys, log, faultDecorator(config, log)),
    request(keeper, slot, changes = {}) {
      const scope = {
        chainId,
        group,
        provider: 0,
        slot,
        blockHash: chain.hashOf(chain.state.originBlock + slot * chain.state.slot),
        ...changes,
      };
      return { keeper: keeper.operator, seed: signSeed(scope, keeper.blsSecret), ...scope };
    },
  };
}

/** Inverts the bytes [start, end) of a file, as a failing disk might. */
export async function damage(path: string, start: number, end: number): Promise<void> {
  const bytes = await readFile(path);
  for (let i = start; i < end; i++) bytes[i] = ~bytes[i]!;
  await chmod(path, 0o644);
  await writeFile(path, bytes);
}
