/** Attestation documents as a Nitro enclave makes them, under a root of the test: certificates by openssl, CBOR by an encoder of its own. */
import { execFile } from "node:child_process";
import { createHash, createPrivateKey, sign, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Hex } from "../../../protocol/hash.ts";

const run = promisify(execFile);

export type CborValue =
  | number
  | string
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<CborValue, CborValue>;

function head(major: number, value: number): Buffer {
  const first = major << 5;
  if (value < 24) return Buffer.from([first | value]);
  if (value < 0x100) return Buffer.from([first | 24, value]);
  if (value < 0x10000) return Buffer.from([first | 25, value >> 8, value & 0xff]);
  const wide = Buffer.alloc(9, first | 27);
  wide.writeBigUInt64BE(BigInt(value), 1);
  return wide;
}

/** RFC 8949, the items that these documents have. */
export function cbor(value: CborValue): Buffer {
  if (value === null) return Buffer.from([0xf6]);
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === "string")
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (value instanceof Map)
    return Buffer.concat([
      head(5, value.size),
      ...[...value].flatMap(([key, item]) => [cbor(key), cbor(item)]),
    ]);
  const items = value as readonly CborValue[];
  return Buffer.concat([head(4, items.length), ...items.map(cbor)]);
}

export type NitroAuthority = {
  /** The root first, then those below it; DER. */
  readonly bundle: readonly Uint8Array[];
  readonly leaf: Uint8Array;
  readonly leafKey: ReturnType<typeof createPrivateKey>;
  /** SHA-256 of the root. */
  readonly root: Hex;
};

const extensions = (isAuthority: boolean, isAbove: boolean, hasKeyIds: boolean): string =>
  [
    `basicConstraints=critical,CA:${isAuthority ? "TRUE" : "FALSE"}`,
    // A wrong one that says so in one place alone.
    `keyUsage=critical,${isAuthority || isAbove ? "keyCertSign" : "digitalSignature"}`,
    ...(hasKeyIds ? [] : ["subjectKeyIdentifier=none", "authorityKeyIdentifier=none"]),
    "",
  ].join("\n");

/**
 * Root, two authorities and the enclave's certificate, as AWS has them. `leafCurve` and `…IsAuthority` make wrong ones;
 * without `hasKeyIds`, names alone say whose key signed a certificate.
 */
export async function makeAuthority({
  leafCurve = "secp384r1",
  middleIsAuthority = true,
  leafIsAuthority = false,
  hasKeyIds = true,
}: {
  leafCurve?: string;
  middleIsAuthority?: boolean;
  leafIsAuthority?: boolean;
  hasKeyIds?: boolean;
} = {}): Promise<NitroAuthority> {
  const folder = await mkdtemp(join(tmpdir(), "nitro-"));
  const names = ["root", "region", "zone", "enclave"];
  const at = (name: string): string => join(folder, name);
  for (const [i, name] of names.entries()) {
    const curve = name === "enclave" ? leafCurve : "secp384r1";
    await run("openssl", ["ecparam", "-name", curve, "-genkey", "-noout", "-out", at(`${name}.key`)]);
    const isAuthority = name === "enclave" ? leafIsAuthority : name !== "zone" || middleIsAuthority;
    await writeFile(at(`${name}.ext`), extensions(isAuthority, name !== "enclave", hasKeyIds));
    await run("openssl", [
      "req",
      "-new",
      "-key",
      at(`${name}.key`),
      "-subj",
      `/CN=test ${name}`,
      "-out",
      at(`${name}.csr`),
    ]);
    const issuer = names[Math.max(0, i - 1)] as string;
    const by =
      i === 0
        ? ["-signkey", at("root.key")]
        : ["-CA", at(`${issuer}.pem`), "-CAkey", at(`${issuer}.key`), "-CAcreateserial"];
    await run("openssl", [
      "x509",
      "-req",
      "-in",
      at(`${name}.csr`),
      ...by,
      "-days",
      "1",
      "-sha384",
      "-extfile",
      at(`${name}.ext`),
      "-out",
      at(`${name}.pem`),
    ]);
  }
  const ders = await Promise.all(
    names.map(async (name) => new Uint8Array(new X509Certificate(await readFile(at(`${name}.pem`))).raw)),
  );
  const leafKey = createPrivateKey(await readFile(at("enclave.key")));
  await rm(folder, { recursive: true });
  const [root] = ders as [Uint8Array];
  return {
    bundle: ders.slice(0, 3),
    leaf: ders[3] as Uint8Array,
    leafKey,
    root: `0x${createHash("sha256").update(root).digest("hex")}`,
  };
}

export const enclaveImage = Buffer.alloc(48, 0xa7);

/** The fields of a good document; a test changes some. */
export function fieldsOf(authority: NitroAuthority, output: Uint8Array): Map<string, CborValue> {
  return new Map<string, CborValue>([
    ["module_id", "i-0123456789abcdef0-enc0123456789abcdef"],
    ["digest", "SHA384"],
    ["timestamp", Date.now() + 1_000],
    [
      "pcrs",
      new Map<CborValue, CborValue>([
        [0, enclaveImage],
        [1, Buffer.alloc(48, 1)],
        [2, Buffer.alloc(48, 2)],
      ]),
    ],
    ["certificate", authority.leaf],
    ["cabundle", authority.bundle],
    ["public_key", null],
    ["user_data", null],
    ["nonce", output],
  ]);
}

/** COSE_Sign1 over the fields; RFC 9052, 4.4. */
export function signedDocument(
  fields: Map<string, CborValue>,
  key: NitroAuthority["leafKey"],
  { algorithm = -35, tag = false }: { algorithm?: number; tag?: boolean } = {},
): Uint8Array {
  const header = cbor(new Map<CborValue, CborValue>([[1, algorithm]]));
  const payload = cbor(fields);
  const toSign = cbor(["Signature1", header, new Uint8Array(), payload]);
  const signature = sign("sha384", toSign, { key, dsaEncoding: "ieee-p1363" });
  const document = cbor([header, new Map<CborValue, CborValue>(), payload, signature]);
  return new Uint8Array(tag ? Buffer.concat([Buffer.from([0xd2]), document]) : document);
}
