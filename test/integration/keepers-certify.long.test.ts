/** Four keeper daemons, composed as `keeper run` does, on a real node with the contracts: they find their committee and certify it. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Daemon } from "../../keeper/compose.ts";
import { systemClock } from "../../keeper/adapters/clock-system.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { KeeperStatus } from "../../keeper/api/schemas.ts";
import { DaemonScene } from "../support/daemon-scene.ts";

let keepers: DaemonScene;
beforeAll(async () => {
  keepers = await DaemonScene.open();
});
afterAll(() => keepers.close());

async function statusOf({ api }: Daemon): Promise<KeeperStatus> {
  return (await (await fetch(`${api}/v1/status`)).json()) as KeeperStatus;
}

it("keepers follow their seats, certify a committee's groups, and tell it (R39)", async () => {
  const scene = keepers.on;
  const { chain } = scene.world;
  const members = await keepers.keepers(4);
  const policy = {
    tokens: [(await scene.world.token.getAddress()) as Hex],
    leastKeeperFee: "3",
    mostProviders: 1_000,
  };
  const daemons = await keepers.run([0, 1, 2, 3], policy);
  // The committee and its groups are younger than the daemons.
  const committee = await scene.world.committee(members);
  const groups = [await scene.group(committee), await scene.group(committee)];
  for (const group of groups) await group.add("provider that nobody can reach");
  const ts = await committee.certifiedThrough();
  const { interval, turn } = committee.rhythm;
  const isCertified = async (): Promise<boolean> => (await committee.certifiedThrough()) > ts;
  await keepers.mineUntil(isCertified, interval + 2 * turn, "a certificate");
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
