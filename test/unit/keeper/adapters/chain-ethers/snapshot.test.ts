import { beforeEach, expect, it, onTestFinished } from "vitest";
import { RpcPool } from "../../../../../daemon/chain/rpc.ts";
import { SnapshotReader } from "../../../../../keeper/adapters/chain-ethers/snapshot.ts";
import type { Hex } from "../../../../../protocol/hash.ts";
import { startChainEndpoint } from "../../../../support/chain-endpoint.ts";
import type { ChainEndpoint } from "../../../../support/chain-endpoint.ts";
import { RpcFront } from "../../../../support/fleet/rpc-front.ts";

const group: Hex = `0x${"67".repeat(20)}`;
const [origin, slot, providers] = [10, 5, 40];
const data = (size: bigint): ChainEndpoint["state"]["providers"][number]["data"][number] => ({
  fromBlock: origin,
  size,
  root: `0x${"7e".repeat(32)}`,
  receiptKey: `0x${"a5".repeat(20)}`,
});

let chain: ChainEndpoint;
let front: RpcFront;
let reader: SnapshotReader;

beforeEach(async () => {
  chain = await startChainEndpoint({
    chainId: 31_337,
    head: 1_000,
    originBlock: origin,
    slot,
    confirmations: 1,
    members: [],
    providers: Array.from({ length: providers }, (_, i) => ({
      operator: `0x${String(i).padStart(40, "0")}` as const,
      data: [data(BigInt(i + 1))],
    })),
    consentSequence: 0,
  });
  front = await RpcFront.open(chain.url);
  const pool = new RpcPool({ chainId: 31_337, urls: [front.url("one")] }, () => performance.now());
  reader = new SnapshotReader(31_337, pool);
  onTestFinished(async () => {
    pool.close();
    await front.close();
    await chain.close();
  });
});

const dataHistory = "0x63b01c54";

/** Providers whose data was read during `work`. */
async function asked(work: () => Promise<unknown>): Promise<number[]> {
  const { calls } = front.traffic("one");
  const before = calls.length;
  await work();
  return calls.slice(before).flatMap(({ params: [call] }) => {
    const data = (call as { data?: string } | undefined)?.data ?? "";
    return data.startsWith(dataHistory) ? [Number(`0x${data.slice(10, 74)}`)] : [];
  });
}

const bytesOf = async (block: number, routine: boolean): Promise<bigint[]> =>
  (await reader.read(group, block, routine)).providers.map(({ history }) => history.at(-1)?.bytes ?? 0n);

it("reads all data after a change, with at most eight requests at once", async () => {
  front.traffic("one").most = 0;
  expect(await asked(() => reader.read(group, 100))).toHaveLength(providers);
  expect(front.traffic("one").most).toBeGreaterThan(1);
  expect(front.traffic("one").most).toBeLessThanOrEqual(8);
  expect(await asked(() => reader.read(group, 100))).toHaveLength(providers);
});

it("reads a sixteenth of the data in a routine read, each provider once in sixteen slots", async () => {
  const first = await bytesOf(100, true);
  expect(first).toEqual(Array.from({ length: providers }, (_, i) => BigInt(i + 1)));
  const times = new Map<number, number>();
  for (let i = 1; i <= 16; i++) {
    const again = await asked(async () => expect(await bytesOf(100 + i * slot, true)).toEqual(first));
    expect(again.length).toBeLessThanOrEqual(3);
    for (const provider of again) times.set(provider, (times.get(provider) ?? 0) + 1);
  }
  expect([...times.values()]).toEqual(Array.from({ length: providers }, () => 1));
});

it("reads changed data in the next routine read", async () => {
  await reader.read(group, 100);
  chain.state.providers[20]?.data.push({ ...data(777n), fromBlock: 105 });
  expect((await bytesOf(105, true))[20]).toBe(777n);
});
