/** `whitepay store` killed at every step and repeated: no transaction twice, no byte twice, and at last everything is there. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GroupView } from "../../client/group-view.ts";
import { generatedBytes } from "../../scripts/fleet/files.ts";
import { arrivedBytes, killedAt, payerOf, times, type Step } from "../support/store-kills.ts";
import { openStoring, type Storing } from "../support/storing.ts";

let scene: Storing;
beforeAll(async () => (scene = await openStoring({ providers: 4 })), 300_000);
afterAll(() => scene?.close(), 60_000);

const minutes = 60_000;

/** Where the command is killed, in this order. */
const steps: readonly Step[] = [
  ["the plan is noted", ({ state }) => state.includes('"work"')],
  ["the first transaction is signed", ({ state }) => state.includes('"pending"')],
  ["the money is ahead", ({ sent }) => sent >= 1],
  ["the group is made", ({ sent }) => sent >= 2],
  ["the first copy is encrypted", ({ state }) => times(state, '"made"') >= 1],
  ["some copies are encrypted", ({ state }) => times(state, '"made"') >= 3],
  ["the catalogue is made", ({ state }) => state.includes('\\"sequence\\":1')],
  ["the first bytes arrive", ({ arrived }) => arrived > 1_000_000],
  ["half of the bytes arrive", ({ arrived }) => arrived > 15_000_000],
  ["the providers are added", ({ sent }) => sent >= 3],
];

it("ends where one run without a kill ends", { timeout: 12 * minutes }, async () => {
  const { provider, lens } = scene.community.base;
  const photos = join(scene.folder, "photos");
  mkdirSync(photos);
  writeFileSync(join(photos, "a.jpg"), generatedBytes("a", 4_000_000));
  writeFileSync(join(photos, "b.jpg"), generatedBytes("b", 20_000));
  const letters = join(scene.folder, "letters.tar");
  writeFileSync(letters, generatedBytes("letters", 6_000_001));
  const command = ["store", photos, letters, "--copies", "3", "--for", "5000blocks", "--yes"] as const;
  const payer = payerOf(scene);
  const before = await arrivedBytes(scene);
  const reached = await killedAt(scene, command, steps);
  expect(reached).toEqual(steps.map(([name]) => name));
  const made = await scene.json<{ group: string; deposit: string; transactions: string[] }>(...command);
  // Money ahead, the group, all providers: each transaction once, and none beside them.
  expect(await provider.getTransactionCount(payer)).toBe(3);
  const view = new GroupView(provider, { address: made.group, lens });
  const [accounts, { escrow }] = await Promise.all([view.providers(), view.page()]);
  expect(accounts).toHaveLength(3);
  expect(String(escrow.deposited)).toBe(made.deposit);
  // On the disks is what the lists say, once, with its trees and lists.
  const listed = accounts.reduce((sum, { data }) => sum + Number(data.at(-1)?.bytes), 0);
  expect((await arrivedBytes(scene)) - before).toBeLessThan(1.1 * listed + 3_000_000);
  const out = join(scene.folder, "out");
  await scene.json("get", "letters.tar", "photos", "--out", out);
  for (const path of ["letters.tar", "photos/a.jpg", "photos/b.jpg"]) {
    expect(readFileSync(join(out, path)).equals(readFileSync(join(scene.folder, path)))).toBe(true);
  }
});

it("goes on with another provider when one is killed on the way", { timeout: 6 * minutes }, async () => {
  const file = join(scene.folder, "more.bin");
  writeFileSync(file, generatedBytes("more", 12_000_000));
  const { providers } = scene.community;
  const { items } = await scene.json<{ items: { copies: number }[] }>("list");
  expect(items.map(({ copies }) => copies)).toEqual([3, 3]);
  const [lost] = providers.operators;
  const before = await arrivedBytes(scene);
  const running = scene.start("store", file, "--copies", "3", "--for", "5000blocks", "--yes", "--json");
  const end = new AbortController();
  void running.ended.then(() => end.abort());
  while (!end.signal.aborted && (await arrivedBytes(scene)) - before < 2_000_000) await sleep(5);
  await providers.kill(0);
  const { code, stdout, stderr } = await running.ended;
  expect(`${code}${stderr.slice(-2000)}`).toMatch(/^0[^]*is lost[^]*takes its place/);
  const made = JSON.parse(stdout) as { items: { copies: { provider: string }[] }[] };
  const holders = made.items[0]?.copies.map(({ provider }) => provider) ?? [];
  expect(holders).toHaveLength(3);
  expect(holders).not.toContain(lost);
  await scene.json("get", "more.bin", "--out", join(scene.folder, "more"));
  expect(readFileSync(join(scene.folder, "more", "more.bin")).equals(readFileSync(file))).toBe(true);
});
