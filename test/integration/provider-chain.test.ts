/** What a provider learns from the contracts: versions of committees, moves, changes of data, leaving (R8, R12, R14, R33, R37, R38). */
import { afterAll, beforeAll, expect, it } from "vitest";
import { startCallingNode } from "../../keeper/adapters/libp2p/node.ts";
import { signSeed } from "../../protocol/codec/seed.ts";
import { toHex } from "../../protocol/hash.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { sharedFolder } from "../support/files.ts";
import type { Keeper } from "../support/provider-chain.ts";
import { lower } from "../support/provider-chain.ts";
import {
  ask,
  askFrom,
  callsOfWatch,
  moneyReads,
  provenBy,
  providerScene,
  store,
  verdicts,
} from "../support/provider-scene.ts";
import type { Scene } from "../support/provider-scene.ts";
import { secretOf } from "../support/secrets.ts";

let scene: Scene;
let running: RunningProvider;
let folder: string;
let removeFolder: () => Promise<void>;

beforeAll(async () => {
  ({ folder, remove: removeFolder } = await sharedFolder());
  scene = await providerScene(folder, [[300_000], [700, 50_000]]);
  running = await scene.start();
});

afterAll(async () => {
  await running.stop();
  await scene.close();
  await removeFolder();
});

const keeper = (index: number): Keeper => scene.keepers[index] as Keeper;

/** Head right at a block, and the provider sees it. */
async function headAt(block: number): Promise<void> {
  await scene.chain.mineTo(block);
  await expect.poll(() => scene.chain.world.chain.block()).toBeGreaterThanOrEqual(block);
  await new Promise((done) => setTimeout(done, 110));
}

it("refuses a slot before its data take effect, and proves both groups with one seed afterwards", async () => {
  const from = Math.max(...(await Promise.all(scene.stored.map(({ group }) => group.changesAt(0)))));
  const slot = (from - scene.originBlock) / 5;
  await headAt(from + 1);
  const before = await scene.request(keeper(0), slot - 1);
  // The first group's data began earlier than the second one's.
  expect(await provenBy(scene, running, keeper(0), before)).toMatch(/no-data$/);
  expect(await provenBy(scene, running, keeper(0), await scene.request(keeper(0), slot))).toBe("16 16");
});

it("answers members of the version in force and, from its completion on, of the next version; nobody else", async () => {
  const [newcomer] = (await scene.chain.keepers(4, 1)) as [Keeper];
  const slot = await scene.nextSlot();
  const request = await scene.request(newcomer, slot);
  expect(await ask(running, newcomer, request)).toBe("not-a-member");
  const next = [...scene.keepers.slice(0, 3), newcomer].map(({ member }) => member);
  const version = await scene.committee.propose(next);
  await scene.committee.send(newcomer.member.operator, "consent", [version]);
  for (const { member } of scene.keepers.slice(0, 2))
    await scene.committee.send(member.operator, "consent", [version]);
  const unfinished = await scene.nextSlot();
  expect(await ask(running, newcomer, await scene.request(newcomer, unfinished))).toBe("not-a-member");
  await scene.committee.send(keeper(2).member.operator, "consent", [version]);
  const complete = await scene.nextSlot();
  expect(await provenBy(scene, running, newcomer, await scene.request(newcomer, complete))).toBe("16 16");
  // The member that is to leave is still in force.
  expect(await provenBy(scene, running, keeper(3), await scene.request(keeper(3), complete))).toBe("16 16");
});

it("answers a keeper only from the peer that the registry names now", async () => {
  const moved = await startCallingNode(toHex(secretOf(900)));
  try {
    const slot = await scene.nextSlot();
    const request = await scene.request(keeper(1), slot);
    expect(await askFrom(moved, running, request)).toBe("wrong-peer");
    await scene.chain.register(keeper(1).member, moved);
    const later = await scene.nextSlot();
    const again = await scene.request(keeper(1), later);
    expect(await ask(running, keeper(1), again)).toBe("wrong-peer");
    expect(verdicts(scene, again, await askFrom(moved, running, again))).toBe("16 16");
  } finally {
    await scene.chain.register(keeper(1).member, keeper(1).calling);
    await moved.libp2p.stop();
  }
});

it("proves the old list until the slot in which a change takes effect, then the new one", async () => {
  const [first, second] = scene.stored as [Scene["stored"][0], Scene["stored"][0]];
  const changed = await store(folder, scene, second.group, [90_000], 7, 0);
  const from = await second.group.changesAt(0);
  const slot = (from - scene.originBlock) / 5;
  await headAt(from - 1);
  const before = await scene.request(keeper(0), slot - 1);
  expect(await provenBy(scene, running, keeper(0), before)).toBe("16 16");
  await headAt(from);
  const after = await scene.request(keeper(0), slot);
  const told = await ask(running, keeper(0), after);
  expect(verdicts(scene, after, told, [first.list, changed.list])).toBe("16 16");
  // The old slot is still open to another keeper, under the old list.
  const late = await scene.request(keeper(2), slot - 1);
  expect(await provenBy(scene, running, keeper(2), late)).toBe("16 16");
  Object.assign(second, { list: changed.list });
});

it("serves a group in a move for the old committee up to its last block, then for the new one", async () => {
  const others = await scene.chain.keepers(5, 4);
  const next = await scene.chain.committee(others);
  const [{ group }] = scene.stored as [Scene["stored"][0]];
  const [newKeeper] = others as [Keeper];
  const origin = Number(await next.read("originBlock"));
  /** A request of the new committee's keeper for a slot of that committee. */
  const requestIn = async (slot: number) => {
    const scope = {
      chainId: scene.chain.chainId,
      committee: lower(next.address),
      operator: scene.keys.operatorAddress,
      slot,
      blockHash: await scene.chain.blockHash(origin + slot * 5),
    };
    const seed = signSeed(scope, newKeeper.blsSecret);
    return { ...scope, seed, keeper: newKeeper.operator, targets: scene.targets.slice(0, 1) };
  };
  await scene.nextSlot();
  const unknown = await requestIn(0);
  expect(await ask(running, newKeeper, unknown)).toBe("unknown-committee");
  await group.send("enter", [next.address, 8]);
  const state = (await group.contract.getFunction("state").staticCall()) as { next: { from: bigint } };
  const moves = Number(state.next.from);
  const slot = (moves - origin) / 5;
  await headAt(moves - 1);
  // Before the move's block: the old committee alone.
  expect(await provenBy(scene, running, newKeeper, await requestIn(slot - 1))).toBe("unknown-group");
  const last = Math.floor((moves - 1 - scene.originBlock) / 5);
  expect(await provenBy(scene, running, keeper(0), await scene.request(keeper(0), last))).toBe("16 16");
  const after = Math.ceil((moves - scene.originBlock) / 5);
  await headAt(scene.originBlock + after * 5 + 1);
  expect(await provenBy(scene, running, newKeeper, await requestIn(slot))).toBe("16");
  const rest = await scene.request(keeper(0), after);
  expect(await provenBy(scene, running, keeper(0), rest)).toBe("unknown-group 16");
});

it("proves until the block of its leaving, and nothing after it", async () => {
  const [, second] = scene.stored as [Scene["stored"][0], Scene["stored"][0]];
  await second.group.send("giveNotice", [0], scene.operator);
  const leaves = await second.group.changesAt(0);
  const slot = (leaves - scene.originBlock) / 5;
  const targets = scene.targets.slice(1);
  const lists = [second.list];
  await headAt(leaves - 1);
  const before = await scene.request(keeper(0), slot - 1, { targets });
  expect(verdicts(scene, before, await ask(running, keeper(0), before), lists)).toBe("16");
  await headAt(leaves + 1);
  const after = await scene.request(keeper(0), slot, { targets });
  expect(verdicts(scene, after, await ask(running, keeper(0), after), lists)).toBe("no-data");
});

it("reads the chain once for each head, not once for each challenge", async () => {
  const slot = await scene.nextSlot();
  const { calls } = scene.chain.endpoint;
  const targets = scene.targets.slice(0, 1);
  const first = await scene.request(keeper(2), slot, { targets });
  await ask(running, keeper(2), first);
  calls.clear();
  const begin_ms = performance.now();
  for (let i = 0; i < 20; i++) await ask(running, keeper(2), first);
  expect(calls.get("eth_call") ?? 0).toBeLessThanOrEqual(callsOfWatch(begin_ms, scene.targets.length));
  expect(calls.get("eth_getLogs") ?? 0).toBeLessThanOrEqual(moneyReads(begin_ms, scene.targets.length));
});
