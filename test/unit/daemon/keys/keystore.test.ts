import { createDecipheriv, createHash, scryptSync } from "node:crypto";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create, decrypt, isValidKeystore, verifyPassword } from "@chainsafe/bls-keystore";
import { computeAddress, encryptKeystoreJson, getBytes, keccak256, Wallet } from "ethers";
import { describe, expect, it } from "vitest";
import {
  describeKeys,
  keyFile,
  KeyFileError,
  keyNames,
  openKey,
  openKeys,
  readPasswordFile,
  sealKey,
  writeKeyFile,
  writeKeys,
} from "../../../../daemon/keys/keystore.ts";
import { fromHex, toHex, type Hex } from "../../../../protocol/hash.ts";
import { newKeeperKeys } from "../../../../daemon/keys/generate.ts";
import { temporaryFolder } from "../../../support/files.ts";
import vectors from "../../../vectors/keystores.json" with { type: "json" };

const light = { N: 1_024, r: 8, p: 1 };

/** EIP-2335 implemented from its text with Node's primitives. */
function openByHand(text: string, password: string): Hex {
  const { crypto } = JSON.parse(text);
  const { n, r, p, salt, dklen } = crypto.kdf.params;
  const clean = [...password.normalize("NFKD")].filter((letter) => !/\p{Cc}/u.test(letter)).join("");
  const key = scryptSync(clean, Buffer.from(salt, "hex"), dklen, { N: n, r, p, maxmem: 2 ** 30 });
  const cipher = Buffer.from(crypto.cipher.message, "hex");
  const sum = createHash("sha256").update(key.subarray(16, 32)).update(cipher).digest("hex");
  expect(sum).toBe(crypto.checksum.message);
  const decipher = createDecipheriv(
    "aes-128-ctr",
    key.subarray(0, 16),
    Buffer.from(crypto.cipher.params.iv, "hex"),
  );
  return toHex(Buffer.concat([decipher.update(cipher), decipher.final()]));
}

describe("the keeper's BLS key on disk (EIP-2335)", () => {
  it.each(vectors.eip2335.keystores)(
    "decrypts the standard's example ($crypto.kdf.function)",
    async (example) => {
      const { password, secret } = vectors.eip2335;
      expect(await openKey("bls", JSON.stringify(example), password, "example")).toBe(secret);
    },
  );

  it("is readable by another library and by the implementation from the text, and only with its password", async () => {
    for (const name of ["bls", "peer"] as const) {
      const { [name]: secret } = newKeeperKeys();
      const password = "ein Wort mit Ümlaut 🔑";
      const text = await sealKey(name, secret, password, "light");
      const keystore = JSON.parse(text);
      // The peer key is ed25519, shorter than the format's keys.
      expect(isValidKeystore(keystore)).toBe(name === "bls");
      expect(toHex(await decrypt(keystore, password))).toBe(secret);
      expect(await verifyPassword(keystore, `${password}!`)).toBe(false);
      expect(openByHand(text, password)).toBe(secret);
      expect(text).not.toContain(secret.slice(2));
      await expect(openKey(name, text, "wrong", "here")).rejects.toThrow(/here: .*password/);
    }
  });

  it("is accepted from another library, with scrypt or pbkdf2", async () => {
    const { bls } = newKeeperKeys();
    const named = JSON.parse(await sealKey("bls", bls, "x", "light")).pubkey as string;
    const salt = "ab".repeat(32);
    const kdfs = [
      { function: "scrypt" as const, params: { dklen: 32, n: light.N, r: 8, p: 1, salt } },
      { function: "pbkdf2" as const, params: { dklen: 32, c: 1_000, prf: "hmac-sha256" as const, salt } },
    ];
    for (const kdf of kdfs) {
      const pubkey = Buffer.from(named, "hex");
      const foreign = await create("secret", fromHex(bls), pubkey, "m/12381/3600/0/0", null, kdf);
      expect(await openKey("bls", JSON.stringify(foreign), "secret", "there")).toBe(bls);
    }
  });

  it("is refused if its public key does not match, it is incomplete, or its password hash costs too much", async () => {
    const text = await sealKey("bls", newKeeperKeys().bls, "x", "light");
    const keystore = JSON.parse(text);
    const other = JSON.parse(await sealKey("bls", newKeeperKeys().bls, "x", "light"));
    const opened = (changed: unknown) => openKey("bls", JSON.stringify(changed), "x", "f.json");
    await expect(opened({ ...keystore, pubkey: other.pubkey })).rejects.toThrow(
      /f\.json: its key belongs to/,
    );
    await expect(openKey("bls", text.slice(0, 200), "x", "f.json")).rejects.toThrow(/expected a whole JSON/);
    const huge = structuredClone(keystore);
    huge.crypto.kdf.params.n = 2 ** 30;
    await expect(opened(huge)).rejects.toThrow(/crypto\.kdf\.params\.n/);
    await expect(opened({ ...keystore, version: 3 })).rejects.toThrow(KeyFileError);
  });
});

describe("the keeper's operator key on disk (Ethereum JSON keystore, version 3)", () => {
  it.each(vectors.version3.keystores)("decrypts the definition's example ($crypto.kdf)", async (example) => {
    const { password, secret } = vectors.version3;
    expect(await openKey("operator", JSON.stringify(example), password, "example")).toBe(secret);
  });

  it("is readable by ethers and by the implementation from the text, and accepted from ethers", async () => {
    const { operator } = newKeeperKeys();
    const text = await sealKey("operator", operator, "secret", "light");
    const wallet = await Wallet.fromEncryptedJson(text, "secret");
    expect(wallet.privateKey).toBe(operator);
    const { crypto } = JSON.parse(text);
    const { n, r, p, salt } = crypto.kdfparams;
    const key = scryptSync("secret", Buffer.from(salt, "hex"), 32, { N: n, r, p, maxmem: 2 ** 30 });
    const mac = keccak256(Buffer.concat([key.subarray(16, 32), getBytes(`0x${crypto.ciphertext}`)]));
    expect(mac).toBe(`0x${crypto.mac}`);
    const account = { address: computeAddress(operator), privateKey: operator };
    const foreign = await encryptKeystoreJson(account, "other", { scrypt: light });
    expect(await openKey("operator", foreign, "other", "there")).toBe(operator);
    await expect(openKey("operator", text, "wrong", "here")).rejects.toThrow(/here: the password/);
  });
});

describe("the folder of key files", () => {
  it("has files of mode 0600 in a folder of mode 0700, and gives public parts without the password", async () => {
    const folder = join(await temporaryFolder(), "keys");
    const secrets = newKeeperKeys();
    await writeKeys(folder, secrets, "secret", "light");
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const name of keyNames) expect((await stat(keyFile(folder, name))).mode & 0o777).toBe(0o600);
    expect(await openKeys(folder, "secret")).toEqual(secrets);
    const described = await describeKeys(folder);
    expect(described.map(({ name, light: isLight }) => [name, isLight])).toEqual(
      keyNames.map((name) => [name, true]),
    );
    expect(described[0]?.public).toBe(computeAddress(secrets.operator).toLowerCase());
    await expect(writeKeyFile(folder, "bls", "{}")).rejects.toThrow(/exists already/);
    expect(await readFile(keyFile(folder, "bls"), "utf8")).toContain('"pubkey"');
  });

  it("is refused if other users may read it, as is a password file", async () => {
    const folder = join(await temporaryFolder(), "keys");
    await writeKeys(folder, newKeeperKeys(), "secret", "light");
    await chmod(keyFile(folder, "peer"), 0o640);
    await expect(openKeys(folder, "secret")).rejects.toThrow(`chmod 600 ${keyFile(folder, "peer")}`);
    await chmod(keyFile(folder, "peer"), 0o600);
    await chmod(folder, 0o750);
    await expect(openKeys(folder, "secret")).rejects.toThrow(`chmod 700 ${folder}`);
    const file = join(folder, "..", "password");
    await writeFile(file, "first line\nsecond\n", { mode: 0o600 });
    expect(await readPasswordFile(file)).toBe("first line");
    await chmod(file, 0o604);
    await expect(readPasswordFile(file)).rejects.toThrow(`chmod 600 ${file}`);
  });

  it("has full strength by default: 128 MiB of memory for each guess", async () => {
    const { crypto } = JSON.parse(await sealKey("operator", newKeeperKeys().operator, "secret", "full"));
    expect(128 * crypto.kdfparams.n * crypto.kdfparams.r).toBe(128 * 2 ** 20);
  });
});
