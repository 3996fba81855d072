/** Loaded before a program: one text in one of its source files is replaced by another, as WHITEPAY_PLANTED says. */
import { registerHooks } from "node:module";

const planted = JSON.parse(process.env["WHITEPAY_PLANTED"] ?? "null") as {
  file: string;
  original: string;
  planted: string;
} | null;

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (planted === null || !url.endsWith(planted.file) || loaded.source === undefined) return loaded;
    const text =
      typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
    if (!text.includes(planted.original))
      throw new Error(`${planted.file}: the text to replace is not there`);
    return { ...loaded, source: text.replace(planted.original, () => planted.planted) };
  },
});
