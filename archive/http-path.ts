/** The path under which a provider serves a file of an archive by its name: `/archive/<manifest root>/<name>`. */
import type { Hex } from "../protocol/hash.ts";
import { nameFault } from "./names.ts";

/** Under this name the manifest itself is served; no file has it. */
export const manifestName = "manifest";

export function pathOfFile(manifest: Hex, name: string): string {
  return `/archive/${manifest.slice(2)}/${name.split("/").map(encodeURIComponent).join("/")}`;
}

export type FilePath = { readonly manifest: Hex; readonly name: string } | { readonly fault: string };

const form = /^\/archive\/(?:0x)?([0-9a-f]{64})\/(.*)$/is;

/** The file that a path names, or the reason why it names none; undefined if it is another path. */
export function fileOfPath(path: string): FilePath | undefined {
  if (!path.startsWith("/archive/")) return undefined;
  const [, digits, rest] = form.exec(path) ?? [];
  if (digits === undefined || rest === undefined) {
    return { fault: "expected /archive/, the manifest's root of 64 hex digits, / and the name of a file" };
  }
  let parts: string[];
  try {
    parts = rest.split("/").map(decodeURIComponent);
  } catch {
    return { fault: "name: expected UTF-8 with percent signs, actual another encoding" };
  }
  // One name has one path, so that caches and limits see it once.
  if (parts.some((part) => part.includes("/"))) {
    return { fault: 'name: expected "/" between its parts, actual an encoded one' };
  }
  const name = parts.join("/");
  const fault = name === manifestName ? undefined : nameFault(name);
  if (fault !== undefined) return { fault: `name: ${fault}` };
  return { manifest: `0x${digits.toLowerCase()}`, name };
}
