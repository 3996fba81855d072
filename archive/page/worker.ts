/** Reads and computes beside the page, which stays free: a manifest may have 100,000 files. */
import "./without-eval.ts";
import type { Told } from "./documents.ts";
import { PageProblem, readPage } from "./read.ts";

const tell = (told: Told): void => self.postMessage(told);

self.addEventListener("message", ({ data }: MessageEvent<{ readonly base: string }>) => {
  readPage(data.base, tell).catch((error: unknown) => {
    const { message } = error as Error;
    tell({ kind: "failed", problems: error instanceof PageProblem ? message.split("\n") : [message] });
  });
});
