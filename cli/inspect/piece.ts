/** `whitepay inspect piece FILE`: size, segments and root of a file (R10). */
import type { Command } from "commander";
import { PieceSourceError, hashFile } from "../../storage/disk/hash-file.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { usageError } from "../console/exit.ts";
import { hashProgressBar } from "../console/hash-progress.ts";
import { printJson, printLine } from "../console/output.ts";
import { jsonFlag } from "../console/options.ts";
import { counted } from "../../protocol/counted.ts";

export function register(inspect: Command): void {
  inspect
    .command("piece")
    .description("compute size, segments and root of a file as a provider stores it (R10)")
    .argument("<file>", "a regular file of at least one byte, of any size")
    .option(...jsonFlag)
    .action((file: string, options: { json?: true }) => inspectPiece(file, options));
}

/** Hashes the file on all cores in constant memory. @throws CliError exit 2 if it cannot be a piece */
async function inspectPiece(file: string, options: { json?: true }): Promise<void> {
  const onProgress = hashProgressBar(file);
  const piece = await hashFile(file, onProgress ? { onProgress } : {}).catch((error: unknown) => {
    if (error instanceof PieceSourceError) throw usageError(error.message);
    throw error;
  });
  const { size, segments } = piece;
  const root = toHex(piece.root);
  if (options.json) {
    printJson({ size, segments, root });
    return;
  }
  printLine(`size      ${counted(size, "byte")}`);
  printLine(`segments  ${segments} of 126,976 bytes`);
  printLine(`root      ${root}`);
}
