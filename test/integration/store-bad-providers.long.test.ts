/** What a payer survives: providers that accept and do not store, send other bytes, stall, or vanish after their consent; each is a process. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GroupView } from "../../client/group-view.ts";
import { arrivedBytes } from "../support/store-kills.ts";
import { openStoring, type Command, type Storing } from "../support/storing.ts";
import {
  expectReadable,
  folderOf,
  operatorOf,
  setFault,
  sourceOf,
  storing,
} from "../support/storing-steps.ts";

type Stored = {
  group: string;
  deposit: string;
  transactions: string[];
  items: { name: string; copies: { provider: string }[] }[];
};
const nextIsRepair = /^next +whitepay repair$/m;
type Repaired = { repaired: { name: string; from: string; to: string }[]; unrepairable: string[] };

const minutes = 60_000;
let scene: Storing;
beforeAll(async () => {
  scene = await openStoring({ providers: 6, providerCommand: "provider-sim" });
}, 300_000);
afterAll(() => scene?.close(), 60_000);

async function expectReadableWithout(name: string, operators: readonly string[]): Promise<void> {
  const providers = await expectReadable(scene, name);
  for (const operator of operators) expect(providers).not.toContain(operator);
}

const holdersOf = ({ items }: Stored): string[] => items[0]?.copies.map(({ provider }) => provider) ?? [];

async function membersOf(group: string): Promise<string[]> {
  const { provider, lens } = scene.community.base;
  const accounts = await new GroupView(provider, { address: group, lens }).providers();
  return accounts.map(({ operator }) => operator);
}

/** Consents that a provider has given, by its log. */
async function consentsOf(index: number): Promise<number> {
  const text = await readFile(join(folderOf(scene, index), "log"), "utf8");
  return text.split(/consent to \d+ bytes? is given/).length - 1;
}

/** Waits until `holds`; false if the command ends before. */
async function whileRunning(command: Command, holds: () => Promise<boolean>): Promise<boolean> {
  const end = new AbortController();
  void command.ended.then(() => end.abort());
  while (!end.signal.aborted) {
    if (await holds()) return true;
    await sleep(5);
  }
  return false;
}

it(
  "a provider that says it has stored, and has not, is replaced before anything is paid to it",
  { timeout: 6 * minutes },
  async () => {
    await setFault(scene, 0, "discard");
    const path = sourceOf(scene, "letters.tar", 3_000_001);
    const { code, stdout, stderr } = await scene.run(...storing(path, 3));
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(new RegExp(`provider ${operatorOf(scene, 0)} is lost: [^]*takes its place`));
    const made = JSON.parse(stdout) as Stored;
    expect(holdersOf(made)).toHaveLength(3);
    expect(holdersOf(made)).not.toContain(operatorOf(scene, 0));
    expect((await membersOf(made.group)).toSorted()).toEqual(holdersOf(made).toSorted());
    expect(made.transactions).toHaveLength(3);
    await setFault(scene, 0, "none");
  },
);

it("bytes that a provider changes are never in a file that was read", { timeout: 4 * minutes }, async () => {
  for (const index of [1, 2]) await setFault(scene, index, "corrupt");
  const liars = [operatorOf(scene, 1), operatorOf(scene, 2)];
  await expectReadableWithout("letters.tar", liars);
  await setFault(scene, 3, "corrupt");
  // No copy is left that can be read: a refusal with the reasons, and no file.
  const none = await scene.run("get", "letters.tar", "--out", join(scene.folder, "none"));
  expect(none.code).toBe(3);
  expect(none.stderr).toMatch(/do not match the root/);
  for (const index of [1, 2, 3]) await setFault(scene, index, "none");
});

it(
  "a provider that stalls at nine tenths is replaced; what the others have is not sent again",
  { timeout: 8 * minutes },
  async () => {
    const path = sourceOf(scene, "film.bin", 120_000_000);
    const stalled = 1;
    const pid = scene.community.providers.daemons[stalled]?.pid as number;
    const before = await arrivedBytes(scene, stalled);
    const running = scene.start(...storing(path, 3));
    try {
      const isReached = await whileRunning(
        running,
        async () => (await arrivedBytes(scene, stalled)) - before >= 108_000_000,
      );
      expect(isReached).toBe(true);
      process.kill(pid, "SIGSTOP");
      expect((await arrivedBytes(scene, stalled)) - before).toBeLessThan(120_000_000);
      const { code, stdout, stderr } = await running.ended;
      expect(code, stderr).toBe(0);
      expect(stderr).toMatch(
        new RegExp(`provider ${operatorOf(scene, stalled)} is lost: [^]*takes its place`),
      );
      const made = JSON.parse(stdout) as Stored;
      expect(holdersOf(made)).toHaveLength(3);
      expect(holdersOf(made)).not.toContain(operatorOf(scene, stalled));
      // The second round sends to the new provider alone.
      const rounds = [...stderr.matchAll(/^sent (.*) in .* s; (.*) were there already/gm)];
      expect(rounds.length).toBeGreaterThan(1);
      expect(rounds.at(-1)?.[1]).toMatch(/^114\.\d MiB$/);
      await expectReadableWithout("film.bin", [operatorOf(scene, stalled)]);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  },
);

it(
  "a provider that vanishes after its consent costs no other copy, and `repair` replaces it",
  { timeout: 8 * minutes },
  async () => {
    const path = sourceOf(scene, "notes.txt", 6_000_000);
    const consents = scene.community.providers.operators.map(async (_, index) => consentsOf(index));
    const before = await Promise.all(consents);
    const running = scene.start(...storing(path, 3));
    let vanishing = -1;
    const hasConsented = async (): Promise<boolean> => {
      for (const index of before.keys()) {
        if ((await consentsOf(index)) > (before[index] as number)) vanishing = index;
      }
      return vanishing >= 0;
    };
    expect(await whileRunning(running, hasConsented)).toBe(true);
    await scene.community.providers.kill(vanishing);
    const { code, stdout, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    const made = JSON.parse(stdout) as Stored;
    expect(holdersOf(made)).toHaveLength(3);
    await expectReadableWithout("notes.txt", [operatorOf(scene, vanishing)]);
    expect((await scene.run("status")).stdout).toMatch(nextIsRepair);
    const { repaired, unrepairable } = await scene.json<Repaired>("repair", "--yes");
    expect(unrepairable).toEqual([]);
    // The replaced provider leaves, and has no copy of an item any more.
    const after = (await scene.run("status")).stdout;
    expect(after).toMatch(/leaves at block/);
    expect(after).not.toMatch(nextIsRepair);
    const moved = repaired
      .filter(({ from }) => from === operatorOf(scene, vanishing))
      .map(({ name }) => name);
    // A provider that got no copy of it gets the new catalogue, and consents to that.
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.includes("notes.txt")).toBe(holdersOf(made).includes(operatorOf(scene, vanishing)));
    expect(await scene.json<Repaired>("repair", "--yes")).toEqual({ repaired: [], unrepairable: [] });
    const { items } = await scene.json<{ items: { name: string; copies: number }[] }>("list");
    expect(items.map(({ copies }) => copies)).toEqual([3, 3, 3]);
    for (const { name } of items) await expectReadableWithout(name, [operatorOf(scene, vanishing)]);
  },
);
