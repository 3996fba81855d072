/** Attestations of a manifest: signed by accounts, by ssh-keygen and by gpg, and changed. */
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Wallet, ZeroHash } from "ethers";
import { describe, expect, it, onTestFinished } from "vitest";
import { namesHash } from "../../../../archive/attesting.ts";
import type { Attestation } from "../../../../archive/schema.ts";
import { attestationLine, checkAttestations } from "../../../../cli/archive/attestations.ts";
import { fileNamed, manifestOf } from "../../../support/archive/manifests.ts";
import { temporaryFolder } from "../../../support/files.ts";

const run = promisify(execFile);
const file = fileNamed("response_0001");
const other = fileNamed("response_0002");
const wallet = new Wallet(`0x${"11".repeat(32)}`);
/** As READMEs print a BLAKE2b hash: four rows of groups. */
const rows = file.blake2b
  .slice(2)
  .replaceAll(/(.{8})/g, "$1 ")
  .replaceAll(/((?:\S+ ){4})/g, "$1\n")
  .toUpperCase();
const statement = `I contributed, with dice.\n${rows}`;

const check = async (...attestations: Attestation[]) =>
  checkAttestations(manifestOf([file, other], { attestations }));
const states = async (...attestations: Attestation[]) =>
  (await check(...attestations)).map(({ state }) => state);

async function byAccount(text: string, root = file.root as string): Promise<string> {
  const types = {
    Attestation: [
      { name: "root", type: "bytes32" },
      { name: "statement", type: "string" },
    ],
  };
  return wallet.signTypedData({ name: "WhitePay archive", version: "1" }, types, { root, statement: text });
}

async function bySsh(text: string, namespace: string): Promise<string> {
  const folder = await temporaryFolder();
  const [key, path] = [join(folder, "key"), join(folder, "statement")];
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  await writeFile(path, text);
  await run("ssh-keygen", ["-q", "-Y", "sign", "-f", key, "-n", namespace, path]);
  return (await readFile(`${path}.sig`, "utf8")).trim();
}

describe("a statement", () => {
  it.each(["blake2b", "sha256", "root"] as const)("names a file by its %s in groups and lines", (hash) => {
    const groups = file[hash].slice(2).replaceAll(/(.{8})/g, "$1 ");
    expect(namesHash(`Mine:\n${groups.toUpperCase()}`, file)).toBe(true);
    expect(namesHash(`Mine: ${file[hash]}.`, file)).toBe(true);
    expect(namesHash(file[hash].slice(0, -1), file)).toBe(false);
    // Other letters between the digits belong to words.
    expect(namesHash(groups.replaceAll(" ", " g "), file)).toBe(false);
  });
});

describe("an account's attestation", () => {
  const base = { about: file.name, by: wallet.address, statement: "Mine." };

  it("holds for the file and the text that it signed, and for no other", async () => {
    const signature = await byAccount("Mine.");
    expect(await check({ ...base, signature })).toEqual([
      {
        about: file.name,
        by: wallet.address,
        kind: "eip712",
        state: "valid",
        signer: wallet.address.toLowerCase(),
      },
    ]);
    expect(
      await states(
        { ...base, about: other.name, signature },
        { ...base, about: "manifest", signature },
        { ...base, statement: "Mine!", signature },
        { ...base, by: `0x${"22".repeat(20)}`, signature },
        { ...base, signature: `0x${"00".repeat(65)}` },
      ),
    ).toEqual(["wrong", "wrong", "wrong", "wrong", "wrong"]);
  });

  it("about the manifest signs no root", async () => {
    const signature = await byAccount("Mine.", ZeroHash);
    expect(await states({ ...base, about: "manifest", signature }, { ...base, signature })).toEqual([
      "valid",
      "wrong",
    ]);
  });

  it("is not checked if `by` names no account", async () => {
    const [verdict] = await check({ ...base, by: "Ada", signature: await byAccount("Mine.") });
    expect(verdict).toMatchObject({ state: "not checked", signer: wallet.address.toLowerCase() });
  });
});

describe("an attestation with an SSH signature", () => {
  it.each(["whitepay-attestation", "file"])(
    "of the namespace %s holds if it names the file's hash",
    async (namespace) => {
      const signature = await bySsh(statement, namespace);
      expect(await states({ about: file.name, by: "Ada", statement, signature })).toEqual(["valid"]);
      // The same statement beside another file does not name that one's hash.
      expect(await states({ about: other.name, by: "Ada", statement, signature })).toEqual(["not checked"]);
      expect(await states({ about: file.name, by: "Ada", statement: `${statement}.`, signature })).toEqual([
        "wrong",
      ]);
    },
  );

  it("of another namespace, or none, does not hold", async () => {
    const signature = await bySsh(statement, "git");
    const [foreign, none] = await check(
      { about: file.name, by: "Ada", statement, signature },
      { about: file.name, by: "Ada", statement, signature: "-----BEGIN SSH SIGNATURE-----" },
    );
    expect(foreign).toMatchObject({ state: "wrong", reason: expect.stringContaining("namespace") as string });
    expect(none).toMatchObject({
      state: "wrong",
      reason: expect.stringContaining("BEGIN and END") as string,
    });
  });
});

describe("an attestation without a signature that is known", () => {
  it("is told from one that is signed", async () => {
    const found = await check(
      { about: file.name, by: "Ada", statement },
      { about: file.name, by: "Ada", statement, signature: "Ada Lovelace" },
      { about: "gone", by: "Ada", statement },
    );
    expect(found.map(({ state }) => state)).toEqual(["not signed", "not checked", "not checked"]);
    expect(found.map(attestationLine)).toEqual([
      "attested  response_0001 by Ada: not signed",
      "attested  response_0001 by Ada: not checked (the form of its signature is unknown)",
      "attested  gone by Ada: not checked (the file is not in this edition)",
    ]);
  });
});

describe("an attestation by OpenPGP", () => {
  it("holds detached and clear-signed; a text around a clear-signed one is not signed", async () => {
    const folder = await temporaryFolder();
    const home = join(folder, "own");
    await mkdir(home, { mode: 0o700 });
    const gpg = (...args: string[]) =>
      run("gpg", ["--homedir", home, "--batch", "--no-tty", "--passphrase", "", ...args]);
    const before = process.env["GNUPGHOME"];
    process.env["GNUPGHOME"] = home;
    onTestFinished(async () => {
      if (before === undefined) delete process.env["GNUPGHOME"];
      else process.env["GNUPGHOME"] = before;
      await run("gpgconf", ["--homedir", home, "--kill", "all"]);
    });
    await gpg("--quick-generate-key", "Ada <ada@example.org>", "ed25519", "sign", "never");
    const path = join(folder, "statement");
    await writeFile(path, statement);
    await gpg("--armor", "--detach-sign", "--output", `${path}.asc`, path);
    await gpg("--clear-sign", "--output", `${path}.clear`, path);
    const [signature, clear] = [
      await readFile(`${path}.asc`, "utf8"),
      await readFile(`${path}.clear`, "utf8"),
    ];
    const about = { about: file.name, by: "Ada" };
    expect(
      await states(
        { ...about, statement, signature },
        { ...about, statement: `${statement} `, signature },
        { ...about, statement: clear },
        { ...about, about: other.name, statement: clear },
        { ...about, statement: clear.replace("with dice", "with a coin") },
        { ...about, statement: `Not signed.\n${clear}` },
        { ...about, statement: `${clear}Not signed.` },
      ),
    ).toEqual(["valid", "wrong", "valid", "not checked", "wrong", "not signed", "not signed"]);
  });
});
