/** The files of a dashboard: HTML, CSS and modules. The page loads nothing from other servers. */
import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { extname } from "node:path";

/** Like this file, the modules are TypeScript in a clone and JavaScript in the built package. */
const extension = extname(import.meta.filename);
const script = "text/javascript; charset=utf-8";

type PageFile = { readonly text: string; readonly type: string };
type Load = () => Promise<PageFile>;

/** Types are removed from TypeScript modules, as Node does; browsers run the rest. */
function fileAt(url: URL, type: string): Load {
  return async () => {
    const text = await readFile(url, "utf8");
    return { text: url.pathname.endsWith(".ts") ? stripTypeScriptTypes(text) : text, type };
  };
}

/** The frame of every dashboard, with the cards of this one. */
function pageOf(folder: URL, daemon: string): Load {
  return async () => {
    const frame = await readFile(new URL("frame.html", shared), "utf8");
    const cards = await readFile(new URL("cards.html", folder), "utf8");
    const values = new Map(Object.entries({ daemon, extension, cards }));
    const text = frame.replaceAll(/\{\{(\w+)\}\}/g, (mark, name: string) => values.get(name) ?? mark);
    return { text, type: "text/html; charset=utf-8" };
  };
}

/** Modules of `daemon/page`; a dashboard imports them by their path from the project's root. */
const sharedModules = ["dom", "facts", "figures", "format", "live"];
const shared = new URL("../page/", import.meta.url);

export class PageFiles {
  readonly #loads: ReadonlyMap<string, Load>;
  readonly #files = new Map<string, Promise<PageFile>>();

  /**
   * @param folder with cards.html and the modules
   * @param daemon "keeper" or "provider", for the title
   */
  constructor(folder: URL, daemon: string, modules: readonly string[]) {
    const scripts = modules.map((name): [string, Load] => [
      `/${name}${extension}`,
      fileAt(new URL(`${name}${extension}`, folder), script),
    ]);
    // In the browser `../../daemon/page/dom.ts`, seen from the root, is `/daemon/page/dom.ts`.
    const common = sharedModules.map((name): [string, Load] => [
      `/daemon/page/${name}${extension}`,
      fileAt(new URL(`${name}${extension}`, shared), script),
    ]);
    this.#loads = new Map<string, Load>([
      ["/", pageOf(folder, daemon)],
      ["/style.css", fileAt(new URL("style.css", shared), "text/css; charset=utf-8")],
      ["/icon.svg", fileAt(new URL("icon.svg", shared), "image/svg+xml")],
      ...scripts,
      ...common,
    ]);
  }

  /** Paths of all files. */
  get paths(): readonly string[] {
    return [...this.#loads.keys()];
  }

  /** Undefined if the dashboard has no such file. */
  async at(path: string): Promise<PageFile | undefined> {
    const load = this.#loads.get(path);
    if (load === undefined) return undefined;
    const file = this.#files.get(path) ?? load();
    this.#files.set(path, file);
    return file;
  }
}
