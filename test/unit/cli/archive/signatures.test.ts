import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Wallet } from "ethers";
import { describe, expect, it, onTestFinished } from "vitest";
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

/** An armored SSHSIG with one of its fields changed: 0 public key, 1 namespace, 2 reserved, 3 hash, 4 signature. */
function withField(armored: string, field: number, change: (bytes: Buffer) => Buffer): string {
  return altered(armored, (blob) => {
    const [head, fields] = [blob.subarray(0, 10), fieldsOf(blob.subarray(10))];
    fields[field] = change(fields[field] as Buffer);
    return Buffer.concat([head, ...fields.map(lengthThen)]);
  });
}

function fieldsOf(bytes: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) {
    fields.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at)));
  }
  return fields;
}

function lengthThen(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

describe("the fields of an SSH signature", () => {
  it("have one form, and an RSA key has 2,048 to 16,384 bits", async () => {
    const { text } = await sshSignature(["-t", "rsa", "-b", "2048"]);
    expect(verifySsh(text, bytes, sshNamespace).ok).toBe(true);
    const withModulus = (change: (n: Buffer) => Buffer): string =>
      withField(text, 0, (key) => {
        const [kind, e, n] = fieldsOf(key) as [Buffer, Buffer, Buffer];
        return Buffer.concat([kind, e, change(n)].map(lengthThen));
      });
    // The same number with one more zero before it would give the key a second fingerprint.
    const longer = withModulus((n) => Buffer.concat([Buffer.alloc(1), n]));
    expect(verifySsh(longer, bytes, sshNamespace)).toMatchObject({ code: "range" });
    for (const bits of [2_040, 16_392]) {
      const other = withModulus(() => Buffer.concat([Buffer.alloc(1), Buffer.alloc(bits / 8, 0xff)]));
      expect(verifySsh(other, bytes, sshNamespace), `${bits} bits`).toMatchObject({ code: "range" });
    }
    const reserved = withField(text, 2, () => Buffer.from("more"));
    expect(verifySsh(reserved, bytes, sshNamespace)).toMatchObject({ code: "signature" });
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
    const { previous, edition } = of;
    const value = { root: manifestRoot(canonicalBytes(of)), previous: previous ?? zeroHash, edition };
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
    const second = { ...named, edition: 2, previous: manifestRoot(bytes) };
    expect(await states([await sign(wallet, second)], second)).toEqual(["valid"]);
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

/** The program gpg with a folder of its own for keys. */
async function gpgAt(
  home: string,
): Promise<{ gpg: (...args: string[]) => ReturnType<typeof run>; program: string }> {
  await mkdir(home, { mode: 0o700, recursive: true });
  onTestFinished(async () => void (await run("gpgconf", ["--homedir", home, "--kill", "all"])));
  const program = join(home, "gpg.sh");
  await writeFile(program, `#!/bin/sh\nGNUPGHOME='${home}' exec gpg "$@"\n`, { mode: 0o700 });
  const gpg = (...args: string[]) =>
    run("gpg", ["--homedir", home, "--batch", "--no-tty", "--yes", "--passphrase", "", ...args]);
  return { gpg, program };
}

describe("an OpenPGP signature", () => {
  it("is verified with gpg and the user's keys, and not checked without the program or the key", async () => {
    const folder = await temporaryFolder();
    const [own, strange] = [await gpgAt(join(folder, "own")), await gpgAt(join(folder, "strange"))];
    const file = join(folder, "manifest");
    await writeFile(file, bytes);
    await own.gpg("--quick-generate-key", "Ada <ada@example.org>", "ed25519", "sign", "never");
    await own.gpg("--armor", "--detach-sign", "--output", `${file}.asc`, file);
    const text = await readFile(`${file}.asc`, "utf8");
    const { stdout } = await own.gpg("--list-keys", "--with-colons");
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(String(stdout))?.[1];
    expect(await verifyOpenPgp(text, bytes, own.program)).toEqual({ state: "valid", signer: fingerprint });
    expect(await verifyOpenPgp(text, bytes.subarray(1), own.program)).toEqual({
      state: "wrong",
      reason: "it does not fit these bytes",
    });
    expect(await verifyOpenPgp(text.slice(0, 80), bytes, own.program)).toMatchObject({ state: "wrong" });
    expect(await verifyOpenPgp(text, bytes, strange.program)).toMatchObject({ state: "not checked" });
    expect(await verifyOpenPgp(text, bytes, join(folder, "nothing"))).toMatchObject({
      state: "not checked",
      reason: "the program gpg is not installed",
    });
  });

  it("is wrong if it is expired, or its key is expired or revoked", async () => {
    const folder = await temporaryFolder();
    const { gpg, program } = await gpgAt(join(folder, "own"));
    const file = join(folder, "manifest");
    await writeFile(file, bytes);
    const past = ["--faked-system-time", "20200101T000000!"];
    const key = async (name: string, expires: string): Promise<string> => {
      await gpg(...past, "--quick-generate-key", `${name} <${name}@example.org>`, "ed25519", "sign", expires);
      const { stdout } = await gpg("--list-keys", "--with-colons", `${name}@example.org`);
      return /^fpr:+([0-9A-F]{40}):/m.exec(String(stdout))?.[1] ?? "";
    };
    const signed = async (by: string, ...options: string[]): Promise<string> => {
      const sign = ["--local-user", by, "--armor", "--detach-sign", "--output", `${file}.asc`, file];
      await gpg(...past, ...options, ...sign);
      return readFile(`${file}.asc`, "utf8");
    };
    const [lasting, old, revoked] = [await key("a", "never"), await key("b", "30d"), await key("c", "never")];
    const texts = {
      expired: await signed(lasting, "--default-sig-expire", "30d"),
      old: await signed(old),
      revoked: await signed(revoked),
    };
    const revocation = await readFile(join(folder, "own/openpgp-revocs.d", `${revoked}.rev`), "utf8");
    await writeFile(join(folder, "revocation"), revocation.replace(":-----BEGIN", "-----BEGIN"));
    await gpg("--import", join(folder, "revocation"));
    for (const [text, reason] of [
      [texts.expired, "the signature is expired"],
      [texts.old, "its key is expired"],
      [texts.revoked, "its key is revoked"],
    ] as const) {
      expect(await verifyOpenPgp(text, bytes, program)).toEqual({ state: "wrong", reason });
    }
  });

  it("leaves no file behind", async () => {
    const [folder, before] = [await temporaryFolder(), process.env["TMPDIR"]];
    onTestFinished(() => {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    });
    process.env["TMPDIR"] = folder;
    expect(await verifyOpenPgp("no signature", bytes)).toMatchObject({ state: "wrong" });
    expect(await readdir(folder)).toEqual([]);
  });
});
