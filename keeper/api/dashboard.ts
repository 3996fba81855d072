/** The dashboard's files: plain HTML, CSS and modules. Nothing comes from outside. */
import { readFile } from "node:fs/promises";

const types = {
  "index.html": "text/html; charset=utf-8",
  "style.css": "text/css; charset=utf-8",
  "app.js": "text/javascript; charset=utf-8",
  "chart.js": "text/javascript; charset=utf-8",
  "format.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml",
} as const;

type Name = keyof typeof types;

/** Undefined if the dashboard has no such file. */
export async function dashboardFile(path: string): Promise<{ text: string; type: string } | undefined> {
  const name = (path === "/" ? "index.html" : path.slice(1)) as Name;
  if (!Object.hasOwn(types, name)) return undefined;
  const text = await readFile(new URL(`./dashboard/${name}`, import.meta.url), "utf8");
  return { text, type: types[name] };
}
