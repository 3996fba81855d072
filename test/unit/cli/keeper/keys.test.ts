/** `whitepay keeper keys …`: import and export of encrypted keys, with passwords from files or from a terminal. */
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decrypt } from "@chainsafe/bls-keystore";
import { computeAddress, encryptKeystoreJson, Wallet } from "ethers";
import { beforeEach, describe, expect, it } from "vitest";
import { keyFile, openKeys, sealKey, writeKeys } from "../../../../daemon/keys/keystore.ts";
import { toHex } from "../../../../protocol/hash.ts";
import { newKeeperKeys, peerIdOf } from "../../../../daemon/keys/generate.ts";
import { runCli, startAtTerminal, type CliResult } from "../../../support/cli.ts";
import { temporaryFolder } from "../../../support/files.ts";

const secrets = newKeeperKeys();
let folder: string;
let config: string;

const keys = (command: string, ...rest: string[]): Promise<CliResult> =>
  runCli(["keeper", "keys", ...command.split(" "), "--config", config, ...rest]);

async function secretFile(name: string, content: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, content, { mode: 0o600 });
  return file;
}

beforeEach(async () => {
  folder = await temporaryFolder();
  config = join(folder, "keeper.json");
  await writeKeys(join(folder, "keys"), secrets, "own", "light");
  await secretFile("password", "own\n");
  const chain = { id: 31_337, rpc: ["http://127.0.0.1:1"], registry: `0x${"11".repeat(20)}` };
  const rest = { dataDir: "data", listen: ["/ip4/127.0.0.1/tcp/0"], keys: "keys" };
  await writeFile(config, JSON.stringify({ ...rest, chain, passwordFile: "password" }));
});

describe("whitepay keeper keys", () => {
  it("list prints the public keys without a password, and marks keys with the light kdf", async () => {
    await rm(join(folder, "password"));
    const [json, text] = await Promise.all([keys("list", "--json"), keys("list")]);
    expect(json.code, json.stderr).toBe(0);
    const listed = JSON.parse(json.stdout) as { keys: { name: string; light: boolean }[] };
    expect(listed.keys).toMatchObject([
      { name: "operator", public: computeAddress(secrets.operator).toLowerCase(), light: true },
      { name: "bls", light: true },
      { name: "peer", peerId: await peerIdOf(secrets.peer), light: true },
    ]);
    expect(text.stdout.match(/light kdf: devnets only/g)).toHaveLength(3);
    for (const secret of Object.values(secrets)) expect(json.stdout).not.toContain(secret.slice(2));
  });

  it("export encrypts with the given password into a file of mode 0600 and overwrites nothing", async () => {
    const out = join(folder, "out.json");
    const wanted = ["--new-password-file", await secretFile("new", "another\n")];
    const done = await keys("export operator", "--out", out, ...wanted, "--json");
    expect(JSON.parse(done.stdout)).toEqual({ key: "operator", file: out });
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    const wallet = await Wallet.fromEncryptedJson(await readFile(out, "utf8"), "another");
    expect(wallet.privateKey).toBe(secrets.operator);
    const bls = join(folder, "bls.json");
    const [again, same] = await Promise.all([
      keys("export operator", "--out", out, ...wanted),
      keys("export bls", "--out", bls),
    ]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain("exists already");
    expect(same.code, same.stderr).toBe(0);
    expect(toHex(await decrypt(JSON.parse(await readFile(bls, "utf8")), "own"))).toBe(secrets.bls);
  });

  it("import accepts keys of other programs, encrypts them with the keys' password and overwrites nothing", async () => {
    const foreign = newKeeperKeys();
    const account = { address: computeAddress(foreign.operator), privateKey: foreign.operator };
    const scrypt = { N: 1_024, r: 8, p: 1 };
    const operator = await secretFile(
      "wallet.json",
      await encryptKeystoreJson(account, "theirs", { scrypt }),
    );
    const bls = await secretFile("validator.json", await sealKey("bls", foreign.bls, "theirs", "light"));
    const from = ["--from-password-file", await secretFile("theirs", "theirs\n"), "--kdf", "light"];
    const refused = await keys("import operator", "--file", operator, ...from);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("exists already; move it away first");
    for (const name of ["operator", "bls"] as const) await rm(keyFile(join(folder, "keys"), name));
    const done = await Promise.all([
      keys("import operator", "--file", operator, ...from),
      keys("import bls", "--file", bls, ...from),
    ]);
    expect(done.map(({ code }) => code)).toEqual([0, 0]);
    expect(done[0]?.stderr).toContain("import its signing history");
    expect(await openKeys(join(folder, "keys"), "own")).toEqual({ ...foreign, peer: secrets.peer });
    expect((await stat(keyFile(join(folder, "keys"), "operator"))).mode & 0o777).toBe(0o600);
  });

  it("asks for passwords at a terminal, shows none, and exits 2 for a wrong one", async () => {
    const bare = JSON.parse(await readFile(config, "utf8")) as { passwordFile?: string };
    delete bare.passwordFile;
    await writeFile(config, JSON.stringify(bare));
    const from = await secretFile("from.json", await sealKey("bls", newKeeperKeys().bls, "theirs", "light"));
    await rm(keyFile(join(folder, "keys"), "bls"));
    const words = ["keeper", "keys", "import", "bls", "--config", config, "--file", from, "--kdf", "light"];
    const asked = async (own: string, theirs?: string): Promise<CliResult> => {
      const asking = startAtTerminal(words);
      await asking.said("Password of the keys:");
      asking.type(`${own}\r`);
      if (theirs !== undefined) {
        await asking.said(`Password of ${from}:`);
        asking.type(`${theirs}\r`);
      }
      return asking.ended;
    };
    // A key with a different password prevents the start of the keeper.
    const mistyped = await asked("owm");
    expect([mistyped.code, mistyped.stdout]).toEqual([
      2,
      expect.stringContaining("operator.json: the password"),
    ]);
    const wrong = await asked("own", "mistaken");
    expect([wrong.code, wrong.stdout]).toEqual([2, expect.stringContaining("from.json: the password")]);
    const done = await asked("own", "theirs");
    expect(done.code, done.stdout).toBe(0);
    expect(wrong.stdout + done.stdout).not.toMatch(/mistaken|theirs/);
  });
});
