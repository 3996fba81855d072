import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Wallet } from "ethers";
import { describe, expect, it } from "vitest";
import { canonicalBytes, manifestRoot } from "../../../../archive/manifest.ts";
import type { Archive } from "../../../../archive/schema.ts";
import { sshNamespace } from "../../../../archive/signing.ts";
import { verifyOpenPgp } from "../../../../cli/archive/openpgp.ts";
import { checkSignatures } from "../../../../cli/archive/signatures.ts";
import { verifySsh } from "../../../../cli/archive/ssh-signature.ts";
import { zeroHash, type Hex } from "../../../../protocol/hash.ts";
import { fileNamed, manifestOf } from "../../../support/archive/manifests.ts";
import { temporaryFolder } from "../../../support/files.ts";

const run = promisify(execFile);
const manifest = manifestOf([fileNamed("a")]);
const bytes = canonicalBytes(manifest);

/** Made by the program ssh-keygen. */
async function sshSignature(
  kind: readonly string[],
  namespace = sshNamespace,
): Promise<{ text: string; fingerprint: string }> {
  const folder = await temporaryFolder();
  const [key, file] = [join(folder, "key"), join(folder, "manifest")];
  await run("ssh-keygen", ["-q", ...kind, "-N", "", "-f", key]);
  await writeFile(file, bytes);
  await run("ssh-keygen", ["-q", "-Y", "sign", "-f", key, "-n", namespace, file]);
  const blob = Buffer.from((await readFile(`${key}.pub`, "utf8")).split(" ")[1] ?? "", "base64");
  const fingerprint = `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
  return { text: await readFile(`${file}.sig`, "utf8"), fingerprint };
}

/** With one byte of the decoded signature changed, or with fewer of them. */
function altered(armored: string, change: (blob: Buffer) => Buffer): string {
  const [begin = "", ...rest] = armored.trim().split("\n");
  const blob = change(Buffer.from(rest.slice(0, -1).join(""), "base64"));
  return [begin, ...(blob.toString("base64").match(/.{1,70}/g) ?? []), rest.at(-1), ""].join("\n");
}

describe("an SSH signature", () => {
  it.each([
    ["-t ed25519"],
    ["-t ecdsa -b 256"],
    ["-t ecdsa -b 384"],
    ["-t ecdsa -b 521"],
    ["-t rsa -b 3072"],
  ])("by a key made with %s is verified, and none of its bytes can change", async (kind) => {
    const { text, fingerprint } = await sshSignature(kind.split(" "));
    expect(verifySsh(text, bytes, sshNamespace)).toEqual({ ok: true, value: fingerprint });
    expect(verifySsh(text, bytes.subarray(1), sshNamespace)).toMatchObject({ code: "signature" });
    const size = Buffer.from(text.split("\n").slice(1, -2).join(""), "base64").length;
    for (let at = 0; at < size; at += 7) {
      const bad = altered(text, (blob) => (blob.writeUInt8(blob.readUInt8(at) ^ 1, at), blob));
      const result = verifySsh(bad, bytes, sshNamespace);
      expect(result.ok, `byte ${at}`).toBe(false);
    }
    for (const length of [0, 5, 20, size - 1]) {
      const cut = altered(text, (blob) => blob.subarray(0, length));
      expect(verifySsh(cut, bytes, sshNamespace).ok, `${length} bytes`).toBe(false);
    }
    expect(
      verifySsh(
        altered(text, (blob) => Buffer.concat([blob, blob])),
        bytes,
        sshNamespace,
      ),
    ).toMatchObject({ code: "trailing" });
  });

  it("of another namespace, or without its lines, is wrong", async () => {
    const { text } = await sshSignature(["-t", "ed25519"], "file");
    expect(verifySsh(text, bytes, sshNamespace)).toMatchObject({ code: "namespace" });
    expect(verifySsh("hello", bytes, sshNamespace)).toMatchObject({ code: "armor" });
  });
});

describe("the signatures of an archive", () => {
  const wallet = new Wallet(`0x${"11".repeat(32)}`);
  const other = new Wallet(`0x${"22".repeat(32)}`);
  const types = {
    Manifest: [
      { name: "root", type: "bytes32" },
      { name: "previous", type: "bytes32" },
      { name: "edition", type: "uint64" },
    ],
  };
  const named = { ...manifest, curator: { name: "Ada", address: wallet.address.toLowerCase() as Hex } };
  const sign = async (signer: Wallet, of = named) => {
    const value = { root: manifestRoot(canonicalBytes(of)), previous: zeroHash, edition: of.edition };
    const signature = await signer.signTypedData({ name: "WhitePay archive", version: "1" }, types, value);
    return { kind: "eip712" as const, signature: signature as Hex };
  };
  const states = async (
    signatures: Archive["signatures"],
    of = named as Archive["manifest"],
    signers: string[] = [],
  ) => (await checkSignatures({ manifest: of, signatures }, signers)).map(({ state }) => state);

  it("are valid by the curator's account, and foreign, wrong or repeated otherwise", async () => {
    const good = await sign(wallet);
    expect(await states([good])).toEqual(["valid"]);
    expect(await states([good, good])).toEqual(["valid", "repeated"]);
    expect(await states([await sign(other)])).toEqual(["foreign"]);
    // A signature of other bytes gives the address of nobody.
    expect(await states([await sign(wallet, { ...named, title: "Another" })])).toEqual(["foreign"]);
    expect(await states([{ kind: "eip712", signature: `0x${"00".repeat(65)}` }])).toEqual(["wrong"]);
    expect(await states([await sign(other)], named, [other.address])).toEqual(["valid"]);
    const unnamed = await sign(wallet, manifest as typeof named);
    expect(await states([unnamed], manifest)).toEqual(["not checked"]);
    expect(await states([unnamed], manifest, [wallet.address])).toEqual(["valid"]);
  });

  it("by SSH keys are valid, and foreign beside a known fingerprint", async () => {
    const { text, fingerprint } = await sshSignature(["-t", "ed25519"]);
    const signatures = [{ kind: "ssh" as const, signature: text }];
    expect(await checkSignatures({ manifest, signatures })).toEqual([
      { kind: "ssh", state: "valid", signer: fingerprint },
    ]);
    expect(await states(signatures, manifest, [fingerprint])).toEqual(["valid"]);
    expect(await states(signatures, manifest, ["SHA256:other"])).toEqual(["foreign"]);
    expect(await states(signatures, { ...manifest, title: "Another" })).toEqual(["wrong"]);
  });
});

describe("an OpenPGP signature", () => {
  it("is verified with gpg and the user's keys, and not checked without the program or the key", async () => {
    const folder = await temporaryFolder();
    const homes = ["own", "strange"].map((name) => join(folder, name)) as [string, string];
    for (const home of homes) await mkdir(home, { mode: 0o700 });
    const file = join(folder, "manifest");
    await writeFile(file, bytes);
    const gpg = (...args: string[]) =>
      run("gpg", ["--homedir", homes[0], "--batch", "--no-tty", "--passphrase", "", ...args]);
    try {
      await gpg("--quick-generate-key", "Ada <ada@example.org>", "ed25519", "sign", "never");
      await gpg("--armor", "--detach-sign", "--output", `${file}.asc`, file);
      const text = await readFile(`${file}.asc`, "utf8");
      const program = async (home: string): Promise<string> => {
        const path = join(home, "gpg.sh");
        await writeFile(path, `#!/bin/sh\nGNUPGHOME='${home}' exec gpg "$@"\n`, { mode: 0o700 });
        return path;
      };
      const own = await program(homes[0]);
      const { stdout } = await gpg("--list-keys", "--with-colons");
      const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(stdout)?.[1];
      expect(await verifyOpenPgp(text, bytes, own)).toEqual({ state: "valid", signer: fingerprint });
      expect(await verifyOpenPgp(text, bytes.subarray(1), own)).toMatchObject({ state: "wrong" });
      expect(await verifyOpenPgp(text.slice(0, 80), bytes, own)).toMatchObject({ state: "wrong" });
      expect(await verifyOpenPgp(text, bytes, await program(homes[1]))).toMatchObject({
        state: "not checked",
      });
      expect(await verifyOpenPgp(text, bytes, join(folder, "nothing"))).toMatchObject({
        state: "not checked",
        reason: "the program gpg is not installed",
      });
    } finally {
      for (const home of homes) await run("gpgconf", ["--homedir", home, "--kill", "all"]);
    }
  });
});
