/** Files that the visitor reads here: each is checked before it is saved. */
import { bytes } from "../../daemon/page/format.ts";
import type { DownloadOrder, DownloadTold, FileDocument, StandingDocument } from "./documents.ts";

/** A file is held in memory until all of it is checked, and once more while it is saved. */
export const maxDownloadBytes = 256 * 1024 * 1024;
/** A browser takes the bytes within this time. */
const urlStays_ms = 60_000;

type Download = { readonly text: string; readonly isRunning: boolean };

const downloads = new Map<string, Download>();

/** What became of it, by the file's root; undefined: it was not asked for. */
export function downloadOf(root: string): Download | undefined {
  return downloads.get(root);
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.split("/").at(-1) ?? name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), urlStays_ms);
}

/** One at a time. @param changed called after each change */
export function startDownload(file: FileDocument, { readers }: StandingDocument, changed: () => void): void {
  if ([...downloads.values()].some(({ isRunning }) => isRunning)) return;
  const { name, root, blake2b } = file;
  const say = (text: string, isRunning: boolean): void => {
    downloads.set(root, { text, isRunning });
    changed();
  };
  const worker = new Worker(new URL("download-worker.js", import.meta.url), { type: "module" });
  const end = (text: string): void => {
    worker.terminate();
    say(text, false);
  };
  worker.addEventListener("message", ({ data }: MessageEvent<DownloadTold>) => {
    if (data.kind === "progress") return say(`${bytes(data.proven)} of ${bytes(file.bytes)} checked`, true);
    if (data.kind === "failed") return end(`not read: ${data.reason}`);
    save(data.blob, name);
    const bad = data.faults.length === 0 ? "" : `; ${data.faults.join("; ")}`;
    return end(`read and checked, from ${data.sources.join(", ")}${bad}`);
  });
  worker.addEventListener("error", ({ message }) => end(`not read: ${message}`));
  say("asking the servers for readers", true);
  const order: DownloadOrder = { readers, file: { root, bytes: file.bytes, blake2b } };
  worker.postMessage(order, []);
}
