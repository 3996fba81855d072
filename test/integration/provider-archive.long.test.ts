/** Files of an archive by name, and piece lists, over HTTP from a real daemon (R10, R44, R46): who may read what, ranges, refusals, floods. */
import { appendFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pathOfFile } from "../../archive/http-path.ts";
import { canonicalBytes, manifestRoot } from "../../archive/manifest.ts";
import { encodePermission, pathOfList } from "../../protocol/codec/piece-http.ts";
import type { Hex } from "../../protocol/hash.ts";
import { toHex } from "../../protocol/hash.ts";
import { startProvider } from "../../provider/compose.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { loadConfig } from "../../provider/config.ts";
import { pieceRoot } from "../../storage/core/merkle.ts";
import { listOfEntries, PieceEntries } from "../../storage/core/piece-list.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { fileNamed, manifestOf } from "../support/archive/manifests.ts";
import { seededBytes, sharedFolder } from "../support/files.ts";
import { signedPermission } from "../support/permissions.ts";
import { providerScene } from "../support/provider-scene.ts";
import type { Scene } from "../support/provider-scene.ts";
import { until } from "../support/store-scene.ts";

const large = seededBytes(rangeBytes + 70_000, 7);
const readme = new TextEncoder().encode("# A ceremony\n<script>alert(1)</script>\n");
const secret = seededBytes(5_000, 8);
const file = (name: string, bytes: Uint8Array) =>
  fileNamed(name, { bytes: bytes.length, root: toHex(pieceRoot(bytes)) });
const absent = fileNamed("absent");
const manifest = canonicalBytes(
  manifestOf([file("round 1/ré?ponse.bin", large), file("README.md", readme), absent]),
);
/** Names a piece of a group whose payer published nothing. */
const foreign = canonicalBytes(manifestOf([file("secret", secret)], { title: "foreign" }));

let scene: Scene;
let running: RunningProvider;
let removeFolder: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  scene = await providerScene(shared.folder, [
    [manifest, large, readme, foreign, seededBytes(3_000, 9)],
    [secret],
  ]);
  await appendFile(scene.configPath, "reading: { host: 127.0.0.1, port: 0 }\n");
  running = await startProvider(await loadConfig(scene.configPath), scene.keys, pino({ level: "silent" }));
});

afterAll(async () => {
  await running.stop();
  await scene.close();
  await removeFolder();
});

type Got = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

/** One request, with the path as it is: fetch would shorten it. */
function http(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Got> {
  const { hostname, port } = new URL(String(running.reading));
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ hostname, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    asked.on("error", reject).end();
  });
}

const root = manifestRoot(manifest);
const domain = (group = 0) => ({
  chainId: scene.chain.chainId,
  group: scene.stored[group]!.group.address,
});

let sequence = 0;

/** The header of a permission for anybody to read a group's pieces. */
async function shown(group = 0, piece?: Hex): Promise<Record<string, string>> {
  sequence++;
  const last = (await scene.chain.world.chain.block()) + 1_000;
  const wish = { peer: undefined, until: last, sequence, ...(piece === undefined ? {} : { root: piece }) };
  const permission = await signedPermission(scene.chain.world.convener, domain(group), wish);
  return { "WhitePay-Permission": encodePermission({ ...domain(group), ...permission }) };
}

describe("GET /archive/<manifest root>/<name>", () => {
  it("serves nothing to who may not read, and says whether manifest or file is missing", async () => {
    const path = pathOfFile(root, "README.md");
    const refused = await http(path);
    expect(refused.status).toBe(404);
    expect(refused.body.toString()).toMatch(`manifest ${root}: no piece with this root may be read`);
    // A permission for the manifest alone does not open its files.
    const half = await http(path, await shown(0, root));
    expect(half.status).toBe(404);
    expect(half.body.toString()).toMatch(/file "README.md", piece 0x\w{64}: unknown-piece/);
    const all = await shown();
    expect(await http(path, all)).toMatchObject({ status: 200, body: Buffer.from(readme) });
    const gone = await http(pathOfFile(root, "absent"), all);
    expect(gone).toMatchObject({ status: 404 });
    expect(gone.body.toString()).toMatch(`file "absent", piece ${absent.root}: unknown-piece`);
    const unknown = await http(pathOfFile(root, "nothing"), all);
    expect(unknown).toMatchObject({ status: 404 });
    expect(unknown.body.toString()).toMatch(/it has no file "nothing"/);
    const noManifest = await http(pathOfFile(toHex(pieceRoot(large)), "a"), all);
    expect(noManifest).toMatchObject({ status: 404 });
    expect(noManifest.body.toString()).toMatch(/no manifest of an archive: expected a JSON object/);
  });

  it("opens no private piece of another group, though a manifest names it", async () => {
    const path = pathOfFile(manifestRoot(foreign), "secret");
    const got = await http(path, await shown(0));
    expect(got).toMatchObject({ status: 404 });
    expect(got.body.toString()).toMatch(/file "secret", piece 0x\w{64}: unknown-piece/);
    expect(await http(path, await shown(1))).toMatchObject({ status: 404 });
  });

  it("serves ranges as a web seed, HEAD, conditions, types and CORS", async () => {
    const all = await shown();
    const path = pathOfFile(root, "round 1/ré?ponse.bin");
    const head = await http(path, all, "HEAD");
    expect(head).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(head.headers).toMatchObject({
      "accept-ranges": "bytes",
      "content-length": String(large.length),
      "content-type": "application/octet-stream",
      "access-control-allow-origin": "*",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
      etag: `"${toHex(pieceRoot(large)).slice(2)}"`,
    });
    const part = await http(path, { ...all, Range: `bytes=${rangeBytes - 2}-${rangeBytes + 1}` });
    expect(part).toMatchObject({
      status: 206,
      body: Buffer.from(large.subarray(rangeBytes - 2, rangeBytes + 2)),
    });
    expect(part.headers["content-range"]).toBe(`bytes ${rangeBytes - 2}-${rangeBytes + 1}/${large.length}`);
    expect(await http(path, { ...all, Range: `bytes=${large.length}-` })).toMatchObject({ status: 416 });
    expect(await http(path, { ...all, Range: "bytes=0-1,4-5" })).toMatchObject({ status: 416 });
    const whole = await http(path, all);
    expect(whole.body).toEqual(Buffer.from(large));
    expect(await http(path, { ...all, "If-None-Match": String(whole.headers.etag) })).toMatchObject({
      status: 304,
    });
    expect((await http(pathOfFile(root, "README.md"), all)).headers["content-type"]).toBe(
      "text/plain; charset=utf-8",
    );
    const itself = await http(`/archive/${root}/manifest`, all);
    expect(itself).toMatchObject({ status: 200, body: Buffer.from(manifest) });
    expect(itself.headers["content-type"]).toBe("application/json");
    expect(await http(path, {}, "OPTIONS")).toMatchObject({ status: 204 });
    expect(await http(path, all, "POST")).toMatchObject({ status: 405 });
  });

  it("answers every malformed path with its reason", async () => {
    for (const [path, status] of [
      [`/archive/${root}`, 400],
      [`/archive/${root}/`, 400],
      [`/archive/${root}/../../etc/passwd`, 400],
      [`/archive/${root}/%2e%2e/x`, 400],
      [`/archive/${root}/a%2Fb`, 400],
      [`/archive/${root}/%ff`, 400],
      [`/archive/${root}/${"a".repeat(300)}`, 400],
      [`/archive/${root}/${"a/".repeat(2_000)}a`, 400],
      [`/archive/${root}/${"a".repeat(20_000)}`, 431],
      [`/archive/${"00".repeat(32)}/a`, 404],
    ] as const) {
      expect((await http(path)).status, path.slice(0, 120)).toBe(status);
    }
  });
});

describe("GET /list/<list root>", () => {
  it("serves each list of the provider to anybody, whole or in parts, and its root proves it", async () => {
    for (const { list } of scene.stored) {
      const got = await http(pathOfList(toHex(list.root)));
      expect(got.status).toBe(200);
      const read = listOfEntries(new PieceEntries(Uint8Array.from(got.body)));
      expect([toHex(read.root), read.totalBytes]).toEqual([toHex(list.root), list.totalBytes]);
      expect(got.headers).toMatchObject({
        "access-control-allow-origin": "*",
        "content-type": "application/octet-stream",
        etag: `"${toHex(list.root).slice(2)}"`,
      });
      const part = await http(pathOfList(toHex(list.root)), { Range: "bytes=0-39" });
      expect(part).toMatchObject({ status: 206, body: got.body.subarray(0, 40) });
      const head = await http(pathOfList(toHex(list.root)), {}, "HEAD");
      expect(head.headers["content-length"]).toBe(String(got.body.length));
    }
    const unknown = await http(pathOfList(root));
    expect(unknown).toMatchObject({ status: 404 });
    expect(unknown.body.toString()).toMatch(/the provider never had it/);
    expect(await http("/list/12")).toMatchObject({ status: 404 });
  });
});

describe("a flood", () => {
  it("of names, roots and lists is refused beyond the limits of an address, and readers are served afterwards", async () => {
    const all = await shown();
    const { port, hostname } = new URL(String(running.reading));
    const paths = (i: number): string =>
      [
        pathOfFile(root, `nothing ${i}`),
        pathOfFile(root, "round 1/ré?ponse.bin"),
        pathOfFile(`0x${i.toString(16).padStart(64, "0")}`, "a"),
        pathOfFile(toHex(pieceRoot(large)), String(i)),
        pathOfList(`0x${i.toString(16).padStart(64, "0")}`),
        pathOfList(toHex(scene.stored[0]!.list.root)),
      ][i % 6] as string;
    const statuses = new Map<number, number>();
    const before = process.memoryUsage().rss;
    // Twenty connections, each with pipelined requests.
    const sent = Array.from({ length: 20 }, async (_, c) => {
      const socket = connect(Number(port), hostname);
      const requests = Array.from({ length: 50 }, (_, i) => {
        const last = i === 49 ? "Connection: close\r\n" : "";
        const permission = `WhitePay-Permission: ${all["WhitePay-Permission"]}\r\nRange: bytes=0-99\r\n`;
        return `GET ${paths(50 * c + i)} HTTP/1.1\r\nHost: x\r\n${permission}${last}\r\n`;
      });
      socket.write(requests.join(""));
      const answer = await text(socket);
      for (const [, status] of answer.matchAll(/HTTP\/1\.1 (\d{3})/g)) {
        statuses.set(Number(status), (statuses.get(Number(status)) ?? 0) + 1);
      }
    });
    await Promise.all(sent);
    expect([...statuses.keys()].filter((status) => ![206, 404, 429, 503].includes(status))).toEqual([]);
    expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(1_000);
    expect(statuses.get(429)).toBeGreaterThan(0);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
    await until("a reader is served again", async () => {
      const { status } = await http(pathOfFile(root, "README.md"), all);
      return status === 200 ? true : undefined;
    });
  });
});
