/** Settlements with a quorum of real signatures, without the daemons that would agree on them. */
import { bitmap } from "../../protocol/bitmap.ts";
import { EthersChain } from "../../keeper/adapters/chain-ethers/index.ts";
import { systemClock } from "../../keeper/adapters/clock-system.ts";
import { NobleCrypto } from "../../keeper/adapters/crypto-noble.ts";
import { FileKeyring } from "../../keeper/adapters/keyring-file.ts";
import { defaultFeeLimits } from "../../protocol/fees.ts";
import type { FeeLimits } from "../../protocol/fees.ts";
import type { GroupSnapshot } from "../../protocol/group.ts";
import type { Hex } from "../../protocol/hash.ts";
import { domainSeparator, settlementDigest } from "../../protocol/settlement.ts";
import type { Submission } from "../../keeper/ports/chain.ts";
import { GroupView } from "../../client/group-view.ts";
import type { GroupParams } from "../../scripts/fleet/setup.ts";
import type { ChainScene } from "./chain-scene.ts";

export const chainId = 31_337;

/** Settings of a keeper's operator. */
export type FeeSettings = { readonly fees?: FeeLimits; readonly tokenPrices?: ReadonlyMap<Hex, string> };

/** Keeper 0's chain adapter; each call gives one without memory of earlier ones, as in a new process. */
export function keeperChain(
  { keepers, registry, rpc }: ChainScene,
  urls: readonly string[] = [rpc],
  { fees = defaultFeeLimits, tokenPrices = new Map() }: FeeSettings = {},
): EthersChain {
  const operatorSecret = keepers[0]?.keys.operator ?? "";
  const options = { chainId, urls, registry, operatorSecret, poll_ms: 20, fees, tokenPrices };
  return new EthersChain(options, systemClock);
}

export async function mine({ provider }: ChainScene, blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) await provider.send("evm_mine", []);
}

/** Waits for an event of the chain or of a keeper. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within 15 s: ${what}`);
    await systemClock.sleep(20);
  }
}

/**
 * Settlements of groups without providers, signed by keepers 1 to 3. The chain first mines until all groups are in the last third of
 * the same turn, so that keeper 0 may send them under any leader (R25).
 */
export async function certified(
  scene: ChainScene,
  params: GroupParams,
  ...chosen: readonly Hex[]
): Promise<Submission[]> {
  const { provider } = scene;
  const head = await provider.getBlockNumber();
  const starts = await Promise.all(
    chosen.map(async (group) => (await new GroupView(provider, group).state()).settledThrough),
  );
  const lastThird = Math.ceil((2 * params.turn) / 3);
  const startOf = (turn: number): number =>
    Math.max(...starts) + params.interval + (turn - 1) * params.turn + lastThird;
  let turn = 1;
  while (startOf(turn) <= head) turn++;
  await provider.send("hardhat_mine", [`0x${(startOf(turn) - head).toString(16)}`]);
  return Promise.all(chosen.map((group, i) => certify(scene, params, group, starts[i] as number, turn)));
}

async function certify(
  scene: ChainScene,
  params: GroupParams,
  group: Hex,
  ts: number,
  turn: number,
): Promise<Submission> {
  const te = ts + params.interval + (turn - 1) * params.turn;
  const failed = turn === 1 ? 0n : 2n;
  const settlement = { ts, te, committee: 1, leader: 0, failed, payees: 1n, items: [] };
  const digest = settlementDigest(domainSeparator(chainId, group), settlement);
  const partials = scene.keepers.slice(1).map(({ index, keys }) => ({
    keeper: index,
    signature: new FileKeyring(keys).signDigest(digest),
  }));
  const { committee } = await snapshotOf(scene, group);
  const { signature, signers } = new NobleCrypto().aggregate(digest, partials, committee.members);
  if (signature === undefined) throw new Error("the partial signatures do not add up");
  return { group, settlement, signers: bitmap(signers), signature, windowEnd: te + params.turn };
}

/** The group as a keeper reads it now. */
async function snapshotOf(scene: ChainScene, group: Hex): Promise<GroupSnapshot> {
  const found = Promise.withResolvers<GroupSnapshot>();
  const abort = new AbortController();
  const following = keeperChain(scene).follow(
    [group],
    async ({ groups: [snapshot] }) => {
      if (snapshot !== undefined) found.resolve(snapshot);
    },
    () => undefined,
    abort.signal,
  );
  const result = await found.promise;
  abort.abort();
  await following;
  return result;
}
