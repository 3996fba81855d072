/**
 * The modules of the public page as any static server serves them: all that the entries import, with types removed, packages too. No bundler: each
 * module stays a file, and its imports become relative paths.
 */
import { readdir, readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";

/** At the beginning of a line: comments and texts that speak of imports do not match. */
const importForm = /^((?:import|export)\b[^;"']*?\bfrom\s*|import\s*)(["'])([^"'\n]+)\2/gm;

const root = new URL("../../", import.meta.url);

type Found = {
  /** Path in the page's folder. */
  readonly path: string;
  readonly url: URL;
  /** One file with everything, for browsers: it imports nothing. */
  readonly isWhole: boolean;
};

function packageFile(url: URL): { readonly name: string; readonly folder: URL; readonly inside: string } {
  const mark = "/node_modules/";
  const at = url.pathname.lastIndexOf(mark) + mark.length;
  const parts = url.pathname.slice(at).split("/");
  const name = parts.slice(0, parts[0]?.startsWith("@") ? 2 : 1).join("/");
  const folder = new URL(url);
  folder.pathname = `${url.pathname.slice(0, at)}${name}/`;
  return { name, folder, inside: url.pathname.slice(folder.pathname.length) };
}

/** This package may be installed in a folder `node_modules` itself. */
function isOwn({ href }: URL): boolean {
  return href.startsWith(root.href) && !href.slice(root.href.length).includes("node_modules/");
}

function found(url: URL, isWhole = false): Found {
  if (isOwn(url)) return { path: url.href.slice(root.href.length).replace(/\.ts$/, ".js"), url, isWhole };
  const { name, inside } = packageFile(url);
  return { path: `vendor/${name}/${inside}`, url, isWhole };
}

/** @param from specifier of an import @param importer URL of its module */
function target(from: string, importer: URL): Found {
  if (from.startsWith(".")) return found(new URL(from, importer));
  // Its modules for Node import Node; the package has one module for browsers.
  if (from === "ethers") return found(new URL("../dist/ethers.min.js", import.meta.resolve("ethers")), true);
  return found(new URL(import.meta.resolve(from)));
}

function relative(fromPath: string, toPath: string): string {
  const path = posix.relative(posix.dirname(fromPath), toPath);
  return path.startsWith(".") ? path : `./${path}`;
}

export type PageModules = {
  /** Texts by their path in the page's folder. */
  readonly files: ReadonlyMap<string, string>;
  /** Packages of which modules are among them. */
  readonly packages: readonly string[];
};

/** @param entries paths without extension from the project's root; they have the extension of this file */
export async function pageModules(entries: readonly string[], extension: string): Promise<PageModules> {
  const files = new Map<string, string>();
  const packages = new Map<string, URL>();
  const queue = entries.map((entry) => found(new URL(`${entry}${extension}`, root)));
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { path, url, isWhole } = next;
    if (files.has(path)) continue;
    const text = await readFile(url, "utf8");
    const plain = url.pathname.endsWith(".ts") ? stripTypeScriptTypes(text) : text;
    const mapped = isWhole
      ? plain
      : plain.replaceAll(importForm, (_, head: string, quote: string, from: string) => {
          const to = target(from, url);
          queue.push(to);
          return `${head}${quote}${relative(path, to.path)}${quote}`;
        });
    files.set(path, mapped.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"));
    if (path.startsWith("vendor/")) {
      const { name, folder } = packageFile(url);
      packages.set(name, folder);
    }
  }
  for (const [name, folder] of packages) {
    // Who passes a package on passes on its licence.
    const licences = (await readdir(fileURLToPath(folder))).filter((file) => /^licen[cs]e/i.test(file));
    for (const file of licences) {
      files.set(`vendor/${name}/${file}`, await readFile(new URL(file, folder), "utf8"));
    }
  }
  return { files, packages: [...packages.keys()].sort() };
}
