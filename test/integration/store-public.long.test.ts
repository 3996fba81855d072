/** R43: public data travels from the payer once; its other copies, and those that `repair` makes, come from providers. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeFaults } from "../../provider-sim/fault-file.ts";
import { openStoring, type Storing } from "../support/storing.ts";
import {
  expectReadable,
  folderOf,
  operatorOf,
  setFault,
  sourceOf,
  storing,
} from "../support/storing-steps.ts";

type Stored = { items: { name: string; copies: { provider: string; root: string; bytes: number }[] }[] };

const minutes = 60_000;
const size = 12_000_000;
let scene: Storing;
beforeAll(async () => {
  scene = await openStoring({ providers: 5, providerCommand: "provider-sim" });
}, 300_000);
afterAll(() => scene?.close(), 60_000);

/** Bytes that the payer sent in all rounds of a command, by its messages. */
function sentBytes(stderr: string): number {
  const scale: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20 };
  const rounds = [...stderr.matchAll(/^sent ([\d.]+) (B|KiB|MiB) in /gm)];
  expect(rounds.length, stderr).toBeGreaterThan(0);
  return rounds.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (scale[unit as string] as number),
    0,
  );
}

async function run(...args: string[]): Promise<{ document: unknown; sent: number; stderr: string }> {
  const { code, stdout, stderr } = await scene.run(...args);
  expect(code, stderr).toBe(0);
  return { document: JSON.parse(stdout), sent: sentBytes(stderr), stderr };
}

/** Words of a command that stores a new file as public data. */
function storingPublic(name: string): string[] {
  return [...storing(sourceOf(scene, name, size), 3), "--public"];
}

it("is sent to one provider, from which the others fetch it", { timeout: 6 * minutes }, async () => {
  const { document, sent } = await run(...storingPublic("archive.bin"));
  const copies = (document as Stored).items[0]?.copies ?? [];
  expect(copies.map(({ provider }) => provider).toSorted()).toEqual(
    [0, 1, 2].map((index) => operatorOf(scene, index)).toSorted(),
  );
  expect(new Set(copies.map(({ root }) => root)).size).toBe(1);
  // Beside it the catalogues, one for each provider.
  expect(sent).toBeGreaterThan(0.99 * size);
  expect(sent).toBeLessThan(1.1 * size);
  await expectReadable(scene, "archive.bin");
});

it(
  "is repaired from another provider, the next one where the first lies; the payer sends catalogues only",
  { timeout: 6 * minutes },
  async () => {
    const { providers } = scene.community;
    await providers.kill(2);
    await setFault(scene, 0, "corrupt");
    const { document, sent, stderr } = await run("repair", "--yes", "--json");
    const move = { name: "archive.bin", from: operatorOf(scene, 2), to: operatorOf(scene, 3) };
    expect(document).toEqual({ repaired: [move], unrepairable: [] });
    expect(sent).toBeLessThan(100_000);
    // The payer's machine has not read the data either.
    expect(stderr).not.toContain("preparing");
    await setFault(scene, 0, "none");
    await expectReadable(scene, "archive.bin");
  },
);

it("is sent by the payer if no provider gives it to the others", { timeout: 6 * minutes }, async () => {
  const command = scene.start(...storingPublic("film.bin"));
  const ended = command.ended.then(() => true);
  // The catalogue has been read by then; what a provider reads from another one is damaged.
  while (!command.stderr().includes("approving")) {
    expect(await Promise.race([ended, sleep(10, false)]), command.stderr()).toBe(false);
  }
  for (const index of [0, 1, 3, 4]) {
    await writeFaults(folderOf(scene, index), [{ kind: "corrupt" }]);
  }
  const { code, stdout, stderr } = await command.ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/could not be fetched from/);
  const sent = sentBytes(stderr);
  expect((JSON.parse(stdout) as Stored).items[0]?.copies).toHaveLength(3);
  expect(sent).toBeGreaterThan(2.9 * size);
  for (const index of [0, 1, 3, 4]) await setFault(scene, index, "none");
  await expectReadable(scene, "film.bin");
});
