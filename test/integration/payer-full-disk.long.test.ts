/** The payer's disk is full: the command says so, pays for nothing that it could not note, and goes on when there is room. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { generatedBytes } from "../../scripts/fleet/files.ts";
import type { CliResult } from "../support/cli.ts";
import { canMount, startOnSmallDisk } from "../support/small-disk.ts";
import { openStoring, type Storing } from "../support/storing.ts";

const minutes = 60_000;
let scene: Storing;
beforeAll(async () => (scene = await openStoring({ providers: 3 })), 8 * minutes);
afterAll(() => scene?.close(), 60_000);

const head = (): Promise<number> => scene.community.base.provider.getBlockNumber();
const transactions = async (first: number): Promise<number> => {
  const { provider } = scene.community.base;
  let count = 0;
  for (let block = first + 1; block <= (await head()); block++) {
    count += (await provider.getBlock(block))?.transactions.length ?? 0;
  }
  return count;
};

function expectFull({ code, stdout, stderr }: CliResult): void {
  expect(stderr).toMatch(/the disk is full/);
  expect(stderr).toMatch(/free disk space, then re-run/);
  expect({ code, stdout }).toMatchObject({ code: 1, stdout: "" });
}

it(
  "stores nothing and pays nothing without room for its notes, and gets nothing by halves",
  { timeout: 10 * minutes },
  async () => {
    if (!(await canMount())) {
      return void process.stdout.write(
        "a payer's full disk: NOT PLAYED, because this machine refuses mount namespaces\n",
      );
    }
    const letters = join(scene.folder, "letters.tar");
    writeFileSync(letters, generatedBytes("letters", 3_000_000));
    const store = [
      "store",
      letters,
      "--copies",
      "2",
      "--for",
      "2000blocks",
      "--budget",
      "1000",
      "--yes",
      "--json",
    ];
    const folder = join(scene.folder, "small");
    const own = dirname(scene.payerConfig);
    const before = await head();
    const full = await startOnSmallDisk([...store, "--config", join(folder, basename(scene.payerConfig))], {
      folder,
      kib: 64,
      // The payer's files are there; then the disk is filled.
      before: `find "${own}" -maxdepth 1 -type f -size -16k ! -name '*.tar' -exec cp {} "$DISK" ';'; dd if=/dev/zero of="$DISK/filler" bs=1k 2> /dev/null || true`,
    });
    expectFull(await full.ended);
    expect(await transactions(before)).toBe(0);

    const stored = await scene.run(...store);
    expect(stored).toMatchObject({ code: 0 });
    const out = join(scene.folder, "out");
    mkdirSync(out);
    const get = ["get", "letters.tar", "--config", scene.payerConfig, "--json", "--out"];
    const half = await startOnSmallDisk([...get, out], { folder: out, kib: 1_024 });
    expectFull(await half.ended);
    const { code } = await scene.run(...get, out);
    expect(code).toBe(0);
    expect(readFileSync(join(out, "letters.tar")).equals(readFileSync(letters))).toBe(true);
  },
);
