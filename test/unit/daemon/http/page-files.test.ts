/** The files of the dashboards that the HTTP servers send. */
import { readdir, readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { dashboard as keeperPage } from "../../../../keeper/api/dashboard.ts";
import { dashboard as providerPage } from "../../../../provider/api/dashboard.ts";
import { projectRoot } from "../../../../scripts/paths.ts";
import { importsOf } from "../../../../scripts/typescript-source.ts";

const pages = { keeper: keeperPage, provider: providerPage } as const;

describe.each(Object.entries(pages))("the files of the %s's page", (who, page) => {
  it("are all served, scripts without types", async () => {
    const own = await readdir(join(projectRoot, who, "dashboard"));
    const common = (await readdir(join(projectRoot, "daemon/page"))).filter((name) => name.endsWith(".ts"));
    const paths = [
      ...own.filter((name) => name.endsWith(".ts")).map((name) => `/${name}`),
      ...common.map((name) => `/daemon/page/${name}`),
      "/",
      "/style.css",
      "/icon.svg",
    ];
    expect(page.paths.toSorted()).toEqual(paths.toSorted());
    const texts = await Promise.all(paths.map(async (path) => (await page.at(path))?.text ?? ""));
    expect(texts.filter((text) => text === "")).toEqual([]);
    const typed = paths.filter((path, i) => path.endsWith(".ts") && /^import type /m.test(texts[i] ?? ""));
    expect(typed).toEqual([]);
  });

  it("begin with the frame of all pages, filled with this page's title, script and cards", async () => {
    const { text, type } = (await page.at("/")) ?? { text: "", type: "" };
    expect(type).toMatch(/^text\/html/);
    expect(text).toContain(`<title>WhitePay ${who}</title>`);
    expect(text).toContain('src="/app.ts"');
    expect(text).toContain(await readFile(join(projectRoot, who, "dashboard/cards.html"), "utf8"));
    expect(text).not.toContain("{{");
  });

  it("import only files that are served, as a browser resolves them", async () => {
    for (const path of page.paths.filter((one) => one.endsWith(".ts"))) {
      for (const { from } of importsOf((await page.at(path))?.text ?? "")) {
        const target = posix.join(posix.dirname(path), from ?? "");
        expect(page.paths, `${path} imports ${from}`).toContain(target);
      }
    }
  });

  it("do not include other files", async () => {
    for (const path of [
      "/tsconfig.json",
      "/../api/app.ts",
      "/toString",
      "/app",
      "/index.html",
      "/cards.html",
    ]) {
      expect(await page.at(path), path).toBeUndefined();
    }
  });
});
