/** Reads and computes beside the page, which stays free: a manifest may have 100,000 files. */
import "./without-eval.ts";
import type { Told } from "./documents.ts";
import { PageProblem, readPage } from "./read.ts";

/** The page's folder: this module is `archive/page/worker.js` in it. */
const base = new URL("../../", self.location.href).href;
const tell = (told: Told): void => self.postMessage(told, {});

readPage(base, tell).catch((error: unknown) => {
  const { message } = error as Error;
  tell({ kind: "failed", problems: error instanceof PageProblem ? message.split("\n") : [message] });
});
