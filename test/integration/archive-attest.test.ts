/** `whitepay archive attest` as its users run it. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Wallet } from "ethers";
import { expect, it } from "vitest";
import { sealKey } from "../../daemon/keys/keystore.ts";
import { runCli } from "../support/cli.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";

it("archive attest makes the next edition; show checks it; a wrong signature writes nothing", async () => {
  const folder = await temporaryFolder();
  const at = (name: string): string => join(folder, name);
  const wallet = new Wallet(`0x${"11".repeat(32)}`);
  await writeFile(at("response"), seededBytes(5_000, 1));
  const keystore = await sealKey("operator", wallet.privateKey as `0x${string}`, "secret", "light");
  await writeFile(at("key.json"), keystore, { mode: 0o600 });
  await writeFile(at("password"), "secret\n", { mode: 0o600 });
  await writeFile(at("statement"), "I made this file, and deleted the secret.");
  await writeFile(at("bad.sig"), `0x${"11".repeat(65)}`);
  expect((await runCli(["archive", "import", at("response"), "--out", at("1.json")])).code).toBe(0);

  const about = ["--about", "response", "--statement", at("statement")];
  const key = ["--key", at("key.json"), "--password-file", at("password")];
  const made = await runCli([
    "archive",
    "attest",
    at("1.json"),
    ...about,
    ...key,
    "--out",
    at("2.json"),
    "--json",
  ]);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(made.stdout)).toMatchObject({
    edition: 2,
    attestation: { about: "response", by: wallet.address, kind: "eip712", state: "valid" },
    diff: { added: [], dropped: [], faults: [], attestationsAdded: [{ by: wallet.address }] },
  });
  const shown = await runCli(["archive", "show", at("2.json")]);
  expect(shown.code).toBe(0);
  expect(shown.stdout).toContain(
    `attested  response by ${wallet.address}: eip712, valid: ${wallet.address.toLowerCase()}`,
  );

  const changed = (await readFile(at("2.json"), "utf8")).replace("deleted the secret", "kept the secret");
  await writeFile(at("changed.json"), changed);
  const wrong = await runCli(["archive", "show", at("changed.json")]);
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain(`attestation about response by ${wallet.address}: wrong`);

  const before = await readdir(folder);
  const signed = ["--by", wallet.address, "--signature", at("bad.sig")];
  const refused = await runCli([
    "archive",
    "attest",
    at("2.json"),
    ...about,
    ...signed,
    "--out",
    at("3.json"),
  ]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("nothing was written");
  const usage = await Promise.all(
    [
      ["--about", "nothing", "--statement", at("statement"), "--by", "Ada"],
      [...about],
      [...about, ...key, "--by", "Ada"],
      ["--about", "response", "--statement", at("none"), "--by", "Ada"],
      ["--about", "response", "--statement", at("response"), "--by", "Ada"],
    ].map((args) => runCli(["archive", "attest", at("2.json"), ...args, "--out", at("3.json")])),
  );
  expect(usage.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2]);
  expect(usage[0]?.stderr).toContain("is not in the manifest");
  expect(usage[4]?.stderr).toContain("expected: text in UTF-8");
  expect(await readdir(folder)).toEqual(before);
  const again = await runCli([
    "archive",
    "attest",
    at("1.json"),
    ...about,
    "--by",
    "Ada",
    "--out",
    at("2.json"),
  ]);
  expect(again.code).toBe(2);
});
