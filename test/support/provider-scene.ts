/** One provider with real data on disk, in several groups of one committee, on a chain with the real contracts. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Wallet } from "ethers";
import { pino } from "pino";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import { verifyAnswer } from "../../protocol/codec/answer.ts";
import {
  challengeProtocol,
  decodeChallengeResponse,
  encodeChallengeRequest,
  maxChallengeResponseBytes,
} from "../../protocol/codec/challenge.ts";
import type {
  ChallengeAnswer,
  ChallengeRequest,
  ChallengeTarget,
  Refusal,
} from "../../protocol/codec/challenge.ts";
import { signSeed } from "../../protocol/codec/seed.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { initProvider, loadConfig, loadKeys } from "../../provider/config.ts";
import type { ProviderConfig, ProviderKeys } from "../../provider/config.ts";
import { consentFor } from "../../provider/consent.ts";
import { faultDecorator } from "../../provider-sim/decorator.ts";
import { startProvider } from "../../provider/compose.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { providerIdentity } from "../../provider/identity.ts";
import { ingestFiles } from "../../provider/ingest.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { send } from "./contracts/chain.ts";
import type { Committee } from "./contracts/committee-contract.ts";
import { seededBytes } from "./files.ts";
import { lower, price, ProviderChain } from "./provider-chain.ts";
import type { Group, Keeper } from "./provider-chain.ts";

export type { Keeper } from "./provider-chain.ts";

/** One group of the provider, in which it is number 0. */
export type Stored = {
  readonly group: Group;
  readonly list: PieceList;
  readonly files: readonly string[];
};

export type Scene = {
  readonly chain: ProviderChain;
  readonly committee: Committee;
  /** Of the committee's contract. */
  readonly originBlock: number;
  /** Members of the committee. */
  readonly keepers: readonly Keeper[];
  readonly stored: readonly Stored[];
  readonly configPath: string;
  readonly config: ProviderConfig;
  readonly keys: ProviderKeys;
  /** The provider's operator, with money. */
  readonly operator: Wallet;
  start(): Promise<RunningProvider>;
  /** All groups of the provider. */
  readonly targets: readonly ChallengeTarget[];
  /** A request that an honest keeper makes for `slot`, whose first block is mined. */
  request(keeper: Keeper, slot: number, changes?: Partial<ChallengeRequest>): Promise<ChallengeRequest>;
  /** The slot of the next block but one, at least; the head is then its second block. */
  nextSlot(): Promise<number>;
  close(): Promise<void>;
};

/** Slots have five blocks. */
const slotBlocks = 5;
/** The provider reads the head at most every 100 ms. */
const headAge_ms = 110;

/** The bytes of a piece, or how many of seeded ones it has. */
export type PieceContent = number | Uint8Array;

/** @param pieces of each group */
export async function providerScene(
  folder: string,
  pieces: readonly (readonly PieceContent[])[],
): Promise<Scene> {
  const chain = await ProviderChain.open();
  const keepers = await chain.keepers(0, 4);
  const committee = await chain.committee(keepers);
  const groups: Group[] = [];
  for (const _ of pieces) groups.push(await chain.group(committee));
  const made = await newProvider(chain, folder, groups);
  const stored: Stored[] = [];
  for (const [i, group] of groups.entries()) {
    stored.push(await store(folder, made, group, pieces[i] as readonly PieceContent[], i));
  }
  const originBlock = Number(await committee.read("originBlock"));
  const targets = groups.map(({ address }) => ({ group: address, provider: 0 }));
  const log = pino({ level: "silent" });
  return {
    chain,
    committee,
    originBlock,
    keepers,
    stored,
    ...made,
    targets,
    start: () => startProvider(made.config, made.keys, log, faultDecorator(made.config, log)),
    async request(keeper, slot, changes = {}) {
      const scope = {
        chainId: chain.chainId,
        committee: lower(committee.address),
        operator: made.keys.operatorAddress,
        slot,
        blockHash: await chain.blockHash(originBlock + slot * slotBlocks),
        ...changes,
      };
      return { keeper: keeper.operator, seed: signSeed(scope, keeper.blsSecret), targets, ...scope };
    },
    async nextSlot() {
      const slot = Math.floor(((await chain.world.chain.block()) - originBlock) / slotBlocks) + 1;
      await chain.mineTo(originBlock + slot * slotBlocks + 1);
      await sleep(headAge_ms);
      return slot;
    },
    close: () => chain.close(),
  };
}

type Made = Pick<Scene, "configPath" | "config" | "keys" | "operator">;

/** A registered provider that agrees to serve these groups. */
async function newProvider(chain: ProviderChain, folder: string, groups: readonly Group[]): Promise<Made> {
  const passwordFile = join(folder, "provider.password");
  await writeFile(passwordFile, "devnet\n", { mode: 0o600 });
  const paths = await initProvider({
    dataDir: join(folder, "provider"),
    chainId: chain.chainId,
    rpc: [chain.endpoint.url],
    registry: await chain.registry(),
    lens: chain.lens,
    listen: ["/ip4/127.0.0.1/tcp/0"],
    groups: groups.map(({ address }) => address),
    password: "devnet",
    passwordFile,
    kdf: "light",
  });
  const config = await loadConfig(paths.config);
  const keys = await loadKeys(paths.keys, "devnet");
  const operator = new Wallet(toHex(keys.operator), chain.world.chain.provider);
  await chain.world.chain.rpc("hardhat_setBalance", [operator.address, "0x3635c9adc5dea00000"]);
  const { peerIdBytes } = await providerIdentity(keys);
  const args = [operator.address, peerIdBytes, ["/ip4/127.0.0.1/tcp/2"]];
  await send(chain.world.registry, operator, "registerProvider", args);
  return { configPath: paths.config, config, keys, operator };
}

/** Stores new files for a group, and the payer uses the provider's consent to them. */
export async function store(
  folder: string,
  { config, keys }: Pick<Made, "config" | "keys">,
  group: Group,
  pieces: readonly PieceContent[],
  seed: number,
  provider?: number,
): Promise<Stored> {
  const files: string[] = [];
  await mkdir(join(folder, "files"), { recursive: true });
  for (const [index, content] of pieces.entries()) {
    const file = join(folder, "files", `${seed}-${index}`);
    const bytes = typeof content === "number" ? seededBytes(content, 100 * seed + index + 1) : content;
    await writeFile(file, bytes);
    files.push(file);
  }
  const { list } = await ingestFiles(config, files, {
    group: group.address,
    replace: provider !== undefined,
  });
  await group.use(await consentFor(config, keys, group.address, { price }), provider);
  return { group, list, files };
}

/** Most readings of the money of groups since `begin`: at most eight every five seconds, each group every fifteen; each reads events once. */
export function moneyReads(begin_ms: number, groups: number): number {
  const elapsed_ms = performance.now() - begin_ms;
  const ofEach = Math.ceil(elapsed_ms / 15_000);
  return Math.min(groups * ofEach, 8 * (Math.ceil(elapsed_ms / 5_000) + 1));
}

/**
 * Most calls of contracts since `begin`, without challenges: the daemon looks at one group every four seconds, and reads of a group's money
 * payer, terms, state, escrow, first block, runway and this provider's account, and once the token's symbol and decimals.
 */
export function callsOfWatch(begin_ms: number, groups: number): number {
  const watch = Math.ceil((performance.now() - begin_ms) / 4_000) + 1;
  return watch + 7 * moneyReads(begin_ms, groups) + 2;
}

export type Told = readonly (ChallengeAnswer | Refusal)[] | string;

/** Answers and refusals for each target; or the code of the refusal of all, or why there is no response. */
export async function ask(
  provider: RunningProvider,
  keeper: Keeper,
  request: ChallengeRequest,
): Promise<Told> {
  return askFrom(keeper.calling, provider, request);
}

export async function askFrom(
  calling: Keeper["calling"],
  { peerId, addrs }: RunningProvider,
  request: ChallengeRequest,
  timeout_ms = 10_000,
): Promise<Told> {
  const bytes = encodeChallengeRequest(request);
  const call = { protocol: challengeProtocol, bytes, maxBytes: maxChallengeResponseBytes };
  const received = await askProvider(calling, { peerId, addrs }, call, { timeout_ms });
  if (!received.ok) return received.reason;
  const decoded = decodeChallengeResponse(received.bytes, request.targets.length);
  if (!decoded.ok) return `malformed: ${decoded.detail}`;
  return decoded.value.kind === "answers" ? decoded.value.answers : decoded.value.code;
}

/** For each target its proven leaves by the keeper's own check, or the code of the refusal; or the reason that concerns all. */
export function verdicts(
  scene: Scene,
  request: ChallengeRequest,
  told: Told,
  lists?: readonly PieceList[],
): string {
  if (typeof told === "string") return told;
  const found = told.map((answer, i) => {
    if (answer.kind === "refusal") return answer.code;
    const list = lists?.[i] ?? (scene.stored[i] as Stored).list;
    const target = request.targets[i] as ChallengeTarget;
    const receiptKey = scene.keys.receiptAddress;
    const verified = verifyAnswer({ request, target, answer, list, receiptKey });
    return verified.ok ? String(verified.value.proven) : verified.code;
  });
  return found.join(" ");
}

/** Asks and checks: "16 16" if both groups are proven whole. */
export async function provenBy(
  scene: Scene,
  provider: RunningProvider,
  keeper: Keeper,
  request: ChallengeRequest,
): Promise<string> {
  return verdicts(scene, request, await ask(provider, keeper, request));
}

/** The bytes of all answers, as one text. */
export function bytesOf(told: Told): Hex {
  if (typeof told === "string") throw new Error(told);
  const parts = told.flatMap((one) => (one.kind === "answer" ? [one.receipt, one.proof] : []));
  return toHex(Buffer.concat(parts));
}
