/** The library's tarball in a dashboard: bundled by Vite in a project of its own, in a real Chromium, against a real chain. */
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createViteServer } from "vitest/node";
import { projectRoot } from "../../scripts/paths.ts";
import { install } from "../package/install.ts";
import { libraryScene, type LibraryScene } from "../support/library-scene.ts";
import { launchChromium, looks, openPage, type Watched } from "./chromium.ts";

const page = `<!doctype html><html lang="en"><title>library</title><body><script type="module" src="/main.ts"></script></body></html>`;

/** Calls of a dashboard; their results are in window.result. */
const script = `
import * as whitepay from "@whitepay/client";
const query = new URLSearchParams(location.search);
const [group, lens, settlement] = ["group", "lens", "settlement"].map((name) => query.get(name));
const at = { address: group, lens };
const provider = await whitepay.connectRpc(location.origin + "/rpc");
const status = await whitepay.groupStatus(provider, at);
const seen = [];
for await (const { events } of whitepay.watchGroup(provider, group, { from: 0, polling_ms: 100 })) {
  seen.push(...events.map(({ name }) => name));
  if (seen.includes("Settled")) break;
}
const verified = await whitepay.verifyCertificate(provider, settlement);
const paid = [];
for await (const { role, kind } of whitepay.groupPayments(provider, at)) paid.push(role + " " + kind);
const nowhere = { address: "0x" + "7".repeat(40), lens };
const refused = await whitepay.groupStatus(provider, nowhere).catch((error) => error.code);
const { costPerMonth } = whitepay.quote({
  providers: [{ bytes: whitepay.parseBytes("1GiB"), price: 10n ** 12n << 34n }],
  rhythm: status.committee.rhythm, config: { ...status.config, keeperFee: 0n }, token: status.token,
  keepers: 4, blockTime_s: 12, months: 1,
});
window.result = {
  bytes: String(status.bytes), symbol: status.token.symbol, funded: status.fundedUntil.block > status.head.block,
  seen, valid: verified.report.valid, complaints: verified.complaints, digest: verified.report.digest,
  committee: verified.report.committee, settled: verified.report.groups.map((each) => each.group),
  refused, paid, month: whitepay.formatAmount(costPerMonth, status.token),
};
`;

let scene: LibraryScene;
let vite: Awaited<ReturnType<typeof createViteServer>>;
let browser: Browser;
let watched: Watched;
let url: string;

beforeAll(async () => {
  scene = await libraryScene();
  const { project: root } = await install("client", scene.folder);
  await writeFile(join(root, "index.html"), page);
  await writeFile(join(root, "main.ts"), script);
  vite = await createViteServer({
    root,
    configFile: false,
    cacheDir: join(scene.folder, "vite"),
    logLevel: "error",
    server: {
      host: "127.0.0.1",
      port: 0,
      hmr: false,
      // The dependencies are symbolic links into this repository.
      fs: { allow: [scene.folder, projectRoot] },
      proxy: { "/rpc": { target: scene.rpc, rewrite: () => "/" } },
    },
  });
  await vite.listen();
  const { port } = vite.httpServer!.address() as AddressInfo;
  url = `http://127.0.0.1:${port}/?group=${scene.group}&lens=${scene.lens}&settlement=${scene.settlement}`;
  browser = await launchChromium();
});
afterAll(async () => {
  await watched?.close();
  await browser?.close();
  await vite?.close();
  await scene?.close();
});

describe("the library in a browser", () => {
  it("reads and watches a group, computes a quote and verifies a settlement's certificate, without Node", async () => {
    watched = await openPage(browser, url, looks[0]!);
    await watched.page.waitForFunction("window.result !== undefined", undefined, { timeout: 60_000 });
    const result: Record<string, unknown> = await watched.page.evaluate("window.result");
    expect(result).toMatchObject({
      bytes: "1000000",
      symbol: "WPD",
      funded: true,
      seen: expect.arrayContaining(["Deposited", "Entered", "ProviderAdded", "Settled"]),
      committee: scene.committee,
      settled: [scene.group],
      valid: true,
      complaints: [],
      digest: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      refused: "input",
      paid: ["provider settled", ...Array<string>(4).fill("keeper settled")],
      // A millionth of a token for a GiB and block, 216,000 blocks a month.
      month: "0.216 WPD",
    });
    expect(watched.troubles).toEqual([]);
    expect(watched.requests.filter((request) => !request.startsWith(new URL(url).origin))).toEqual([]);
  });

  it("is one bundle: the page loads no other file of the library or its dependencies", () => {
    const loaded = watched.requests.map((request) => new URL(request).pathname);
    const bundle = loaded.filter((path) => path.endsWith("/deps/@whitepay_client.js"));
    expect(bundle).toHaveLength(1);
    expect(loaded.filter((path) => /\/node_modules\/(?:@whitepay|@noble|ethers)\//.test(path))).toEqual([]);
  });
});
