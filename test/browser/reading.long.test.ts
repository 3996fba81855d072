/** The library reads and verifies a piece in a real Chromium, on a page of another origin, from a real provider and beside a liar (R44). */
import { appendFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pino } from "pino";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createViteServer } from "vitest/node";
import { encodeProof } from "../../protocol/codec/piece-http.ts";
import { toHex } from "../../protocol/hash.ts";
import { loadConfig } from "../../provider/config.ts";
import { startProvider } from "../../provider/compose.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { projectRoot } from "../../scripts/paths.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { install } from "../package/install.ts";
import { fileServer, plain, type FileAnswer, type FileServer } from "../support/file-servers.ts";
import { seededBytes, sharedFolder } from "../support/files.ts";
import { signedPermission } from "../support/permissions.ts";
import { providerScene } from "../support/provider-scene.ts";
import type { Scene } from "../support/provider-scene.ts";
import { launchChromium, looks, openPage, type Watched } from "./chromium.ts";

const page = `<!doctype html><html lang="en"><title>reading</title><body><script type="module" src="/main.ts"></script></body></html>`;

/** What a page does with a piece; its results are in window.result. */
const script = `
import * as whitepay from "@whitepay/client";
const { root, provider, liar, permission, url, lyingUrl } = Object.fromEntries(new URLSearchParams(location.search));
const bytes = Uint8Array.from(atob(permission.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const terms = JSON.parse(new TextDecoder().decode(bytes));
const signed = { ...terms, signature: Uint8Array.from(terms.signature) };
const nobody = await whitepay.openPiece(root, [provider]).catch((error) => error.code + " " + error.actual);
const sources = [liar, whitepay.httpSource(provider, { permission: signed })];
const piece = await whitepay.openPiece(root, sources);
const hash = async (data) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", data))].join();
let size = 0;
const whole = new Uint8Array(piece.size);
for await (const part of piece.bytes()) { whole.set(part, size); size += part.length; }
const middle = [];
for await (const part of piece.bytes({ start: 2031610, end: 2031620 })) middle.push(...part);
const store = whitepay.memoryStore(piece.size);
const read = await whitepay.readArchiveFile({ root, bytes: piece.size }, { providers: [sources[1]], urls: [lyingUrl, url] }, store);
const file = new Uint8Array(await new Blob(store.parts()).arrayBuffer());
window.result = { archive: { hash: await hash(file), faults: read.faults.map(({ source, kind }) => ({ source, kind })) }, nobody, size, hash: await hash(whole), middle, faults: piece.faults };
`;

const size = 2 * rangeBytes + 70_000;
const data = seededBytes(size, 1);

let scene: Scene;
let running: RunningProvider;
let removeFolder: () => Promise<void>;
let vite: Awaited<ReturnType<typeof createViteServer>>;
let liar: Server;
let plainUrl: FileServer;
let lyingUrl: FileServer;
let browser: Browser;
let watched: Watched;

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  scene = await providerScene(shared.folder, [[size]]);
  await appendFile(scene.configPath, "reading: { host: 127.0.0.1, port: 0 }\n");
  running = await startProvider(await loadConfig(scene.configPath), scene.keys, pino({ level: "silent" }));
  liar = createServer((request, response) => {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Headers", "Range");
    response.setHeader("Access-Control-Expose-Headers", "Content-Range, WhitePay-Proof");
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    response.writeHead(206, {
      "Content-Range": `bytes 0-${rangeBytes - 1}/${size}`,
      "WhitePay-Proof": encodeProof([seededBytes(32, 1), seededBytes(32, 2)]),
    });
    response.end(seededBytes(rangeBytes, 9));
  });
  await new Promise<void>((done) => liar.listen(0, "127.0.0.1", done));
  // The page's bytes come from two plain URLs of other origins, too; one of them lies.
  const open =
    (change?: (bytes: Uint8Array) => Uint8Array): FileAnswer =>
    (request, response, place) => {
      response.setHeader("Access-Control-Allow-Origin", "*");
      plain(data, change)(request, response, place);
    };
  plainUrl = await fileServer(size, open());
  lyingUrl = await fileServer(
    size,
    open((bytes) => bytes.fill(3)),
  );
  const { project: root } = await install("client", shared.folder);
  await writeFile(join(root, "index.html"), page);
  await writeFile(join(root, "main.ts"), script);
  vite = await createViteServer({
    root,
    configFile: false,
    cacheDir: join(shared.folder, "vite"),
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0, hmr: false, fs: { allow: [shared.folder, projectRoot] } },
  });
  await vite.listen();
  browser = await launchChromium();
});

afterAll(async () => {
  await watched?.close();
  await browser?.close();
  await vite?.close();
  liar?.close();
  plainUrl?.close();
  lyingUrl?.close();
  await running?.stop();
  await scene?.close();
  await removeFolder?.();
});

describe("the library in a browser", () => {
  it("reads a piece from a provider of another origin, verifies it, and names a source that lies", async () => {
    const { group, list } = scene.stored[0]!;
    const root = toHex(list.pieces.at(0)!.root);
    const until = (await scene.chain.world.chain.block()) + 1_000;
    const domain = { chainId: scene.chain.chainId, group: group.address };
    const permission = {
      ...domain,
      ...(await signedPermission(scene.chain.world.convener, domain, {
        peer: undefined,
        until,
        sequence: 1,
      })),
    };
    const text = JSON.stringify({ ...permission, signature: [...permission.signature] });
    const liarUrl = `http://127.0.0.1:${(liar.address() as AddressInfo).port}`;
    const query = new URLSearchParams({
      root,
      provider: String(running.reading),
      liar: liarUrl,
      url: plainUrl.url,
      lyingUrl: lyingUrl.url,
      permission: Buffer.from(text).toString("base64url"),
    });
    const { port } = vite.httpServer!.address() as AddressInfo;
    watched = await openPage(browser, `http://127.0.0.1:${port}/?${query}`, looks[0]!);
    await watched.page.waitForFunction("window.result !== undefined", undefined, { timeout: 120_000 });
    const result: Record<string, unknown> = await watched.page.evaluate("window.result");
    const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(data)));
    expect(result).toEqual({
      archive: { hash: [...expected].join(), faults: [{ source: lyingUrl.url, kind: "wrong" }] },
      nobody: expect.stringMatching(/^network .*404/),
      size,
      hash: [...expected].join(),
      middle: [...data.subarray(2_031_610, 2_031_620)],
      faults: [
        { source: `${liarUrl}/`, kind: "wrong", reason: expect.stringMatching(/do not match the root/) },
      ],
    });
  });
});
