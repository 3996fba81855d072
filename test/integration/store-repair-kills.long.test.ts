/** `whitepay repair` and `whitepay remove` killed at every step and repeated: no transaction twice, and every group pays for data that is there. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { groupAbi, tokenAbi } from "../../client/abi.ts";
import { GroupView } from "../../client/group-view.ts";
import { generatedBytes } from "../../scripts/fleet/files.ts";
import { arrivedBytes, killedAt, times, transactionsAfter, type Step } from "../support/store-kills.ts";
import { openStoring, type Storing } from "../support/storing.ts";
import { expectReadable, sourceOf } from "../support/storing-steps.ts";

type Stored = { group: string; deposit: string; items: { name: string; copies: { provider: string }[] }[] };
type Repaired = { repaired: { name: string; from: string; to: string }[]; unrepairable: string[] };

let scene: Storing;
let stored: Stored;
let lost: string;
const minutes = 60_000;

beforeAll(async () => {
  scene = await openStoring({ providers: 4 });
  const photos = join(scene.folder, "photos");
  mkdirSync(photos);
  writeFileSync(join(photos, "a.jpg"), generatedBytes("a", 4_000_000));
  const letters = sourceOf(scene, "letters.tar", 9_000_001);
  stored = await scene.json<Stored>(
    "store",
    photos,
    letters,
    "--copies",
    "3",
    "--for",
    "5000blocks",
    "--yes",
  );
}, 400_000);
afterAll(() => scene?.close(), 60_000);

/** What the payer's transactions after a block call, in order. */
async function callsAfter(block: number): Promise<string[]> {
  const { provider } = scene.community.base;
  const calls: string[] = [];
  for (const hash of await transactionsAfter(scene, block)) {
    const data = (await provider.getTransaction(hash))?.data ?? "0x";
    const call = groupAbi.parseTransaction({ data }) ?? tokenAbi.parseTransaction({ data });
    expect((await provider.getTransactionReceipt(hash))?.status).toBe(1);
    calls.push(call?.name ?? data.slice(0, 10));
  }
  return calls;
}

const repairSteps: readonly Step[] = [
  ["the plan is noted", ({ state }) => state.includes('"work"')],
  ["the first item is being read", ({ read }) => read > 0],
  ["the first copy is encrypted", ({ state }) => times(state, '"made"') >= 1],
  ["the catalogue is made", ({ state }) => state.includes('\\"sequence\\":2')],
  ["the first bytes arrive", ({ arrived }) => arrived > 1_000_000],
  ["half of the bytes arrive", ({ arrived }) => arrived > 7_000_000],
  ["the first transaction is in a block", ({ sent }) => sent >= 1],
  ["a second one is", ({ sent }) => sent >= 2],
  ["a third one is", ({ sent }) => sent >= 3],
];

it("repairs as one run without a kill does", { timeout: 12 * minutes }, async () => {
  const { base, providers } = scene.community;
  const { provider, lens } = base;
  const [first] = stored.items;
  lost = first?.copies[0]?.provider as string;
  const other = providers.operators.find((operator) =>
    first?.copies.every((copy) => copy.provider !== operator),
  );
  await providers.kill(providers.operators.indexOf(lost));
  const head = await provider.getBlockNumber();
  const before = await arrivedBytes(scene);
  const reached = await killedAt(scene, ["repair", "--yes"], repairSteps);
  const last = await scene.json<Repaired>("repair", "--yes");
  expect(last.unrepairable).toEqual([]);
  for (const move of last.repaired) expect(move).toMatchObject({ from: lost, to: other });
  expect(await scene.json<Repaired>("repair", "--yes")).toEqual({ repaired: [], unrepairable: [] });

  // Each kind of call once: the room for a fourth provider, its data, and the notice of the lost one.
  const calls = await callsAfter(head);
  expect(calls).toEqual(["raiseCeiling", "addProvider", "removeProvider"]);
  expect(reached).toEqual(repairSteps.map(([name]) => name));
  const view = new GroupView(provider, { address: stored.group, lens });
  const accounts = await view.providers();
  expect(accounts.find(({ operator }) => operator === lost)).toMatchObject({ noticeByPayer: true });
  const added = accounts.find(({ operator }) => operator === other);
  const bytes = Number(added?.data.at(-1)?.bytes);
  expect(bytes).toBeGreaterThan(13_000_000);
  // The new copies are on the disk once.
  expect((await arrivedBytes(scene)) - before).toBeLessThan(1.1 * bytes + 3_000_000);
  const { escrow } = await view.page();
  expect(String(escrow.deposited)).toBe(stored.deposit);
  await expectReadable(scene, "letters.tar");
  await expectReadable(scene, "photos", { paths: ["photos/a.jpg"] });
});

const removeSteps: readonly Step[] = [
  ["the plan is noted", ({ state }) => state.includes('"work"')],
  ["the catalogue is made", ({ state }) => state.includes('\\"sequence\\":3')],
  ["the first transaction is signed", ({ state }) => state.includes('"pending"')],
  ["the data is changed", ({ sent }) => sent >= 1],
];

it("removes one of two items as one run without a kill does", { timeout: 8 * minutes }, async () => {
  const { provider } = scene.community.base;
  const head = await provider.getBlockNumber();
  const reached = await killedAt(scene, ["remove", "photos", "--yes"], removeSteps);
  const again = await scene.run("remove", "photos", "--yes", "--json");
  // The last kill may have come after the end of the work.
  expect(again.code === 0 || /nothing is stored under photos/.test(again.stderr), again.stderr).toBe(true);
  expect(await callsAfter(head)).toEqual(["multicall"]);
  expect(reached).toEqual(removeSteps.map(([name]) => name));
  const { items } = await scene.json<{ items: { name: string; copies: number }[] }>("list");
  expect(items).toMatchObject([{ name: "letters.tar", copies: 3 }]);
  await expectReadable(scene, "letters.tar");
});

const lastSteps: readonly Step[] = [
  ["the plan is noted", ({ state }) => state.includes('"work"')],
  ["the first provider has notice", ({ sent }) => sent >= 1],
  ["the second provider has notice", ({ sent }) => sent >= 2],
  ["the third provider has notice", ({ sent }) => sent >= 3],
];

it("removes the last item: every provider gets notice once", { timeout: 8 * minutes }, async () => {
  const { provider, lens } = scene.community.base;
  const head = await provider.getBlockNumber();
  const reached = await killedAt(scene, ["remove", "letters.tar", "--yes"], lastSteps);
  const again = await scene.run("remove", "letters.tar", "--yes", "--json");
  expect([0, 2]).toContain(again.code);
  expect(await callsAfter(head)).toEqual(["removeProvider", "removeProvider", "removeProvider"]);
  expect(reached).toEqual(lastSteps.map(([name]) => name));
  const accounts = await new GroupView(provider, { address: stored.group, lens }).providers();
  expect(accounts.every(({ noticeByPayer }) => noticeByPayer)).toBe(true);
});
