/** The files of a dashboard: HTML, CSS and modules. The page loads nothing from other servers. */
import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { extname } from "node:path";

/** Like this file, the modules are TypeScript in a clone and JavaScript in the built package. */
const extension = extname(import.meta.filename);
const script = "text/javascript; charset=utf-8";

type Place = { readonly url: URL; readonly type: string };
type PageFile = { readonly text: string; readonly type: string };

/** Types are removed from TypeScript modules, as Node does; browsers run the rest. */
async function load({ url, type }: Place): Promise<PageFile> {
  const text = await readFile(url, "utf8");
  return { text: url.pathname.endsWith(".ts") ? stripTypeScriptTypes(text) : text, type };
}

/** Modules of `daemon/page`; a dashboard imports them by their path from the project's root. */
const sharedModules = ["dom", "facts", "figures", "format", "live"];
const shared = new URL("../page/", import.meta.url);

export class PageFiles {
  readonly #places: ReadonlyMap<string, Place>;
  readonly #files = new Map<string, Promise<PageFile>>();

  /** @param folder with index.html and the modules */
  constructor(folder: URL, modules: readonly string[]) {
    const scripts = modules.map((name): [string, Place] => [
      `/${name}${extension}`,
      { url: new URL(`${name}${extension}`, folder), type: script },
    ]);
    // In the browser `../../daemon/page/dom.ts`, seen from the root, is `/daemon/page/dom.ts`.
    const common = sharedModules.map((name): [string, Place] => [
      `/daemon/page/${name}${extension}`,
      { url: new URL(`${name}${extension}`, shared), type: script },
    ]);
    this.#places = new Map<string, Place>([
      ["/", { url: new URL("index.html", folder), type: "text/html; charset=utf-8" }],
      ["/style.css", { url: new URL("style.css", shared), type: "text/css; charset=utf-8" }],
      ["/icon.svg", { url: new URL("icon.svg", shared), type: "image/svg+xml" }],
      ...scripts,
      ...common,
    ]);
  }

  /** Paths of all files. */
  get paths(): readonly string[] {
    return [...this.#places.keys()];
  }

  /** Undefined if the dashboard has no such file. */
  async at(path: string): Promise<PageFile | undefined> {
    const place = this.#places.get(path);
    if (place === undefined) return undefined;
    const file = this.#files.get(path) ?? load(place);
    this.#files.set(path, file);
    return file;
  }
}
