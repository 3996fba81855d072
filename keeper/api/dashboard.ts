/** The dashboard's files: plain HTML, CSS and modules. Nothing comes from outside. */
import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";

const html = "text/html; charset=utf-8";
const css = "text/css; charset=utf-8";
const script = "text/javascript; charset=utf-8";

const types = {
  "index.html": html,
  "style.css": css,
  "app.ts": script,
  "books.ts": script,
  "chart.ts": script,
  "dom.ts": script,
  "format.ts": script,
  "money.ts": script,
  "overview.ts": script,
  "round.ts": script,
  "icon.svg": "image/svg+xml",
} as const;

type Name = keyof typeof types;
type File = { readonly text: string; readonly type: string };

const files = new Map<Name, Promise<File>>();

/** Browsers run what is left of a module without its types, as Node does here. */
async function load(name: Name): Promise<File> {
  const text = await readFile(new URL(`../dashboard/${name}`, import.meta.url), "utf8");
  return { text: name.endsWith(".ts") ? stripTypeScriptTypes(text) : text, type: types[name] };
}

/** Undefined if the dashboard has no such file. */
export async function dashboardFile(path: string): Promise<File | undefined> {
  const name = (path === "/" ? "index.html" : path.slice(1)) as Name;
  if (!Object.hasOwn(types, name)) return undefined;
  const file = files.get(name) ?? load(name);
  files.set(name, file);
  return file;
}
