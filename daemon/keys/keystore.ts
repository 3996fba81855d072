/**
 * Encrypted key files of a keeper or provider: `operator.json` and a provider's `receipt.json` (Ethereum JSON keystores, version 3),
 * a keeper's `bls.json`, and `peer.json` (EIP-2335). Files must have mode 0600 in a folder of mode 0700; wider modes are refused.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { create, decrypt } from "@chainsafe/bls-keystore";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { computeAddress, decryptKeystoreJson, encryptKeystoreJson } from "ethers";
import { z } from "zod";
import { fromHex, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { whyNot } from "../../storage/disk/file-words.ts";

/** Of a keeper. */
export const keyNames = ["operator", "bls", "peer"] as const;
export const providerKeyNames = ["operator", "receipt", "peer"] as const;
export type KeyName = (typeof keyNames)[number] | (typeof providerKeyNames)[number];
/** 32 bytes each: secp256k1 keys (operator, receipt), a BLS12-381 scalar (big-endian), an ed25519 seed. */
export type SecretsOf<Name extends KeyName> = Readonly<Record<Name, Hex>>;
export type KeySecrets = SecretsOf<(typeof keyNames)[number]>;
export type ProviderSecrets = SecretsOf<(typeof providerKeyNames)[number]>;
/** `light` takes milliseconds to open, also for each guess of an attacker: for devnets only. */
export type KdfStrength = "full" | "light";

/** The keys cannot be used. The message names the file, the fault and the remedy. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

const maxFileBytes = 65_536;
const fullScrypt = { N: 131_072, r: 8, p: 1 };
const lightScrypt = { N: 1_024, r: 8, p: 1 };
/** Limit of the scrypt cost that a file may require: 1 GiB of memory at r = 8. */
const maxScryptN = 1_048_576;
const maxIterations = 10_000_000;

const hexBytes = z.string().regex(/^([0-9a-fA-F]{2})*$/, "expected hex digits");
const eip2335 = z.object({
  version: z.literal(4),
  uuid: z.string(),
  description: z.string().nullish(),
  path: z.string(),
  pubkey: hexBytes,
  crypto: z.object({
    kdf: z.object({
      function: z.enum(["scrypt", "pbkdf2"]),
      params: z.object({
        dklen: z.literal(32),
        salt: hexBytes,
        n: z.int().min(2).max(maxScryptN).optional(),
        r: z.int().min(1).max(32).optional(),
        p: z.int().min(1).max(16).optional(),
        c: z.int().min(1).max(maxIterations).optional(),
        prf: z.literal("hmac-sha256").optional(),
      }),
      message: z.literal(""),
    }),
    checksum: z.object({ function: z.literal("sha256"), params: z.object({}), message: hexBytes.length(64) }),
    cipher: z.object({
      function: z.literal("aes-128-ctr"),
      params: z.object({ iv: hexBytes.length(32) }),
      message: hexBytes.length(64),
    }),
  }),
});

const scryptParams = z.object({
  n: z.int().min(2).max(maxScryptN),
  r: z.int().min(1).max(32),
  p: z.int().min(1).max(16),
});
const version3 = z.preprocess(
  lowerCaseNames,
  z.object({
    version: z.literal(3),
    /** Some wallets omit it. */
    address: z
      .string()
      .regex(/^(0x)?[0-9a-fA-F]{40}$/, "expected an address")
      .optional(),
    crypto: z.object({
      kdf: z.enum(["scrypt", "pbkdf2"]),
      kdfparams: z.union([scryptParams, z.object({ c: z.int().min(1).max(maxIterations) })]),
    }),
  }),
);

/** An Ethereum account. */
function isAccount(name: KeyName): boolean {
  return name === "operator" || name === "receipt";
}

/** The public part in a key file: address, BLS key in G1 (48 bytes, as in EIP-2335), or ed25519 key. */
function publicPart(name: KeyName, secret: Hex): string {
  const bytes = fromHex(secret);
  if (isAccount(name)) return computeAddress(secret).toLowerCase();
  if (name === "peer") return toHex(ed25519.getPublicKey(bytes)).slice(2);
  return bls12_381.G1.Point.BASE.multiply(BigInt(secret)).toHex(true);
}

/** @throws KeyFileError if the 32 bytes are not a key of this kind */
export function checkSecret(name: KeyName, secret: Hex, where: string): void {
  try {
    if (!/^0x[0-9a-f]{64}$/i.test(secret)) throw new Error("expected 0x and 64 hex digits");
    publicPart(name, secret);
  } catch (error) {
    throw new KeyFileError(`${where}: no ${name} key: ${(error as Error).message}`);
  }
}

/** Version 3 files have "crypto" or "Crypto", depending on the program. */
function lowerCaseNames(keystore: unknown): unknown {
  if (typeof keystore !== "object" || keystore === null) return keystore;
  return Object.fromEntries(Object.entries(keystore).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The JSON text of an encrypted key. */
export async function sealKey(
  name: KeyName,
  secret: Hex,
  password: string,
  strength: KdfStrength,
): Promise<string> {
  checkSecret(name, secret, name);
  const scrypt = strength === "full" ? fullScrypt : lightScrypt;
  if (isAccount(name)) {
    const account = { address: computeAddress(secret), privateKey: secret };
    const text = await encryptKeystoreJson(account, password, { scrypt });
    return `${JSON.stringify(lowerCaseNames(JSON.parse(text)), undefined, 2)}\n`;
  }
  const { N: n, r, p } = scrypt;
  const keystore = await create(
    password,
    fromHex(secret),
    fromHex(`0x${publicPart(name, secret)}`),
    "",
    name === "bls" ? "WhitePay keeper, BLS12-381; pubkey is the one in G1" : "WhitePay, libp2p ed25519",
    { function: "scrypt", params: { dklen: 32, n, r, p, salt: randomBytes(32).toString("hex") } },
  );
  return `${JSON.stringify(keystore, undefined, 2)}\n`;
}

function parsed<T>(text: string, schema: z.ZodType<T>, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new KeyFileError(
      `${where}: expected a whole JSON keystore, actual something else; restore it from a backup`,
    );
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new KeyFileError(
    `${where}: no keystore of this kind: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`,
  );
}

function isLight(kdfParams: object): boolean {
  const { n, c } = kdfParams as { n?: number; c?: number };
  return (n ?? fullScrypt.N) < 16_384 || (c ?? 262_144) < 65_536;
}

/** Public data of a key file, readable without the password. */
function publicPartOf(
  name: KeyName,
  text: string,
  where: string,
): { public: string | undefined; light: boolean } {
  if (isAccount(name)) {
    const { address, crypto } = parsed(text, version3, where);
    const named = address === undefined ? undefined : `0x${address.replace(/^0x/, "").toLowerCase()}`;
    return { public: named, light: isLight(crypto.kdfparams) };
  }
  const { pubkey, crypto } = parsed(text, eip2335, where);
  return { public: pubkey.toLowerCase(), light: isLight(crypto.kdf.params) };
}

/** @throws KeyFileError if the text is not a keystore of this kind, or the password is wrong */
export async function openKey(name: KeyName, text: string, password: string, where: string): Promise<Hex> {
  const named = publicPartOf(name, text, where).public;
  const secret = isAccount(name) ? await open3(text, password, where) : await open2335(text, password, where);
  checkSecret(name, secret, where);
  const actual = publicPart(name, secret);
  if (named !== undefined && actual !== named) {
    throw new KeyFileError(
      `${where}: its key belongs to ${actual}, but it says ${named}; restore it from a backup`,
    );
  }
  return secret;
}

const wrongPassword = (where: string): KeyFileError =>
  new KeyFileError(`${where}: the password is not the one of this keystore, or the file is damaged`);

async function open3(text: string, password: string, where: string): Promise<Hex> {
  try {
    return (await decryptKeystoreJson(text, password)).privateKey as Hex;
  } catch {
    throw wrongPassword(where);
  }
}

async function open2335(text: string, password: string, where: string): Promise<Hex> {
  parsed(text, eip2335, where);
  try {
    return toHex(await decrypt(JSON.parse(text) as Parameters<typeof decrypt>[0], password));
  } catch {
    throw wrongPassword(where);
  }
}

async function checkMode(path: string, expected: number, what: string): Promise<void> {
  const { mode } = await stat(path);
  const actual = mode & 0o777;
  if ((actual & 0o077) === 0) return;
  throw new KeyFileError(
    `${path}: other users may access ${what}: expected mode ${expected.toString(8)}, actual ${actual.toString(8)}; run: chmod ${expected.toString(8)} ${path}`,
  );
}

/** Reads a small file that only its owner may read. @throws KeyFileError if others may read it, or it is unreadable */
export async function readPrivate(path: string, what: string): Promise<string> {
  try {
    await checkMode(path, 0o600, what);
    if ((await stat(path)).size > maxFileBytes) {
      throw new KeyFileError(`${path}: expected at most ${maxFileBytes} bytes`);
    }
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    throw new KeyFileError(`${path}: cannot be read: ${whyNot(error)}`);
  }
}

/** The first line of a file that only its owner may read. */
export async function readPasswordFile(path: string): Promise<string> {
  const password = (await readPrivate(path, "the password")).split(/\r?\n/)[0] ?? "";
  if (password === "")
    throw new KeyFileError(`${path}: expected a password on the first line, actual nothing`);
  return password;
}

async function keyFolder(folder: string): Promise<void> {
  try {
    if (!(await stat(folder)).isDirectory())
      throw new KeyFileError(`${folder}: expected a folder of key files`);
    await checkMode(folder, 0o700, "the keys");
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    throw new KeyFileError(
      `${folder}: cannot be read: ${whyNot(error)}; "whitepay keeper init" and "whitepay provider init" make keys`,
    );
  }
}

export function keyFile(folder: string, name: KeyName): string {
  return join(folder, `${name}.json`);
}

/** The encrypted text of one key. @throws KeyFileError */
export async function readKeyFile(folder: string, name: KeyName): Promise<string> {
  await keyFolder(folder);
  return readPrivate(keyFile(folder, name), "the key");
}

async function openAll<Name extends KeyName>(
  folder: string,
  names: readonly Name[],
  password: string,
): Promise<SecretsOf<Name>> {
  const texts = await Promise.all(names.map((name) => readKeyFile(folder, name)));
  const secrets = await Promise.all(
    names.map(async (name, i): Promise<[Name, Hex]> => {
      return [name, await openKey(name, texts[i] ?? "", password, keyFile(folder, name))];
    }),
  );
  return Object.fromEntries(secrets) as SecretsOf<Name>;
}

/** All keys of a keeper. @throws KeyFileError */
export function openKeys(folder: string, password: string): Promise<KeySecrets> {
  return openAll(folder, keyNames, password);
}

/** All keys of a provider. @throws KeyFileError */
export function openProviderKeys(folder: string, password: string): Promise<ProviderSecrets> {
  return openAll(folder, providerKeyNames, password);
}

const olderReceipt = /^receipt-[\w-]+\.json$/;

/** Former receipt keys: files `receipt-….json` in the same folder. @throws KeyFileError */
export async function openOlderReceipts(folder: string, password: string): Promise<Hex[]> {
  const names = (await readdir(folder)).filter((name) => olderReceipt.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const file = join(folder, name);
      return openKey("receipt", await readPrivate(file, "the key"), password, file);
    }),
  );
}

export type KeyDescription = {
  readonly name: KeyName;
  readonly file: string;
  /** Address, BLS key in G1, or ed25519 key. */
  readonly public: string;
  /** Weak password hash, for devnets only. */
  readonly light: boolean;
};

/** Descriptions of all keys, without the password. @throws KeyFileError */
export function describeKeys(
  folder: string,
  names: readonly KeyName[] = keyNames,
): Promise<KeyDescription[]> {
  return Promise.all(
    names.map(async (name) => {
      const file = keyFile(folder, name);
      const { public: named, light } = publicPartOf(name, await readKeyFile(folder, name), file);
      if (named === undefined) {
        throw new KeyFileError(`${file}: names no address; import it: whitepay keeper keys import ${name}`);
      }
      return { name, file, public: named, light };
    }),
  );
}

/** Writes an encrypted key; never overwrites one. @throws KeyFileError if the file exists */
export async function writeKeyFile(folder: string, name: KeyName, text: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) await chmod(folder, 0o700);
  await keyFolder(folder);
  const path = keyFile(folder, name);
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (there)
    throw new KeyFileError(`${path}: exists already; move it away first if it is not needed any more`);
  await writeFileAtomic(path, text, 0o600);
  await chmod(path, 0o600);
}

/** Encrypts and writes every key of `secrets`. @throws KeyFileError if a file exists already */
export async function writeKeys(
  folder: string,
  secrets: KeySecrets | ProviderSecrets,
  password: string,
  strength: KdfStrength,
): Promise<void> {
  for (const [name, secret] of Object.entries(secrets) as [KeyName, Hex][]) {
    await writeKeyFile(folder, name, await sealKey(name, secret, password, strength));
  }
}
