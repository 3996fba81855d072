/** Committees through the client, with real contracts on a chain in this process (R37, R38). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Wallet } from "ethers";
import * as client from "../../../client/index.ts";
import { ClientWorld } from "../../support/contracts/client-world.ts";

let scene: ClientWorld;

beforeAll(async () => {
  scene = await ClientWorld.open();
});
afterAll(() => scene.chain.close());

async function operators(count: number): Promise<Wallet[]> {
  return (await scene.world.keepers(count)).map(({ operator }) => operator);
}

describe("a committee", () => {
  it("is formed at the predicted address by signed consents, and read with the keys of its members", async () => {
    const members = await scene.world.keepers(4);
    const draft = await scene.draft(members, { terms: { open: true, leastKeeperFee: 5n } });
    const consents = await scene.consents(draft, members);
    const whole = { ...draft, convener: scene.payer.address };
    const address = await client.predictCommittee(scene.provider, whole);
    const receipt = await scene.run(await client.planCommittee(scene.payer, draft, consents));
    expect(client.committeeCreatedBy(receipt)).toBe(address);
    const view = new client.CommitteeView(scene.provider, scene.at(address));
    const formed = receipt.blockNumber;
    expect(await view.page()).toMatchObject({
      convener: scene.payer.address,
      rhythm: draft.rhythm,
      terms: draft.terms,
      size: 4,
      originBlock: formed,
      certifiedThrough: formed,
      version: { version: 1, operators: draft.operators, consented: [0, 1, 2, 3], effectiveFrom: formed },
      waiting: undefined,
      resigned: [],
      reserved: 0,
      lastNumber: 0,
    });
    const keeper = scene.world.registry.getFunction("keeper");
    const registered = await Promise.all(
      draft.operators.map(async (operator) => (await keeper(operator)).blsKey as string),
    );
    expect((await view.members(1)).map(({ blsKey }) => blsKey)).toEqual(registered);
  });

  it("waits for members that consent later, by a transaction or a signature that anybody hands in", async () => {
    const members = await scene.world.keepers(4);
    const draft = await scene.draft(members);
    const consents = await scene.consents(draft, members.slice(0, 2));
    const receipt = await scene.run(await client.planCommittee(scene.payer, draft, consents));
    const address = client.committeeCreatedBy(receipt) as string;
    const view = new client.CommitteeView(scene.provider, scene.at(address));
    expect(await view.page()).toMatchObject({ originBlock: undefined, version: { consented: [0, 1] } });
    const [, , third, fourth] = (await operators(4)) as [Wallet, Wallet, Wallet, Wallet];
    const signed = await client.signVersionConsent(third, address, {
      version: 1,
      deadline: 10_000_000,
    });
    await scene.run(await client.planHandInConsent(scene.payer, signed));
    await scene.run(await client.planConsent(fourth, address, 1), fourth);
    expect((await view.page()).originBlock).toBe(await scene.chain.block());
  });

  it("is refused before anything is sent if a consent is for another configuration, or a rule is broken", async () => {
    const members = await scene.world.keepers(4);
    const draft = await scene.draft(members);
    const consents = await scene.consents(draft, members);
    const before = await scene.chain.block();
    const other = { ...draft, terms: { ...draft.terms, mostProviders: 7 } };
    const refused = client.planCommittee(scene.payer, other, consents);
    await expect(refused).rejects.toMatchObject({ code: "input", message: /is for another committee/ });
    const twice = client.planCommittee(scene.payer, draft, [...consents, ...consents.slice(0, 1)]);
    await expect(twice).rejects.toMatchObject({ code: "input" });
    const turn = { ...draft, rhythm: { ...draft.rhythm, turn: 31 } };
    const rule = scene.run(await client.planCommittee(scene.payer, turn));
    await expect(rule).rejects.toMatchObject({ code: "refused", message: /rule slot divides turn/ });
    const stranger = await scene.chain.account("stranger");
    const whole = { ...draft, convener: scene.payer.address };
    const nobody = client.signFirstConsent(stranger, whole, { deadline: 5 });
    await expect(nobody).rejects.toMatchObject({ code: "input" });
    expect(await scene.chain.block()).toBe(before);
  });

  it("replaces a member once the new one and a quorum consented, with the next certificate", async () => {
    const members = (await scene.world.keepers(5)).slice(0, 4);
    const all = await operators(5);
    const [first, old, third, fourth, next] = all as [Wallet, Wallet, Wallet, Wallet, Wallet];
    const committee = await scene.form(members);
    const { address } = committee;
    const group = await scene.group(committee);
    await scene.add(group.at, "handover provider");
    const change = { old: old.address, next: next.address };
    await scene.run(await client.planReplaceMember(scene.payer, address, change));
    await scene.run(client.planWithdrawProposal(scene.payer, address, 2));
    await scene.run(await client.planReplaceMember(scene.payer, address, change));
    const consent = await client.signVersionConsent(next, address, {
      version: 3,
      deadline: 10_000_000,
    });
    await scene.run(await client.planHandInConsent(scene.payer, consent));
    for (const operator of [first, third, fourth]) {
      await scene.run(await client.planConsent(operator, address, 3), operator);
    }
    const view = new client.CommitteeView(scene.provider, scene.at(address));
    expect(await view.page()).toMatchObject({ version: { version: 1 }, waiting: { version: 3 } });
    await scene.certify(committee, [group]);
    const { version, waiting } = await view.page();
    expect([version.version, version.operators[1], waiting]).toEqual([3, next.address, undefined]);
    expect((await view.version(1)).retiredFrom).toBe(version.effectiveFrom);
    const unknown = client.planReplaceMember(scene.payer, address, change);
    await expect(unknown).rejects.toMatchObject({ code: "input" });
  });

  it("lets a member resign, and groups in and out", async () => {
    const committee = await scene.form(await scene.world.keepers(4));
    const { address } = committee;
    const [operator] = (await operators(4)) as [Wallet];
    const rotation = await client.planRotateSeat(operator, address);
    const same = scene.run(rotation, operator);
    await expect(same).rejects.toMatchObject({ code: "refused", message: /registered key already/ });
    await scene.run(await client.planResign(operator, address), operator);
    const view = new client.CommitteeView(scene.provider, scene.at(address));
    expect((await view.page()).resigned).toEqual([0]);

    const stranger = await scene.chain.account("stranger payer");
    const fresh = { factory: scene.factory, config: await scene.config(), committee: undefined };
    const created = await scene.run(await client.planGroup(stranger, fresh), stranger);
    const group = scene.at(client.groupCreatedBy(created) as string);
    const entry = await client.planEnter(stranger, group, { committee: address, ceiling: 2 });
    await expect(scene.run(entry, stranger)).rejects.toMatchObject({
      code: "refused",
      message: /not invited/,
    });
    const invitation = { group: group.address, invited: true };
    await scene.run(client.planInvite(scene.payer, address, invitation));
    await scene.run(entry, stranger);
    expect(await view.page()).toMatchObject({ lastNumber: 1, reserved: 2 });

    await scene.run(await client.planReleaseGroup(operator, address, 1), operator);
    const membership = await view.membership(1);
    await expect(client.planReclaim(scene.payer, scene.at(address))).rejects.toMatchObject({ code: "input" });
    await scene.chain.before((membership.left ?? 0) + 1);
    await scene.run(await client.planReclaim(scene.payer, scene.at(address)));
    expect((await view.page()).reserved).toBe(0);
    const pages: client.Membership[] = [];
    for await (const page of view.memberships()) pages.push(...page);
    expect(pages).toEqual([{ ...membership, ceiling: 0 }]);
  });
});
