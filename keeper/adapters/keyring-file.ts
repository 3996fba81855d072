/** Keys from one file of mode 0600: {"operator","bls","peer"}, each 32 bytes as hex. */
import { readFile, stat } from "node:fs/promises";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { z } from "zod";
import { secretKeyAddress } from "../codec/receipt.ts";
import { signSeed } from "../codec/seed.ts";
import { settlementTag } from "../codec/tags.ts";
import { fromHex, toHex } from "../core/hash.ts";
import type { Hex } from "../core/hash.ts";
import type { KeyringPort } from "../ports/keyring.ts";

const secret = z.string().regex(/^0x[0-9a-f]{64}$/i, "expected 0x and 64 hex digits");
const keysSchema = z.strictObject({ operator: secret, bls: secret, peer: secret });
export type KeySecrets = z.infer<typeof keysSchema>;

export class KeyFileError extends Error {}

/** @throws KeyFileError saying what is wrong with the file and what to do */
export async function readKeyFile(path: string): Promise<KeySecrets> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      const actual = (mode & 0o777).toString(8);
      throw new KeyFileError(`${path}: expected mode 600, actual ${actual}; run: chmod 600 ${path}`);
    }
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    throw new KeyFileError(`${path}: cannot be read (${(error as Error).message})`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new KeyFileError(`${path}: expected JSON, actual something else`);
  }
  const result = keysSchema.safeParse(parsed);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new KeyFileError(`${path}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "not a key file"}`);
}

export class FileKeyring implements KeyringPort {
  readonly operator: Hex;
  readonly #operatorSecret: Uint8Array;
  readonly #blsSecret: Uint8Array;

  constructor(secrets: Pick<KeySecrets, "operator" | "bls">) {
    this.#operatorSecret = fromHex(secrets.operator);
    this.#blsSecret = fromHex(secrets.bls);
    this.operator = secretKeyAddress(this.#operatorSecret);
  }

  signMessage(digest: Hex): Hex {
    const recovered = secp256k1.sign(fromHex(digest), this.#operatorSecret, {
      prehash: false,
      format: "recovered",
    });
    const out = new Uint8Array(65);
    out.set(recovered.subarray(1));
    out[64] = 27 + (recovered[0] ?? 0);
    return toHex(out);
  }

  signSeed(scope: Parameters<KeyringPort["signSeed"]>[0]): Uint8Array {
    return signSeed(scope, this.#blsSecret);
  }

  signDigest(digest: Hex): Hex {
    const bls = bls12_381.shortSignatures;
    const signature = bls.sign(bls.hash(fromHex(digest), settlementTag), this.#blsSecret);
    return toHex(bls.Signature.toBytes(signature));
  }
}
