/** Four keeper daemons, composed as `keeper run` does, on a real node with the contracts: they find their committee and certify it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Wallet } from "ethers";
import type { JsonRpcProvider } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { composeKeeper } from "../../keeper/compose.ts";
import type { Daemon } from "../../keeper/compose.ts";
import { schema } from "../../keeper/config.ts";
import type { KeeperConfig } from "../../keeper/config.ts";
import { systemClock } from "../../keeper/adapters/clock-system.ts";
import { makeKeeper, multiaddr, registerKeeper } from "../../scripts/fleet/setup.ts";
import type { Keeper as KeeperKeys } from "../../scripts/fleet/setup.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { CommitteeScene } from "../support/committee-scene.ts";
import type { KeeperStatus } from "../../keeper/api/schemas.ts";

const password = "devnet";
const block_ms = 150;

let scene: CommitteeScene;
let folder: string;
const stop = new AbortController();
const running: Promise<void>[] = [];

beforeAll(async () => {
  scene = await CommitteeScene.open();
  folder = await mkdtemp(join(tmpdir(), "whitepay-certify-"));
});

afterAll(async () => {
  stop.abort();
  await Promise.all(running);
  await scene.close();
  await rm(folder, { recursive: true, force: true });
});

async function configOf({ folder: home, port }: KeeperKeys): Promise<KeeperConfig> {
  const { chain, registry, factory } = scene.world;
  return schema.parse({
    dataDir: join(home, "data"),
    chain: {
      id: Number(chain.chainId),
      rpc: [scene.url],
      registry: await registry.getAddress(),
      factories: [await factory.getAddress()],
      poll_ms: 20,
    },
    policy: { tokens: [await scene.world.token.getAddress()], leastKeeperFee: "3", mostProviders: 1_000 },
    listen: [multiaddr(port)],
    keys: join(home, "keys"),
    api: { host: "127.0.0.1", port: 0 },
    logLevel: "warn",
  });
}

async function statusOf({ api }: Daemon): Promise<KeeperStatus> {
  return (await (await fetch(`${api}/v1/status`)).json()) as KeeperStatus;
}

it("keepers follow their seats, certify a committee's groups, and tell it (R39)", async () => {
  const { chain, registry } = scene.world;
  const provider = chain.provider as unknown as JsonRpcProvider;
  const ports = await freePorts(4);
  const keys = await Promise.all(ports.map((port, i) => makeKeeper(folder, i, port)));
  const members = keys.map((one) => ({
    secret: BigInt(one.keys.bls),
    operator: new Wallet(one.keys.operator, provider),
  }));
  for (const [i, one] of keys.entries()) {
    await chain.rpc("hardhat_setBalance", [members[i]?.operator.address, "0x56bc75e2d63100000"]);
    await registerKeeper(provider, registry, one);
  }
  const daemons = await Promise.all(
    keys.map(async (one) => composeKeeper(await configOf(one), undefined, password)),
  );
  for (const daemon of daemons) running.push(daemon.run(stop.signal));
  // The committee and its groups are younger than the daemons.
  const committee = await scene.world.committee(members);
  const groups = [await scene.group(committee), await scene.group(committee)];
  for (const group of groups) await group.add("provider that nobody can reach");
  const ts = await committee.certifiedThrough();
  const { interval, turn } = committee.rhythm;
  const last = ts + interval + 2 * turn;
  while ((await committee.certifiedThrough()) === ts && (await chain.block()) < last) {
    await scene.mine(1);
    await systemClock.sleep(block_ms);
  }
  const te = await committee.certifiedThrough();
  expect(te).toBeGreaterThan(ts);
  // Both groups went with the certificate (R41); their provider proved nothing.
  for (const group of groups) {
    expect(Number((await group.read("state")).settledThrough)).toBe(te);
    expect((await group.read("provider", 0)).paidSpaceTime).toBe(0n);
  }
  const block = await chain.block();
  await scene.mine(3);
  const end = performance.now() + 15_000;
  let status = await statusOf(daemons[0] as Daemon);
  const isTold = ({ committees: [own], groups: served }: KeeperStatus): boolean =>
    own?.ts === te && served.every(({ bookedThrough }) => (bookedThrough ?? 0) >= block);
  while (!isTold(status) && performance.now() < end) {
    await systemClock.sleep(200);
    status = await statusOf(daemons[0] as Daemon);
  }
  expect(status.problems).toEqual([]);
  const address = committee.address.toLowerCase();
  expect(status.committees).toMatchObject([{ committee: address, ts: te, groups: 2, quorum: 3 }]);
  expect(status.policy).toMatchObject({ leastKeeperFee: "3", mostProviders: 1_000 });
  const settled = groups.map((one, i) => ({ group: one.address, number: i + 1, settledThrough: te }));
  expect(status.groups).toMatchObject(settled.map((one) => ({ ...one, committee: address })));
  const { api } = daemons[0] as Daemon;
  for (const group of groups) {
    const page = (await (await fetch(`${api}/v1/groups/${group.address}/settlements`)).json()) as {
      items: object[];
    };
    expect(page.items).toMatchObject([{ te, committee: address, version: 1 }]);
  }
}, 120_000);
