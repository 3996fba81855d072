import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CertifiedGroup } from "../../protocol/certificate.ts";
import { scopeOf } from "../../protocol/scope.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { CommitteeSnapshot, GroupEntry } from "../../protocol/committee.ts";
import { EthersHistory } from "../../keeper/adapters/chain-ethers/history.ts";
import type { BookedSettlement } from "../../keeper/ports/ledger.ts";
import { defaultFeeLimits } from "../../protocol/fees.ts";
import { certifying, gibibyte, CommitteeScene, lockup, settling } from "../support/committee-scene.ts";
import type { SceneGroup } from "../support/committee-scene.ts";
import type { Keeper } from "../support/contracts/basics.ts";
import { publicKey } from "../support/contracts/keys.ts";
import { encodeG2, decodeG2 } from "../../client/bls.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";

let scene: CommitteeScene;
let keepers: Keeper[];

beforeAll(async () => {
  scene = await CommitteeScene.open();
  keepers = await scene.world.keepers(5);
});

afterAll(() => scene.close());

const keeper = (index: number): Keeper => keepers[index] as Keeper;
const four = (): Keeper[] => keepers.slice(0, 4);

function operatorsIn({ version }: CommitteeSnapshot): Hex[] {
  return version.members.map(({ operator }) => operator);
}

function lower(text: string): string {
  return text.toLowerCase();
}

/** Everything that the providers of the scope committed: what an honest committee signs. */
function wholeScope({ params, ts, scope }: CommitteeSnapshot): CertifiedGroup[] {
  if (scope === undefined) throw new Error("scope: expected one, actual none");
  const { entries } = scopeOf(params, ts, scope);
  const byNumber = new Map<number, CertifiedGroup>();
  for (const { membership, provider, data, from, to } of entries) {
    const spaceTime = data.history.reduce((sum, { bytes, fromBlock }, i) => {
      const end = Math.min(to, data.history[i + 1]?.fromBlock ?? to);
      return sum + bytes * BigInt(Math.max(0, end - Math.max(from, fromBlock)));
    }, 0n);
    const known = byNumber.get(membership.number)?.items ?? [];
    const { number, address: group } = membership;
    byNumber.set(number, { number, group, items: [...known, { provider, spaceTime }] });
  }
  return [...byNumber.values()];
}

async function settledThrough({ contract }: SceneGroup): Promise<number> {
  return Number((await contract.getFunction("state")()).settledThrough);
}

function entry(snapshot: CommitteeSnapshot | undefined, group: SceneGroup): GroupEntry | undefined {
  return snapshot?.groups.find(({ address }) => address === group.address);
}

/** A committee with two groups, of two providers and of one. */
async function twoGroups(): Promise<{ committee: Committee; groups: [SceneGroup, SceneGroup] }> {
  const committee = await scene.world.committee(four());
  const groups: [SceneGroup, SceneGroup] = [await scene.group(committee), await scene.group(committee)];
  await groups[0].add("provider a");
  await groups[0].add("provider b", { size: 3n * gibibyte, price: 7n << 34n });
  await groups[1].add("provider c");
  return { committee, groups };
}

/** The history has both settlements with what the contracts credited, the later one with its certificate, too. */
async function checkBooks(committee: Committee, groups: readonly SceneGroup[], te: number): Promise<void> {
  const { chainId } = scene.world.chain;
  const options = { chainId: Number(chainId), urls: [scene.url], fees: defaultFeeLimits };
  const history = new EthersHistory(options, () => performance.now());
  const head = await history.head();
  const booked = await Promise.all(groups.map(({ address }) => history.settlements(address, 0, head.block)));
  expect(booked.map((all) => all.length)).toEqual([1, 1]);
  const addresses = groups.map(({ address }) => address);
  // A committee has no settlements of its own.
  const asked = [...addresses, lower(committee.address) as Hex];
  expect(await history.settled(asked, 0, head.block)).toEqual(new Set(addresses));
  const earlier = Math.min(...booked.flat().map(({ transaction }) => transaction.block)) - 1;
  expect(await history.settled(asked, 0, earlier)).toEqual(new Set());
  const [first, later] = booked.flat() as [BookedSettlement, BookedSettlement];
  expect(later.digest).toBe(first.digest);
  expect(later.transaction.tx).not.toBe(first.transaction.tx);
  for (const [i, one] of [first, later].entries()) {
    const group = groups[i] as SceneGroup;
    expect(one).toMatchObject({ te, version: 1, leader: 0, failed: 0n, payees: 15n, signers: 15n });
    expect(one.committee).toBe(lower(committee.address));
    for (const { provider, amount } of one.items)
      expect(amount).toBe((await group.read("provider", provider)).credit);
    expect(one.shares.map(({ keeper: index }) => index)).toEqual([0, 1, 2, 3]);
    for (const { keeper: index, amount } of one.shares)
      expect(amount).toBe(await group.read("keeperBalance", committee.address, 1, index));
    const { available, required } = await group.read("escrow");
    expect(await history.groupFunds(group.address)).toMatchObject({
      available,
      required,
      arrears: 0n,
      lockup,
    });
  }
  history.close();
}

describe("committees on a real node", () => {
  it("are found by the operator's seat, with members, keys, groups and data", async () => {
    const { committee, groups } = await twoGroups();
    await scene.mine(3);
    const f = await scene.follow(keeper(0));
    await f.caughtUp();
    const shown = f.shown(committee) as CommitteeSnapshot;
    expect(operatorsIn(shown)).toEqual(four().map(({ operator }) => lower(operator.address)));
    shown.version.members.forEach(({ blsKey }, i) => {
      const point = decodeG2(publicKey(keeper(i).secret));
      expect(blsKey).toBe(`0x${point.toHex(true)}`);
      expect(encodeG2(point)).toBe(publicKey(keeper(i).secret));
    });
    expect(shown.params).toEqual({
      ...committee.rhythm,
      originBlock: Number(await committee.read("originBlock")),
    });
    expect(shown.version.seed).toBe((await committee.read("versionInfo", 1)).seed);
    expect(shown.ts).toBe(await committee.certifiedThrough());
    expect(shown.groups.map(({ number, address }) => [number, address])).toEqual([
      [1, groups[0].address],
      [2, groups[1].address],
    ]);
    const [first] = shown.groups;
    const service = (await groups[0].read("state")).service;
    expect(first).toMatchObject({
      entered: Number(service.from),
      left: undefined,
      ceiling: 8,
      keeperFee: 5n,
      keeperShareBps: 1000,
    });
    const from = Number((await groups[0].read("provider", 1)).activeFrom);
    expect(first?.providers[1]).toMatchObject({
      index: 1,
      operator: lower(groups[0].providers[1]?.address ?? ""),
      history: [{ fromBlock: from, bytes: 3n * gibibyte, price: 7n << 34n }],
    });
    expect(await f.chain.keeperEndpoint(lower(keeper(1).operator.address) as Hex)).toMatchObject({
      multiaddrs: ["/ip4/127.0.0.1/tcp/1"],
    });
    expect(f.troubles).toEqual([]);
    await f.stop();
  });

  it("certifies with one group, and settles the other later from the remembered certificate", async () => {
    const { committee, groups } = await twoGroups();
    const f = await scene.follow(keeper(0));
    const te = (await committee.certifiedThrough()) + committee.rhythm.interval;
    await scene.mineTo(te + committee.rhythm.confirmations);
    await f.caughtUp();
    const certified = wholeScope(f.shown(committee) as CommitteeSnapshot);
    expect(certified.map(({ items }) => items.length)).toEqual([2, 1]);
    const certificate = await committee.certificate(certified, { turn: 1 });
    const { signal } = new AbortController();
    const submission = certifying(committee, certificate, certified, { first: 0, length: 1 });
    expect(await f.chain.fee(submission)).toBe(undefined);
    const sent = await f.chain.submit(submission, signal);
    expect(sent).toMatchObject({ kind: "mined" });
    expect(await settledThrough(groups[0])).toBe(te);
    expect(await settledThrough(groups[1])).toBeLessThan(te);
    await scene.mine(2);
    await f.caughtUp();
    const waiting = f.shown(committee);
    expect(waiting).toMatchObject({ ts: te, scope: undefined });
    expect(waiting?.remembered).toHaveLength(1);
    const word = String(await committee.read("rememberedAt", certificate.ts));
    expect(waiting?.remembered[0]).toEqual({ ts: certificate.ts, te, hash: word.slice(0, 2 + 50) });
    expect(entry(waiting, groups[1])?.settledThrough).toBeLessThan(te);
    const rest = settling(committee, certificate, certified, { first: 1, length: 1 });
    expect(await f.chain.submit(rest, signal)).toMatchObject({ kind: "mined" });
    expect(await settledThrough(groups[1])).toBe(te);
    // Everything that was committed is paid.
    for (const [group, count] of [
      [groups[0], 2],
      [groups[1], 1],
    ] as const) {
      for (let i = 0; i < count; i++) {
        const { paidSpaceTime, committedSpaceTime, credit } = await group.read("provider", i);
        expect([paidSpaceTime, committedSpaceTime]).toEqual([1n, 1n]);
        expect(credit).toBeGreaterThan(0n);
      }
    }
    await checkBooks(committee, groups, te);
    await scene.mine(2);
    await f.caughtUp();
    expect(f.shown(committee)?.remembered).toEqual([]);
    // Nothing is left, so nothing is sent.
    expect(await f.chain.submit(rest, signal)).toMatchObject({ kind: "superseded" });
    await f.stop();
  });

  it("appear without a restart when their last member consents, and disappear with the seat (R39)", async () => {
    const f = await scene.follow(keeper(4));
    await f.caughtUp();
    const before = f.updates.flatMap(({ committees }) => committees).length;
    expect(before).toBe(0);
    const members = keepers.slice(1, 5);
    const committee = await scene.world.committee(members, { consenting: [0, 1, 3] });
    await scene.mine(3);
    await f.caughtUp();
    expect(f.shown(committee)).toBe(undefined);
    await committee.send(keeper(3).operator, "consent", [1]);
    await scene.mine(2);
    await f.caughtUp();
    expect(f.shown(committee)?.params.originBlock).toBe(Number(await committee.read("originBlock")));
    // A version without this keeper: the committee is idle, so it takes effect at once.
    const version = await committee.propose(keepers.slice(0, 4));
    for (const one of [keeper(0), keeper(1), keeper(2), keeper(3)]) {
      if (Number((await committee.read("versionInfo", version)).completedAt) === 0)
        await committee.send(one.operator, "consent", [version]);
    }
    await scene.mine(2);
    await f.caughtUp();
    expect(f.shown(committee)?.version.version).toBe(version);
    expect(operatorsIn(f.shown(committee) as CommitteeSnapshot)).not.toContain(
      lower(keeper(4).operator.address),
    );
    const told = f.updates.length;
    await (await scene.group(committee)).add("provider d");
    await scene.mine(3);
    await f.caughtUp();
    expect(f.updates.slice(told).flatMap(({ committees }) => committees)).toEqual([]);
    await f.stop();
  });
});

describe("blocks on a real node", () => {
  it("are told once, and a reorg as blocks that replace others, with the committees as they are then", async () => {
    const { committee, groups } = await twoGroups();
    const f = await scene.follow(keeper(0));
    await f.caughtUp();
    const { rpc } = scene.world.chain;
    const start = await scene.world.chain.block();
    await scene.mine(2);
    const fork = (await rpc("evm_snapshot")) as string;
    await groups[0].change(0, { size: 5n * gibibyte });
    await scene.mine(2);
    await f.caughtUp();
    const bytes = (): (bigint | undefined)[] =>
      entry(f.shown(committee), groups[0])?.providers[0]?.history.map((one) => one.bytes) ?? [];
    expect(bytes()).toEqual([gibibyte, 5n * gibibyte]);
    const before = f.hashes().get(start + 4);
    await rpc("evm_revert", [fork]);
    await rpc("evm_increaseTime", [77]);
    await scene.mine(4);
    await f.caughtUp();
    for (let n = start + 1; n <= start + 6; n++) expect(f.hashes().get(n)).toBe(await scene.hashOf(n));
    expect(f.hashes().get(start + 4)).not.toBe(before);
    expect(bytes()).toEqual([gibibyte]);
    await f.stop();
  });

  it("come from the next endpoint if the first is down, throttles or serves another chain, and it is told", async () => {
    let status = 429;
    const other = createServer((_request, response) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: "0x1" }));
    });
    await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
    const bad = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const throttled = await scene.follow(keeper(0), { urls: [bad, scene.url] });
    await throttled.caughtUp();
    expect(throttled.troubles.join()).toContain("rpc-down");
    await throttled.stop();
    status = 200;
    const wrong = await scene.follow(keeper(0), { urls: [bad, scene.url] });
    await wrong.caughtUp();
    expect(wrong.troubles.join()).toContain("rpc-wrong-chain");
    await wrong.stop();
    await new Promise((done) => other.close(done));
  });

  it("stop, and it is told, while a block's parent is not the block before it (D7)", async () => {
    const f = await scene.follow(keeper(0));
    await f.caughtUp();
    const told = f.updates.length;
    const { rpc } = scene.world.chain;
    const sound = (await rpc("evm_snapshot")) as string;
    // Blocks that this node makes many at a time name no parent.
    await rpc("hardhat_mine", ["0x8"]);
    await f.until(() => f.troubles.length > 0, "a word of it");
    expect(f.troubles.join()).toContain("rpc-disagrees");
    expect(f.updates).toHaveLength(told);
    await rpc("evm_revert", [sound]);
    await scene.mine(2);
    await f.caughtUp();
    await f.stop();
  });

  it("and a refusal of the contract is explained", async () => {
    const { committee } = await twoGroups();
    const f = await scene.follow(keeper(0));
    const te = (await committee.certifiedThrough()) + committee.rhythm.interval;
    await scene.mineTo(te + 1);
    await f.caughtUp();
    const groups = wholeScope(f.shown(committee) as CommitteeSnapshot);
    const certificate = await committee.certificate(groups, { turn: 1 });
    const few = certifying(committee, certificate, groups, { first: 0, length: 2 }, [0, 1]);
    const result = await f.chain.submit(few, new AbortController().signal);
    expect(result).toMatchObject({ kind: "failed" });
    expect("detail" in result ? result.detail : "").toContain("too few signers");
    await f.stop();
  });
});
