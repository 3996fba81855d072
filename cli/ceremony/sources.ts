/** The files of a manifest, from a folder or by ranges from the URLs that the manifest names. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ArchiveFile } from "../../archive/schema.ts";
import type { CeremonySource } from "../../ceremony/report.ts";
import { hashBlocks } from "../archive/hash-blocks.ts";
import type { Hashes } from "../archive/hash-blocks.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { openFiles } from "../inspect/ceremony-files.ts";

const answer_ms = 120_000;

export type ManifestSources = {
  /** @throws CliError if the file cannot be read */
  open(file: ArchiveFile): Promise<CeremonySource>;
  close(): Promise<void>;
};

export function folderSources(folder: string): ManifestSources {
  const opened: Awaited<ReturnType<typeof openFiles>>[] = [];
  return {
    open: async ({ name }) => {
      // A ceremony's own folder has its definition beside the files.
      const places = [join(folder, name), join(folder, "files", name)];
      const found = await Promise.all(places.map((path) => stat(path).catch(() => undefined)));
      const at = found.findIndex((one) => one?.isFile());
      const path = places[at];
      if (path === undefined) throw usageError(`${name} is not in ${folder}`);
      const files = await openFiles([path]);
      opened.push(files);
      return { ...(files.sources[0] as CeremonySource), name };
    },
    close: async () => {
      await Promise.all(opened.map((one) => one.close()));
    },
  };
}

/** @throws CliError exit 3 for an answer that is not the range */
async function readRange(url: string, start: number, bytes: number): Promise<Uint8Array> {
  const fail = (why: string): CliError =>
    new CliError({
      code: exitCodes.network,
      message: `${url}: ${why}`,
      expected: `${bytes} bytes from byte ${start}`,
    });
  let answer: Response;
  try {
    answer = await fetch(url, {
      headers: { Range: `bytes=${start}-${start + bytes - 1}`, "Accept-Encoding": "identity" },
      signal: AbortSignal.timeout(answer_ms),
      redirect: "error",
    });
  } catch (error) {
    throw fail((error as Error).message);
  }
  if (answer.status !== 206) {
    await answer.body?.cancel();
    throw fail(`HTTP ${answer.status}, expected a part of the file (206)`);
  }
  const out = new Uint8Array(bytes);
  let at = 0;
  for await (const block of answer.body ?? []) {
    if (at + block.length > bytes) throw fail("the answer is too long");
    out.set(block, at);
    at += block.length;
  }
  if (at < bytes) throw fail(`the answer ended after ${at} bytes`);
  return out;
}

export function urlSources(): ManifestSources {
  return {
    open: ({ name, bytes, sources }) => {
      const url = sources.flatMap((source) => ("url" in source ? [source.url] : []))[0];
      if (url === undefined)
        throw usageError(`the manifest names no URL of ${name}`, {
          hint: "give --from with a folder of the files",
        });
      // The reader asks for less than a file and more than a point; the manifest's size was checked by its schema.
      return Promise.resolve({ name, size: bytes, read: (start, length) => readRange(url, start, length) });
    },
    close: () => Promise.resolve(),
  };
}

/** All hashes of a source. */
export function hashSource(source: CeremonySource): Promise<Hashes> {
  let at = 0;
  return hashBlocks({
    fill: async (target) => {
      const bytes = Math.min(target.length, source.size - at);
      if (bytes > 0) target.set(await source.read(at, bytes));
      at += bytes;
      return bytes;
    },
  });
}
