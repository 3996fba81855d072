/** The key of a reader's node: a permission for a peer names the peer id that follows from it. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { whyNot } from "../../storage/disk/file-words.ts";
import { usageError } from "../console/exit.ts";

/** The 32 bytes in a key file. @throws CliError exit 2 if there is no such file, or something else is in it */
export async function readReaderKey(file: string): Promise<Uint8Array> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw usageError(`the key file ${file} cannot be read: ${whyNot(error)}`, {
      hint: "`whitepay reader` makes one and prints the peer id for the payer",
    });
  });
  const digits = /^(?:0x)?([0-9a-f]{64})\s*$/i.exec(text)?.[1];
  if (digits === undefined)
    throw usageError(`${file} is no key file`, { expected: "64 hex digits", actual: "other text" });
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

/** Makes a key file for the user alone, if there is none. Returns the key. */
export async function makeReaderKey(file: string): Promise<{ key: Uint8Array; isNew: boolean }> {
  await mkdir(dirname(file), { recursive: true });
  const made = await open(file, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST") return undefined;
    throw usageError(`${file} cannot be written: ${whyNot(error)}`);
  });
  if (made === undefined) return { key: await readReaderKey(file), isNew: false };
  const key = randomBytes(32);
  try {
    await made.writeFile(`${key.toString("hex")}\n`);
    await made.sync();
  } finally {
    await made.close();
  }
  return { key: Uint8Array.from(key), isNew: true };
}

/** Text form of the peer id of a key. */
export async function peerIdOf(key: Uint8Array): Promise<string> {
  return peerIdFromPrivateKey(await generateKeyPairFromSeed("Ed25519", key)).toString();
}
