/** The files that built modules import in the end, and the packages that they need. */
import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";
import { importsOf } from "../typescript-source.ts";

export type Reach = { readonly files: readonly string[]; readonly packages: readonly string[] };

/** "@noble/curves/bls12-381.js" is a file of the package "@noble/curves". */
export function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/**
 * @param folder of the emit
 * @param entries from that folder: .js, or .d.ts, whose imports of `./x.js` mean `./x.d.ts`
 */
export async function reachOf(folder: string, entries: readonly string[]): Promise<Reach> {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [...entries];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const { from } of importsOf(await readFile(join(folder, file), "utf8"))) {
      if (from === undefined || isBuiltin(from)) continue;
      if (!from.startsWith(".")) packages.add(packageOf(from));
      else queue.push(target(file, from));
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

function target(file: string, from: string): string {
  const path = posix.normalize(posix.join(posix.dirname(file), from));
  return file.endsWith(".d.ts") ? path.replace(/\.js$/, ".d.ts") : path;
}
