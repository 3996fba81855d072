/** What a payer survives: providers that accept and do not store, send other bytes, stall, or vanish after their consent; each is a process. */
import { readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GroupView } from "../../client/group-view.ts";
import { generatedBytes } from "../../scripts/fleet/files.ts";
import { arrivedBytes } from "../support/store-kills.ts";
import { openStoring, type Command, type Storing } from "../support/storing.ts";

type Stored = {
  group: string;
  deposit: string;
  transactions: string[];
  items: { name: string; copies: { provider: string }[] }[];
};
type Repaired = { repaired: { name: string; from: string; to: string }[]; unrepairable: string[] };

const minutes = 60_000;
let scene: Storing;
beforeAll(async () => {
  scene = await openStoring({ providers: 6, providerCommand: "provider-sim" });
}, 300_000);
afterAll(() => scene?.close(), 60_000);

const operatorOf = (index: number): string => scene.community.providers.operators[index] as string;
const folderOf = (index: number): string => scene.community.providers.daemons[index]?.dataDir as string;

async function setFault(index: number, kind: string): Promise<void> {
  const config = join(folderOf(index), "provider.yaml");
  const set = await scene.run("provider-sim", "fault", kind, "--config", config);
  expect(set.code, set.stderr).toBe(0);
}

function sourceOf(name: string, bytes: number): string {
  const path = join(scene.folder, name);
  writeFileSync(path, generatedBytes(name, bytes));
  return path;
}

const storing = (path: string): string[] => [
  "store",
  path,
  "--copies",
  "3",
  "--for",
  "5000blocks",
  "--yes",
  "--json",
];

let reads = 0;

async function expectReadable(name: string, without: readonly string[] = []): Promise<void> {
  const out = join(scene.folder, `out-${reads++}`);
  const { items } = await scene.json<{ items: { providers: string[] }[] }>("get", name, "--out", out);
  expect(readFileSync(join(out, name)).equals(readFileSync(join(scene.folder, name)))).toBe(true);
  for (const operator of without) expect(items[0]?.providers).not.toContain(operator);
}

const holdersOf = ({ items }: Stored): string[] => items[0]?.copies.map(({ provider }) => provider) ?? [];

async function membersOf(group: string): Promise<string[]> {
  const { provider, lens } = scene.community.base;
  const accounts = await new GroupView(provider, { address: group, lens }).providers();
  return accounts.map(({ operator }) => operator);
}

/** Consents that a provider has given, by its log. */
async function consentsOf(index: number): Promise<number> {
  const text = await readFile(join(folderOf(index), "log"), "utf8");
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
    await setFault(0, "discard");
    const path = sourceOf("letters.tar", 3_000_001);
    const { code, stdout, stderr } = await scene.run(...storing(path));
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(new RegExp(`provider ${operatorOf(0)} is lost: [^]*takes its place`));
    const made = JSON.parse(stdout) as Stored;
    expect(holdersOf(made)).toHaveLength(3);
    expect(holdersOf(made)).not.toContain(operatorOf(0));
    expect((await membersOf(made.group)).toSorted()).toEqual(holdersOf(made).toSorted());
    expect(made.transactions).toHaveLength(3);
    await setFault(0, "none");
  },
);

it("bytes that a provider changes are never in a file that was read", { timeout: 4 * minutes }, async () => {
  for (const index of [1, 2]) await setFault(index, "corrupt");
  const liars = [operatorOf(1), operatorOf(2)];
  await expectReadable("letters.tar", liars);
  await setFault(3, "corrupt");
  // No copy is left that can be read: a refusal with the reasons, and no file.
  const none = await scene.run("get", "letters.tar", "--out", join(scene.folder, "none"));
  expect(none.code).toBe(3);
  expect(none.stderr).toMatch(/do not match the root/);
  for (const index of [1, 2, 3]) await setFault(index, "none");
});

it(
  "a provider that stalls at nine tenths is replaced; what the others have is not sent again",
  { timeout: 8 * minutes },
  async () => {
    const path = sourceOf("film.bin", 120_000_000);
    const stalled = 1;
    const pid = scene.community.providers.daemons[stalled]?.pid as number;
    const before = await arrivedBytes(scene, stalled);
    const running = scene.start(...storing(path));
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
      expect(stderr).toMatch(new RegExp(`provider ${operatorOf(stalled)} is lost: [^]*takes its place`));
      const made = JSON.parse(stdout) as Stored;
      expect(holdersOf(made)).toHaveLength(3);
      expect(holdersOf(made)).not.toContain(operatorOf(stalled));
      // The second round sends to the new provider alone.
      const rounds = [...stderr.matchAll(/^sent (.*); (.*) were there already/gm)];
      expect(rounds.length).toBeGreaterThan(1);
      expect(rounds.at(-1)?.[1]).toMatch(/^114\.\d MiB$/);
      await expectReadable("film.bin", [operatorOf(stalled)]);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  },
);

it(
  "a provider that vanishes after its consent costs no other copy, and `repair` replaces it",
  { timeout: 8 * minutes },
  async () => {
    const path = sourceOf("notes.txt", 6_000_000);
    const consents = scene.community.providers.operators.map(async (_, index) => consentsOf(index));
    const before = await Promise.all(consents);
    const running = scene.start(...storing(path));
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
    await expectReadable("notes.txt", [operatorOf(vanishing)]);
    const { repaired, unrepairable } = await scene.json<Repaired>("repair", "--yes");
    expect(unrepairable).toEqual([]);
    const moved = repaired.filter(({ from }) => from === operatorOf(vanishing)).map(({ name }) => name);
    // A provider that got no copy of it gets the new catalogue, and consents to that.
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.includes("notes.txt")).toBe(holdersOf(made).includes(operatorOf(vanishing)));
    expect(await scene.json<Repaired>("repair", "--yes")).toEqual({ repaired: [], unrepairable: [] });
    const { items } = await scene.json<{ items: { name: string; copies: number }[] }>("list");
    expect(items.map(({ copies }) => copies)).toEqual([3, 3, 3]);
    for (const { name } of items) await expectReadable(name, [operatorOf(vanishing)]);
  },
);
