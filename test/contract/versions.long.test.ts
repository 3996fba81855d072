/** Changes of the largest committee, each within one transaction (R2, R37). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/contracts/chain.ts";
import { certified, type Committee, type StandIn } from "../support/contracts/committee-contract.ts";
import { CommitteeWorld } from "../support/contracts/committee-world.ts";
import { range, type Keeper } from "../support/contracts/basics.ts";

const n = 124;
let world: CommitteeWorld;
let committee: Committee;
let groups: StandIn[];
let keepers: Keeper[];

beforeAll(async () => {
  world = await CommitteeWorld.open();
  keepers = await world.keepers(n + 1);
  committee = await world.committee(keepers.slice(0, n));
  // With a group a version waits for a certificate, and so does a rotated key.
  groups = await committee.enterStandIns(1);
});
afterAll(() => world.chain.close());

describe("a committee of 124", () => {
  it("completes a version, rotates a key in it and in the present one, and hands over", async () => {
    const next = [...keepers.slice(0, n - 1), keepers[n] as Keeper];
    const version = await committee.propose(next);
    const needed = [...keepers.slice(0, (2 * (n - 1)) / 3 + 1), keepers[n] as Keeper];
    let last = 0n;
    for (const { operator } of needed) last = (await committee.send(operator, "consent", [version])).gasUsed;
    expect((await committee.read("waiting")).complete).toBe(BigInt(version));

    const rotated = await world.rotate(keepers[5] as Keeper, "a key of the largest committee");
    const { gasUsed } = await committee.send(rotated.operator, "rotateSeat");
    console.log(`completing consent: ${last} gas, rotation in two versions: ${gasUsed} gas`);
    expect((await committee.read("waiting")).rotated).toBeGreaterThan(0n);

    // The first certificate may end before the block in which the version was complete.
    await committee.certifyNext(certified(groups));
    if ((await committee.read("currentVersion")) === 1n) await committee.certifyNext(certified(groups));
    expect(await committee.read("currentVersion")).toBe(BigInt(version));
    committee.members = next.with(5, rotated);
    const signers = range(n - 41, 41);
    const { certificate, receipt } = await committee.certifyNext(certified(groups), { signers });
    expect(certificate.version).toBe(version);
    expect(committee.events(receipt).map(({ name }) => name)).toEqual(["Certified"]);
    // The key before the rotation signs nothing any more.
    committee.members = next;
    const withOld = await committee.certificate(certified(groups));
    expect((await world.failing(committee.certify(withOld, certified(groups)))).error).toBe(
      "Committee_BadSignature",
    );
  }, 600_000);

  it("lets a member resign, and a stranger's proposal be none", async () => {
    await committee.send((keepers[7] as Keeper).operator, "resign");
    expect(await committee.read("resigned")).toBe(1n << 7n);
    const names = keepers.slice(0, n).map(({ operator }) => operator.address);
    const stranger = await world.chain.account("stranger");
    const call = send(committee.contract, stranger, "propose", [names]);
    expect((await world.failing(call)).error).toBe("Committee_NotProposer");
  });
});
