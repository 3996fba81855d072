/** The dashboard's files: HTML, CSS and modules. The page loads nothing from other servers. */
import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { extname } from "node:path";

/** Like this file, the modules are TypeScript in a clone and JavaScript in the built package. */
const extension = extname(import.meta.filename);
const modules = [
  "app",
  "chart",
  "committee",
  "dom",
  "format",
  "groups",
  "money",
  "outcomes",
  "overview",
  "payments",
  "reasons",
  "round",
];

const types: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "style.css": "text/css; charset=utf-8",
  "icon.svg": "image/svg+xml",
  ...Object.fromEntries(modules.map((name) => [`${name}${extension}`, "text/javascript; charset=utf-8"])),
};

type File = { readonly text: string; readonly type: string };

const files = new Map<string, Promise<File>>();

/** Types are removed from TypeScript modules, as Node does; browsers run the rest. */
async function load(name: string, type: string): Promise<File> {
  const text = await readFile(new URL(`../dashboard/${name}`, import.meta.url), "utf8");
  return { text: name.endsWith(".ts") ? stripTypeScriptTypes(text) : text, type };
}

/** Undefined if the dashboard has no such file. */
export async function dashboardFile(path: string): Promise<File | undefined> {
  const name = path === "/" ? "index.html" : path.slice(1);
  const type = Object.hasOwn(types, name) ? types[name] : undefined;
  if (type === undefined) return undefined;
  const file = files.get(name) ?? load(name, type);
  files.set(name, file);
  return file;
}
