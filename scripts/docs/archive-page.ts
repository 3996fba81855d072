/** Takes the picture docs/figures/archive-page.png: the public page of an archive of which a provider is lost. Run: node scripts/docs/archive-page.ts */
import { join } from "node:path";
import { launchChromium, looks, openPage, type Look } from "../../test/browser/chromium.ts";
import { archiveScene } from "../../test/support/archive/archive-scene.ts";
import { fileNamed, manifestOf } from "../../test/support/archive/manifests.ts";
import { serveFolder } from "../../test/support/archive/static-server.ts";
import { compileContracts } from "../contracts/compile.ts";
import { projectRoot } from "../paths.ts";

const GB = 1_000_000_000;
const files = ["challenge_0001", "response_0001", "challenge_0002", "response_0002"].map((name) =>
  fileNamed(name, { bytes: 51 * GB }),
);
await compileContracts();
const scene = await archiveScene(manifestOf(files, { title: "Powers of Tau" }));
const out = join(scene.folder, "page");
await scene.json(["archive", "page", "--manifest", scene.manifestFile, "--out", out]);
const server = await serveFolder(out);
const browser = await launchChromium();
const { page } = await openPage(browser, `${server.url}/`, looks[2] as Look);
await page.waitForSelector("#link[data-state=live]");
const chart = await page.locator('[aria-labelledby="h-copies"]').boundingBox();
const height = Math.ceil((chart?.y ?? 0) + (chart?.height ?? 0) + 12);
const clip = { x: 0, y: 0, width: 1440, height };
await page.screenshot({ path: join(projectRoot, "docs/figures/archive-page.png"), clip, fullPage: true });
await browser.close();
await server.stop();
await scene.close();
