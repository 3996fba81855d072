import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeKeys } from "../../../../daemon/keys/keystore.ts";
import { LevelStore } from "../../../../keeper/adapters/store-level.ts";
import { newKeeperKeys } from "../../../../daemon/keys/generate.ts";
import { runCli } from "../../../support/cli.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whitepay-keeper-"));
  await writeKeys(join(folder, "keys"), newKeeperKeys(), "secret", "light");
  await writeFile(join(folder, "password"), "secret\n", { mode: 0o600 });
});
afterEach(() => rm(folder, { recursive: true }));

const good = {
  dataDir: "data",
  chain: {
    id: 31_337,
    rpc: ["http://127.0.0.1:1"],
    registry: `0x${"11".repeat(20)}`,
    factories: [`0x${"22".repeat(20)}`],
  },
  listen: ["/ip4/127.0.0.1/tcp/0"],
  keys: "keys",
  passwordFile: "password",
};

async function runWith(config: object): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const file = join(folder, "config.json");
  await writeFile(file, JSON.stringify(config, null, 2));
  return runCli(["keeper", "run", "--config", file]);
}

describe("whitepay keeper run", () => {
  it("exits 2 with the place if the configuration is missing or wrong", async () => {
    const missing = await runCli(["keeper", "run", "--config", join(folder, "none.json")]);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("none.json: cannot be read");
    const wrong = await runWith({ ...good, groups: [] });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/config\.json:\d+: .*groups/);
    const none = await runWith({ ...good, chain: { ...good.chain, factories: [] } });
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("at least one factory");
  });

  it("exits 2 with a remedy if other users can read its keys or its password", async () => {
    for (const [path, wide, mend] of [
      ["keys/bls.json", 0o644, "chmod 600"],
      ["keys", 0o755, "chmod 700"],
      ["password", 0o640, "chmod 600"],
    ] as const) {
      await chmod(join(folder, path), wide);
      const { code, stdout, stderr } = await runWith(good);
      expect({ path, code, stdout }).toEqual({ path, code: 2, stdout: "" });
      expect(stderr).toContain(mend);
      await chmod(join(folder, path), path === "keys" ? 0o700 : 0o600);
    }
  });

  it("exits 2 for a wrong password, a missing password and a truncated key file", async () => {
    const file = join(folder, "password");
    await writeFile(file, "wrong\n");
    const wrong = await runWith(good);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/password .*keystore/);
    await writeFile(file, "\n");
    expect((await runWith(good)).stderr).toMatch(/password .*first line/);
    const { passwordFile: _, ...unattended } = good;
    const asked = await runWith(unattended);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain("--password-file");
    await writeFile(file, "secret\n");
    await writeFile(join(folder, "keys", "bls.json"), '{"version": 4, "crypto"');
    const torn = await runWith(good);
    expect(torn.code).toBe(2);
    expect(torn.stderr).toContain("bls.json: expected a whole JSON keystore");
  });

  it("exits 6 if another process uses its data folder (D9)", async () => {
    const store = await LevelStore.open(join(folder, "data", "store"));
    const { code, stdout, stderr } = await runWith(good);
    await store.close();
    expect({ code, stdout }).toEqual({ code: 6, stdout: "" });
    expect(stderr).toContain("in use by another process");
    expect(stderr).toContain("keeper drain");
  });

  it("exits 6 with a remedy if the store of its signing history is damaged (S5, D8)", async () => {
    const path = join(folder, "data", "store");
    await (await LevelStore.open(path)).close();
    await writeFile(join(path, "CURRENT"), "MANIFEST-999999\n");
    const config = join(folder, "config.json");
    const run = await runWith(good);
    const history = await runCli(["keeper", "history", "export", "--config", config]);
    for (const { code, stdout, stderr } of [run, history]) {
      expect({ code, stdout }).toEqual({ code: 6, stdout: "" });
      expect(stderr).toContain(`${path} cannot be opened`);
      expect(stderr).toMatch(/hint: .*signing history/);
    }
  });
});
