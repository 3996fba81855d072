/** Reads one file from providers, and checks every byte against the manifest: the bytes leave this worker only if all are right. */
import { readArchiveFile } from "../../client/reading/archive-file.ts";
import { memoryStore } from "../../client/reading/range-store.ts";
import { wordsOf } from "./words-of-errors.ts";
import type { DownloadOrder, DownloadTold } from "./documents.ts";

const tellEvery_ms = 250;
const tell = (told: DownloadTold): void => self.postMessage(told, {});

async function download({ readers, file }: DownloadOrder): Promise<void> {
  const store = memoryStore(file.bytes);
  let told_ms = 0;
  const { sources, faults } = await readArchiveFile(file, { providers: readers }, store, {
    onProgress(proven) {
      if (performance.now() - told_ms < tellEvery_ms) return;
      told_ms = performance.now();
      tell({ kind: "progress", proven });
    },
  });
  tell({
    kind: "done",
    blob: new Blob(store.parts() as Uint8Array<ArrayBuffer>[]),
    sources: sources.map(({ source }) => source),
    faults: faults.map(({ source, reason }) => `${source}: ${reason}`),
  });
}

self.addEventListener("message", ({ data }: MessageEvent<DownloadOrder>) => {
  download(data).catch((error: unknown) => tell({ kind: "failed", reason: wordsOf(error) }));
});
