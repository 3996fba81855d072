/** From a file to paid storage and back, with real processes: providers, a chain, and one process for each command. */
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GroupView } from "../../client/group-view.ts";
import { makePayer } from "../../scripts/devnet/payer.ts";
import { generatedBytes } from "../../scripts/fleet/files.ts";
import { openStoring, type Storing } from "../support/storing.ts";

type Stored = {
  group: string;
  items: { name: string; bytes: number; copies: { provider: string; root: string; bytes: number }[] }[];
  deposit: string;
  transactions: string[];
};

let scene: Storing;
beforeAll(async () => (scene = await openStoring()), 300_000);
afterAll(() => scene?.close(), 60_000);

const minutes = 60_000;

function sources(): { photos: string; letters: string } {
  const photos = join(scene.folder, "photos");
  mkdirSync(join(photos, "2024"), { recursive: true });
  writeFileSync(join(photos, "a.jpg"), generatedBytes("a", 3_000_000));
  writeFileSync(join(photos, "2024", "b ü.jpg"), generatedBytes("b", 700));
  utimesSync(join(photos, "a.jpg"), 1_600_000_000.5, 1_600_000_000.5);
  const letters = join(scene.folder, "letters.tar");
  writeFileSync(letters, generatedBytes("letters", 5_000_001));
  return { photos, letters };
}

/** Files of the providers that contain these bytes. */
async function holdersOf(bytes: Buffer): Promise<string[]> {
  const found: string[] = [];
  for (const { dataDir } of scene.community.providers.daemons) {
    for (const path of await readdir(dataDir, { recursive: true })) {
      const whole = join(dataDir, path);
      if (statSync(whole).isFile() && readFileSync(whole).includes(bytes)) found.push(whole);
    }
  }
  return found;
}

const transactionsOf = async (): Promise<number> => {
  const { provider } = scene.community.base;
  const head = await provider.getBlockNumber();
  const blocks = await Promise.all(Array.from({ length: head + 1 }, (_, block) => provider.getBlock(block)));
  return blocks.reduce((sum, block) => sum + (block?.transactions.length ?? 0), 0);
};

describe("a payer's data", () => {
  let stored: Stored;

  it(
    "is stored with one command, encrypted for every provider, and paid for",
    { timeout: 6 * minutes },
    async () => {
      const { photos, letters } = sources();
      stored = await scene.json<Stored>(
        "store",
        photos,
        letters,
        "--copies",
        "3",
        "--for",
        "5000blocks",
        "--budget",
        "1000",
        "--yes",
      );
      expect(stored.items.map(({ name, copies }) => [name, copies.length])).toEqual([
        ["letters.tar", 3],
        ["photos", 3],
      ]);
      const roots = stored.items.flatMap(({ copies }) => copies.map(({ root }) => root));
      expect(new Set(roots).size).toBe(6);
      const { lens, provider } = scene.community.base;
      const view = new GroupView(provider, { address: stored.group, lens });
      const accounts = await view.providers();
      expect(accounts.map(({ operator }) => operator).toSorted()).toEqual(
        [...new Set(stored.items.flatMap(({ copies }) => copies.map((copy) => copy.provider)))].toSorted(),
      );
      const { escrow } = await view.page();
      expect(String(escrow.deposited)).toBe(stored.deposit);
      expect(await holdersOf(readFileSync(letters).subarray(0, 64))).toEqual([]);
    },
  );

  it(
    "is not stored twice: the same command sends nothing and pays nothing",
    { timeout: 2 * minutes },
    async () => {
      const before = await transactionsOf();
      const again = await scene.json<Stored>(
        "store",
        join(scene.folder, "photos"),
        join(scene.folder, "letters.tar"),
        "--copies",
        "3",
        "--for",
        "5000blocks",
        "--yes",
      );
      expect(again).toMatchObject({ group: stored.group, deposit: "0", transactions: [] });
      expect(await transactionsOf()).toBe(before);
    },
  );

  it("is listed", { timeout: 2 * minutes }, async () => {
    const { items } = await scene.json<{ items: unknown[] }>("list");
    expect(items).toEqual([
      { name: "letters.tar", bytes: 5_000_001, copies: 3, provenCopies: 0 },
      { name: "photos", bytes: expect.any(Number), copies: 3, provenCopies: 0 },
    ]);
  });

  it(
    "is with providers whose prices and records anybody can list, the cheapest first",
    { timeout: 2 * minutes },
    async () => {
      type Priced = { operator: string; price: string; perMonth: string; bytes: string };
      const list = await scene.json<{ token: { symbol: string }; providers: Priced[] }>(
        "providers",
        "--by",
        "price",
      );
      expect(list.token.symbol).toBe("WPD");
      expect(list.providers.map(({ operator }) => operator)).toEqual(scene.community.providers.operators);
      const prices = list.providers.map(({ price }) => BigInt(price));
      expect(prices).toEqual(prices.toSorted((a, b) => Number(a - b)));
      const bytes = list.providers.map((one) => Number(one.bytes) > 0);
      expect(bytes).toEqual([true, true, true, false, false]);
      const { stdout } = await scene.run("providers");
      expect(stdout.split("\n")[0]).toMatch(/^provider +TiB and month +registered +groups +bytes +proven/);
    },
  );

  it("comes back byte for byte, with names and times", { timeout: 3 * minutes }, async () => {
    const out = join(scene.folder, "out");
    const { items } = await scene.json<{ items: { path: string; providers: string[] }[] }>(
      "get",
      "letters.tar",
      "photos/",
      "--out",
      out,
    );
    expect(items).toHaveLength(2);
    for (const path of ["letters.tar", "photos/a.jpg", "photos/2024/b ü.jpg"]) {
      expect(readFileSync(join(out, path)).equals(readFileSync(join(scene.folder, path)))).toBe(true);
      // Node sets times to the microsecond.
      expect(statSync(join(out, path)).mtimeMs).toBeCloseTo(statSync(join(scene.folder, path)).mtimeMs, 2);
    }
    expect(readdirSync(out).toSorted()).toEqual(["letters.tar", "photos"]);
  });

  it("is read on a new machine with the payer's key alone", { timeout: 3 * minutes }, async () => {
    const machine = join(scene.folder, "new-machine");
    mkdirSync(machine);
    const config = join(machine, "payer.yaml");
    writeFileSync(config, readFileSync(scene.payerConfig));
    const { code, stdout, stderr } = await scene.run("list", "--config", config, "--json");
    expect(code, stderr).toBe(0);
    const { items } = JSON.parse(stdout) as { items: { name: string }[] };
    expect(items.map(({ name }) => name)).toEqual(["letters.tar", "photos"]);
    expect(stderr).toContain(`group ${stored.group} was found on the chain`);
    // A payer that never made a group: the key of another account.
    const stranger = await makePayer(machine, scene.community.base);
    const nothing = await scene.run("list", "--config", stranger);
    expect(nothing.code).toBe(2);
    expect(nothing.stderr).toMatch(/this payer has no group/);
  });

  it(
    "is refused with numbers if providers, money or files do not suffice",
    { timeout: 4 * minutes },
    async () => {
      const file = join(scene.folder, "more.bin");
      writeFileSync(file, generatedBytes("more", 1000));
      const before = await transactionsOf();
      const few = await scene.run("store", file, "--copies", "9", "--yes");
      expect(few.code).toBe(4);
      expect(few.stderr).toMatch(/too few providers.*\n {2}expected: 9 providers\n {2}actual: {3}5/);
      const poor = await scene.run(
        "store",
        file,
        "--copies",
        "2",
        "--for",
        "900months",
        "--budget",
        "0.000000000001",
        "--yes",
      );
      expect(poor.code).toBe(5);
      expect(poor.stderr).toMatch(
        /costs more than the budget\n {2}expected: at least .* WPD\n {2}actual: {3}0.000000000001 WPD/,
      );
      const missing = await scene.run("store", join(scene.folder, "nothing-here"), "--yes");
      expect(missing.code).toBe(2);
      const time = await scene.run("store", file, "--for", "6weeks", "--yes");
      expect(time.code).toBe(2);
      const planned = await scene.json<Stored>(
        "store",
        file,
        "--copies",
        "2",
        "--for",
        "5000blocks",
        "--dry-run",
      );
      expect(planned.items).toEqual([{ name: "more.bin", bytes: 1000, copies: [] }]);
      expect(await transactionsOf()).toBe(before);
    },
  );

  it(
    "is stored as it is with --public, the same piece everywhere, beside what is encrypted",
    { timeout: 5 * minutes },
    async () => {
      const file = join(scene.folder, "archive.bin");
      writeFileSync(file, generatedBytes("archive", 2_500_000));
      const made = await scene.json<Stored>(
        "store",
        file,
        "--public",
        "--copies",
        "2",
        "--for",
        "5000blocks",
        "--yes",
      );
      expect(made.group).toBe(stored.group);
      const [item] = made.items;
      expect(new Set(item?.copies.map(({ root }) => root)).size).toBe(1);
      expect(item?.copies.every(({ bytes }) => bytes === 2_500_000)).toBe(true);
      expect((await holdersOf(readFileSync(file).subarray(0, 64))).length).toBe(2);
      const out = join(scene.folder, "public");
      await scene.json("get", "archive.bin", "letters.tar", "--out", out);
      for (const name of ["archive.bin", "letters.tar"]) {
        expect(readFileSync(join(out, name)).equals(readFileSync(join(scene.folder, name)))).toBe(true);
      }
      await scene.json("remove", "archive.bin", "--yes");
      const { items } = await scene.json<{ items: { name: string }[] }>("list");
      expect(items.map(({ name }) => name)).toEqual(["letters.tar", "photos"]);
    },
  );

  it(
    "is made anew elsewhere when a provider is killed, and still comes back",
    { timeout: 6 * minutes },
    async () => {
      const lost = stored.items[0]?.copies[0]?.provider as string;
      await scene.community.providers.kill(scene.community.providers.operators.indexOf(lost));
      const report = await scene.json<{
        repaired: { name: string; from: string; to: string }[];
        unrepairable: string[];
      }>("repair", "--yes");
      expect(report.unrepairable).toEqual([]);
      expect(new Set(report.repaired.map(({ name, from }) => `${name} ${from}`))).toEqual(
        new Set([`letters.tar ${lost}`, `photos ${lost}`]),
      );
      const again = await scene.json<{ repaired: unknown[] }>("repair", "--yes");
      expect(again.repaired).toEqual([]);
      const out = join(scene.folder, "after");
      await scene.json("get", "letters.tar", "--out", out);
      expect(
        readFileSync(join(out, "letters.tar")).equals(readFileSync(join(scene.folder, "letters.tar"))),
      ).toBe(true);
    },
  );

  it("is removed by name, and its providers leave with notice", { timeout: 4 * minutes }, async () => {
    const one = await scene.json<{ removed: string[]; endsAtBlock: number }>("remove", "photos/", "--yes");
    expect(one.removed).toEqual(["photos"]);
    const { items } = await scene.json<{ items: { name: string }[] }>("list");
    expect(items.map(({ name }) => name)).toEqual(["letters.tar"]);
    const missing = await scene.run("get", "photos", "--out", join(scene.folder, "none"));
    expect(missing).toMatchObject({ code: 2 });
    expect(missing.stderr).toMatch(/nothing is stored under photos/);
    const { endsAtBlock } = await scene.json<{ endsAtBlock: number }>("remove", "letters.tar", "--yes");
    expect(endsAtBlock).toBeGreaterThan(await scene.community.base.provider.getBlockNumber());
  });
});
