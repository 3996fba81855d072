/** A file on disk as a stream that refuses a file that changes meanwhile. */
import { open, stat } from "node:fs/promises";
import { whyNot } from "../../storage/disk/file-words.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { hashBlocks } from "./hash-blocks.ts";
import type { Hashes } from "./hash-blocks.ts";

/** @throws CliError exit 1 if the file cannot be read or changes meanwhile */
export async function hashFileOnce(path: string, onBytes?: (bytes: number) => void): Promise<Hashes> {
  const failed = (why: string): CliError =>
    new CliError({ code: exitCodes.failed, message: `${path} cannot be hashed: ${why}` });
  try {
    const file = await open(path, "r");
    try {
      const before = await file.stat({ bigint: true });
      const fill = async (target: Uint8Array): Promise<number> => {
        let filled = 0;
        while (filled < target.length) {
          const { bytesRead } = await file.read(target, filled, target.length - filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return filled;
      };
      const hashes = await hashBlocks({ fill }, onBytes);
      const after = await stat(path, { bigint: true });
      if (
        after.size !== before.size ||
        after.mtimeNs !== before.mtimeNs ||
        BigInt(hashes.bytes) !== after.size
      ) {
        throw failed("it changed while it was read; try again when nothing writes to it");
      }
      return hashes;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw failed(whyNot(error));
  }
}
