/** Files on disk as sources of a ceremony's reader. */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import type { CeremonySource } from "../../ceremony/report.ts";
import { usageError } from "../console/exit.ts";

export type OpenFiles = { readonly sources: readonly CeremonySource[]; close(): Promise<void> };

async function openFile(
  path: string,
): Promise<{ readonly source: CeremonySource; readonly file: FileHandle }> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${path} cannot be read`, {
      expected: "a file of a ceremony",
      actual: error.code === "ENOENT" ? "no such file" : error.message,
    });
  });
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw usageError(`${path} cannot be read`, {
      expected: "a file of a ceremony",
      actual: stats.isDirectory() ? "a folder" : "a device, pipe or socket",
    });
  }
  const read = async (start: number, bytes: number): Promise<Uint8Array> => {
    const buffer = new Uint8Array(bytes);
    for (let done = 0; done < bytes;) {
      const { bytesRead } = await file.read(buffer, done, bytes - done, start + done);
      if (bytesRead === 0)
        throw usageError(`${path} ended while it was read`, {
          expected: `${bytes} bytes from byte ${start}`,
          actual: `${done}`,
        });
      done += bytesRead;
    }
    return buffer;
  };
  return { source: { name: path, size: stats.size, read }, file };
}

/** @throws CliError exit 2 if a path is no readable file */
export async function openFiles(paths: readonly string[]): Promise<OpenFiles> {
  const opened: Awaited<ReturnType<typeof openFile>>[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(opened.map(({ file }) => file.close()));
  };
  try {
    for (const path of paths) opened.push(await openFile(path));
  } catch (error) {
    await close();
    throw error;
  }
  return { sources: opened.map(({ source }) => source), close };
}
