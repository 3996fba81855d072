import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LevelStore } from "../../../keeper/adapters/store-level.ts";
import { newKeeperKeys, writeKeys } from "../../../scripts/lib/keys.ts";
import { runCli } from "../../support/cli.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whitepay-keeper-"));
  await writeKeys(join(folder, "keys.json"), newKeeperKeys());
});
afterEach(() => rm(folder, { recursive: true }));

const good = {
  dataDir: "data",
  chain: { id: 31_337, rpc: ["http://127.0.0.1:1"], registry: `0x${"11".repeat(20)}` },
  groups: [`0x${"22".repeat(20)}`],
  listen: ["/ip4/127.0.0.1/tcp/0"],
  keys: "keys.json",
};

async function runWith(config: object): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const file = join(folder, "config.json");
  await writeFile(file, JSON.stringify(config, null, 2));
  return runCli(["keeper", "run", "--config", file]);
}

describe("whitepay keeper run", () => {
  it("exits 2 and names the place when the configuration is missing, or wrong", async () => {
    const missing = await runCli(["keeper", "run", "--config", join(folder, "none.json")]);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("none.json: cannot be read");
    const wrong = await runWith({ ...good, group: [] });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/config\.json:\d+: .*group/);
  });

  it("exits 2 when others can read its keys, and says how to mend it", async () => {
    await chmod(join(folder, "keys.json"), 0o644);
    const { code, stdout, stderr } = await runWith(good);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("chmod 600");
  });

  it("exits 6 when another process works in its data folder (D9)", async () => {
    const store = await LevelStore.open(join(folder, "data", "store"));
    const { code, stdout, stderr } = await runWith(good);
    await store.close();
    expect({ code, stdout }).toEqual({ code: 6, stdout: "" });
    expect(stderr).toContain("in use by another process");
  });
});
