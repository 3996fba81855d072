import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CommitteeSnapshot, GroupEntry } from "../../protocol/committee.ts";
import { standingOf } from "../../protocol/handing-in.ts";
import type { Hex } from "../../protocol/hash.ts";
import { gibibyte, CommitteeScene, lockup } from "../support/committee-scene.ts";
import type { Following, SceneGroup } from "../support/committee-scene.ts";
import { publicKey } from "../support/contracts/keys.ts";
import type { Keeper } from "../support/contracts/basics.ts";
import { decodeG2 } from "../../client/bls.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";

let scene: CommitteeScene;
let keepers: Keeper[];

beforeAll(async () => {
  scene = await CommitteeScene.open();
  keepers = await scene.world.keepers(5);
});

afterAll(() => scene.close());

const keeper = (index: number): Keeper => keepers[index] as Keeper;

async function committeeOfFour(): Promise<Committee> {
  return scene.world.committee(keepers.slice(0, 4));
}

async function shownNow(f: Following, committee: Committee): Promise<CommitteeSnapshot> {
  await scene.mine(committee.rhythm.confirmations);
  await f.caughtUp();
  const shown = f.shown(committee);
  if (shown === undefined) throw new Error("snapshot: expected one, actual none");
  return shown;
}

function entry({ groups }: Pick<CommitteeSnapshot, "groups">, group: SceneGroup): GroupEntry | undefined {
  return groups.find(({ address }) => address === group.address);
}

function bytesOf(
  membership: GroupEntry | undefined,
  provider: number,
): (readonly [number, bigint])[] | undefined {
  const found = membership?.providers.find(({ index }) => index === provider);
  return found?.history.map(({ fromBlock, bytes }) => [fromBlock, bytes] as const);
}

/** The end of the first turn of the present interval. */
async function endOfInterval(committee: Committee): Promise<number> {
  return (await committee.certifiedThrough()) + committee.rhythm.interval;
}

describe("the scope of a turn (R38)", () => {
  it("is what the chain showed after block te, for a keeper that starts later in the turn, too", async () => {
    const committee = await committeeOfFour();
    const group = await scene.group(committee);
    await group.add("provider e");
    const leaving = await group.add("provider f");
    const early = await scene.follow(keeper(0));
    const te = await endOfInterval(committee);
    await scene.mineTo(te);
    await early.caughtUp();
    expect(early.shown(committee)?.scope).toBe(undefined);
    // After te: a change, a notice and another group.
    await group.change(0, { size: 9n * gibibyte });
    await group.send("removeProvider", leaving);
    const second = await scene.group(committee);
    await second.add("provider g");
    const seen = await shownNow(early, committee);
    expect(seen.scope?.te).toBe(te);
    expect(seen.scope?.groups.map(({ address }) => address)).toEqual([group.address]);
    const from = Number((await group.read("provider", 0)).activeFrom);
    expect(bytesOf(seen.scope?.groups[0], 0)).toEqual([[from, gibibyte]]);
    expect(bytesOf(entry(seen, group), 0)?.map(([, bytes]) => bytes)).toEqual([gibibyte, 9n * gibibyte]);
    const leavesAt = Number((await group.read("provider", leaving)).leavesAt);
    expect(bytesOf(entry(seen, group), leaving)?.at(-1)).toEqual([leavesAt, 0n]);
    expect(entry(seen, second)?.providers).toHaveLength(1);
    const late = await scene.follow(keeper(1));
    expect(await shownNow(late, committee)).toEqual({ ...seen, block: expect.any(Number) as number });
    // Every later turn has its own.
    await scene.mineTo(te + committee.rhythm.turn);
    const next = await shownNow(late, committee);
    expect(next.scope?.te).toBe(te + committee.rhythm.turn);
    expect(next.scope?.groups.map(({ address }) => address)).toEqual([group.address, second.address]);
    await early.stop();
    await late.stop();
  });

  it("is none while the committee has no group (R5)", async () => {
    const committee = await committeeOfFour();
    const f = await scene.follow(keeper(0));
    await scene.mineTo(await endOfInterval(committee));
    const shown = await shownNow(f, committee);
    expect(shown.groups).toEqual([]);
    expect(shown.scope).toBe(undefined);
    await f.stop();
  });

  it("has a group that was abandoned after te, as it stood before", async () => {
    const committee = await committeeOfFour();
    const [group, other] = [await scene.group(committee), await scene.group(committee)];
    await group.add("provider h");
    await other.add("provider o");
    const { interval, turn } = committee.rhythm;
    const abandonable = (await settledThrough(group)) + interval + lockup;
    const first = await endOfInterval(committee);
    const te = first + Math.ceil((abandonable - first) / turn) * turn;
    await scene.world.chain.before(te + 2);
    await group.send("abandon", 0);
    const f = await scene.follow(keeper(0));
    const shown = await shownNow(f, committee);
    expect(shown.groups.map(({ address }) => address)).toEqual([other.address]);
    expect(Number((await committee.read("membership", 1)).left)).toBe(await settledThrough(group));
    expect(shown.scope?.te).toBe(te);
    expect(shown.scope?.groups.map(({ address }) => address)).toEqual([group.address, other.address]);
    expect(shown.scope?.groups[0]).toMatchObject({ left: undefined });
    expect(shown.scope?.groups[0]?.settledThrough).toBeLessThan(await settledThrough(group));
    await f.stop();
  });
});

async function settledThrough(group: SceneGroup): Promise<number> {
  return Number((await group.read("state")).settledThrough);
}

describe("groups that come and go (R33, R38)", () => {
  it("that move belong to the old committee up to X and to the new one from X on", async () => {
    const [old, other] = [await committeeOfFour(), await committeeOfFour()];
    const group = await scene.group(old);
    await group.add("provider i");
    const f = await scene.follow(keeper(0));
    await shownNow(f, old);
    await group.enter(other);
    const { from } = (await group.read("state")).next as { from: bigint };
    const [before, after] = [await shownNow(f, old), f.shown(other)];
    expect(entry(before, group)).toMatchObject({ number: 1, left: Number(from) });
    expect(entry(after as CommitteeSnapshot, group)).toMatchObject({
      number: 1,
      entered: Number(from),
      left: undefined,
    });
    // R5: the new committee's first interval begins with the group.
    expect(after?.ts).toBe(Number(from));
    expect(after?.ts).toBe(await other.certifiedThrough());
    expect(entry(after as CommitteeSnapshot, group)?.providers).toHaveLength(1);
    await f.stop();
  });

  it("that terminate have no data from their end on", async () => {
    const committee = await committeeOfFour();
    const group = await scene.group(committee);
    await group.add("provider j");
    await group.send("terminate");
    const f = await scene.follow(keeper(0));
    const end = Number((await group.read("state")).endBlock);
    const shown = await shownNow(f, committee);
    expect(entry(shown, group)).toMatchObject({ left: end });
    expect(bytesOf(entry(shown, group), 0)?.at(-1)).toEqual([end, 0n]);
    await f.stop();
  });

  it("that get their first provider late can be settled: blocks without data count as settled", async () => {
    const committee = await committeeOfFour();
    const [first, late] = [await scene.group(committee), await scene.group(committee)];
    await first.add("provider k");
    const te = await endOfInterval(committee);
    await scene.world.chain.before(te - 12);
    await late.add("provider l");
    const f = await scene.follow(keeper(0));
    await scene.mineTo(te);
    const shown = await shownNow(f, committee);
    const from = Number((await late.read("provider", 0)).activeFrom);
    expect(entry(shown, late)?.settledThrough).toBe(from);
    expect(shown.scope?.groups.map(({ address }) => address)).toEqual([first.address, late.address]);
    // The keeper hands both in, and the contract accepts both.
    const certified = shown.groups.map((group) => {
      expect(standingOf(group, shown.ts, te)).toBe("open");
      return { number: group.number, group: group.address, items: [{ provider: 0, spaceTime: 1n }] };
    });
    const { receipt } = await committee.certifyNext(certified);
    expect(committee.events(receipt).map(({ name }) => name)).toEqual(["Certified"]);
    expect(await settledThrough(late)).toBe(te);
    await f.stop();
  });
});

describe("versions of the members (R37)", () => {
  it("wait as the next one with their keys, and are in force after the certificate, with their seed", async () => {
    const committee = await committeeOfFour();
    const group = await scene.group(committee);
    await group.add("provider m");
    const f = await scene.follow(keeper(4));
    await scene.mine(2);
    await f.caughtUp();
    expect(f.shown(committee)).toBe(undefined);
    const members = [keeper(1), keeper(2), keeper(3), keeper(4)];
    const version = await committee.propose(members);
    for (const one of members) {
      if (Number((await committee.read("versionInfo", version)).completedAt) === 0)
        await committee.send(one.operator, "consent", [version]);
    }
    const waiting = await shownNow(f, committee);
    expect(waiting.version.version).toBe(1);
    expect(waiting.next?.version).toBe(version);
    expect(waiting.next?.members.map(({ blsKey }) => blsKey)).toEqual(members.map((one) => keyOf(one)));
    expect(entry(waiting, group)?.providers).toHaveLength(1);
    await committee.send(keeper(1).operator, "resign");
    expect((await shownNow(f, committee)).version.resigned).toEqual([1]);
    expect(f.shown(committee)?.next?.resigned).toEqual([0]);
    await scene.mineTo((await endOfInterval(committee)) + 1);
    const { te } = (await committee.certifyNext([])).certificate;
    const after = await shownNow(f, committee);
    const info = await committee.read("versionInfo", version);
    expect(after.version).toEqual({ ...waiting.next, seed: info.seed as Hex, resigned: [0] });
    expect(after.next).toBe(undefined);
    expect(after.ts).toBe(te);
    await f.stop();
  });

  it("show a rotated key as the next version, which keeps the seed", async () => {
    const committee = await committeeOfFour();
    await (await scene.group(committee)).add("provider n");
    const f = await scene.follow(keeper(0));
    const before = await shownNow(f, committee);
    const rotated = await scene.world.rotate(keeper(2), "another key of keeper 2");
    await committee.send(keeper(2).operator, "rotateSeat");
    const waiting = await shownNow(f, committee);
    expect(waiting.next?.version).toBe(2);
    expect(waiting.next?.seed).toBe(before.version.seed);
    expect(waiting.next?.members[2]?.blsKey).toBe(keyOf(rotated));
    expect(waiting.version).toEqual(before.version);
    await f.stop();
  });
});

function keyOf({ secret }: Keeper): string {
  return `0x${decodeG2(publicKey(secret)).toHex(true)}`;
}

describe("proposals and consents (R37)", () => {
  const lower = ({ operator }: Keeper): Hex => operator.address.toLowerCase() as Hex;

  it("are shown while they are open, with what the operator and what its daemon consented to", async () => {
    const committee = await committeeOfFour();
    const me = keeper(0);
    const f = await scene.follow(me);
    await committee.send(keeper(3).operator, "resign");
    const named = [...keepers.slice(0, 3), keeper(4)];
    const version = await committee.propose(named);
    await committee.send(keeper(4).operator, "consent", [version]);
    const other = await committee.propose(named, keeper(1).operator);
    const open = { version, base: 1, operators: named.map(lower), consented: [lower(keeper(4))] };
    const second = { ...open, version: other, consented: [] };
    const { succession } = await shownNow(f, committee);
    expect(succession).toMatchObject({ era: 1, proposals: [open, second] });
    expect(succession.ownConsents).toMatchObject([{ version: 1, by: "operator" }]);
    // The daemon's consent, in this process.
    const address = committee.address.toLowerCase() as Hex;
    const consent = { committee: address, kind: "consent", version, replaced: 1, members: 4 } as const;
    const never = new AbortController().signal;
    expect(await f.chain.submit(consent, never)).toMatchObject({ kind: "mined" });
    expect(await f.chain.submit(consent, never)).toMatchObject({
      kind: "superseded",
      detail: "the contract refused it: already consented (index 0)",
    });
    await committee.send(me.operator, "consent", [other]);
    const both = [
      { version: 1, by: "operator" },
      { version, by: "daemon", replaced: 1 },
      { version: other, by: "operator" },
    ];
    expect((await shownNow(f, committee)).succession.ownConsents).toMatchObject(both);
    // A daemon on another machine, without a note of it, reads the same from the chain.
    const elsewhere = await scene.follow(me);
    expect((await shownNow(elsewhere, committee)).succession).toEqual(f.shown(committee)?.succession);
    await committee.send(keeper(1).operator, "withdrawProposal", [other]);
    expect((await shownNow(f, committee)).succession.proposals.map((one) => one.version)).toEqual([version]);
    // The first complete version wins: with its last consents no proposal is open.
    for (const one of [keeper(1), keeper(2)]) await committee.send(one.operator, "consent", [version]);
    expect((await shownNow(f, committee)).succession).toMatchObject({ era: version, proposals: [] });
    await f.stop();
    await elsewhere.stop();
  });

  it("are the operator's if another account hands in its signature, whatever follows in the call", async () => {
    const committee = await committeeOfFour();
    const f = await scene.follow(keeper(0));
    const version = await committee.propose([...keepers.slice(0, 3), keeper(4)]);
    const operators = [...keepers.slice(0, 3), keeper(4)].map(({ operator }) => operator.address);
    const signed = committee.consentOf(keeper(0), version, 1, operators);
    await committee.send(keeper(1).operator, "consentFor", [version, keeper(0).operator.address, signed]);
    const { ownConsents } = (await shownNow(f, committee)).succession;
    expect(ownConsents).toMatchObject([{ version: 1 }, { version, by: "operator" }]);
    await f.stop();
  });
});
