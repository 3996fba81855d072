/** Reading data of others with commands, each a process of its own: share, fetch from everywhere, and unshare (R44). */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ShareFile } from "../../cli/reading/share-file.ts";
import { generatedBytes } from "../../scripts/fleet/files.ts";
import { cliScript } from "../../scripts/paths.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { openStoring, type Storing } from "../support/storing.ts";

type Fetched = {
  root: string;
  bytes: number;
  path: string;
  sources: { source: string; bytes: number }[];
  faults: { source: string; kind: string }[];
};

const size = 2 * rangeBytes + 50_000;
const plain = Buffer.from(generatedBytes("public", size));
const minutes = 60_000;

let scene: Storing;
let shared: ShareFile;
const servers: Server[] = [];

beforeAll(async () => {
  scene = await openStoring({ providers: 3 });
  writeFileSync(join(scene.folder, "photos.tar"), plain);
  writeFileSync(join(scene.folder, "letters.tar"), generatedBytes("letters", 40_000));
  const common = ["--copies", "2", "--for", "5000blocks", "--budget", "100000", "--yes"];
  await scene.json("store", join(scene.folder, "photos.tar"), "--public", ...common);
  await scene.json("store", join(scene.folder, "letters.tar"), ...common);
}, 10 * minutes);

afterAll(async () => {
  for (const server of servers) server.close();
  await scene?.close();
}, minutes);

const at = (name: string): string => join(scene.folder, name);

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<unknown>;

async function serving(answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("an item", { timeout: 5 * minutes }, () => {
  it("is shared with anybody: every provider with a copy says where it serves it", async () => {
    shared = await scene.json<ShareFile>(
      "share",
      "photos.tar",
      "--for",
      "2000blocks",
      "--file",
      at("share.json"),
    );
    expect(shared).toMatchObject({ name: "photos.tar", with: "anybody" });
    expect(shared.copies).toHaveLength(2);
    for (const { url, bytes } of shared.copies) {
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/piece\/[0-9a-f]{64}$/);
      expect(bytes).toBe(size);
    }
  });

  it("is fetched with the file, from URLs, and from the registry's providers, byte for byte", async () => {
    const [one] = shared.copies;
    const registry = await scene.community.base.deployment.registry.getAddress();
    const ways = [
      ["--share", at("share.json")],
      [one!.root, "--from", new URL(one!.url!).origin],
      [one!.root, "--from", one!.url!],
      [one!.root.slice(2), "--registry", registry],
    ];
    for (const [i, way] of ways.entries()) {
      const got = await scene.json<Fetched>("fetch", ...way, "--out", at(`got-${i}`));
      expect(got).toMatchObject({ root: one!.root, bytes: size, faults: [] });
      expect(readFileSync(at(`got-${i}`)).equals(plain)).toBe(true);
    }
    const again = await scene.json<Fetched>("fetch", ...ways[0]!, "--out", at("got-0"));
    expect(again.sources).toEqual([]);
    const other = await scene.run("fetch", ...ways[0]!, "--out", at("letters.tar"));
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/exists already and is not this piece/),
    });
  });

  it("is fetched by its name in a manifest, whose BLAKE2b-512 must belong to the same bytes", async () => {
    const [one] = shared.copies;
    const hash = (algorithm: string, bytes: Uint8Array): string =>
      `0x${createHash(algorithm).update(bytes).digest("hex")}`;
    const file = (name: string, hashed: Uint8Array): object => ({
      name,
      bytes: size,
      blake2b: hash("blake2b512", hashed),
      sha256: hash("sha256", hashed),
      root: one!.root,
      priority: 1,
      sources: [],
    });
    const files = [file("photos/all.tar", plain), file("photos/wrong.tar", plain.subarray(1))];
    const manifest = {
      format: "whitepay-archive/1",
      title: "Photos",
      description: "",
      edition: 1,
      previous: null,
      created: "2026-11-22T10:00:00Z",
      curator: { name: "a test" },
      collections: [{ name: "photos", title: "Photos", licence: "CC0-1.0", files }],
      attestations: [],
      dropped: [],
    };
    writeFileSync(at("archive.json"), JSON.stringify({ manifest, signatures: [] }));
    const fetched = (name: string, out: string) =>
      scene.run("fetch", name, "--manifest", at("archive.json"), "--from", one!.url!, "--out", at(out));
    expect(await fetched("photos/all.tar", "by-name")).toMatchObject({ code: 0 });
    expect(readFileSync(at("by-name")).equals(plain)).toBe(true);
    expect(await fetched("photos/wrong.tar", "wrong")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/belong to different files[^]*expected: *0x[^]*actual: *0x/),
    });
    expect(await fetched("all.tar", "none")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no file of this name[^]*photos\/all.tar, photos\/wrong.tar/),
    });
  });

  it("is fetched by its name from the registry's providers and a URL of the manifest at once; the URL lies, and is named", async () => {
    const liar = await serving(async (request, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(String(request.headers.range)) ?? [];
      const bytes = Buffer.alloc(Number(last) + 1 - Number(first), 7);
      response.writeHead(206, { "Content-Range": `bytes ${first}-${last}/${size}` }).end(bytes);
      return Promise.resolve();
    });
    const manifest = JSON.parse(readFileSync(at("archive.json"), "utf8")) as {
      manifest: { collections: { files: { sources: object[] }[] }[] };
    };
    manifest.manifest.collections[0]!.files[0]!.sources.push({ url: `${liar}/all.tar` });
    writeFileSync(at("archive-url.json"), JSON.stringify(manifest));
    const registry = await scene.community.base.deployment.registry.getAddress();
    const way = ["photos/all.tar", "--manifest", at("archive-url.json"), "--registry", registry];
    const got = await scene.json<Fetched>("fetch", ...way, "--out", at("by-both"));
    expect(got.faults).toMatchObject([{ source: `${liar}/all.tar`, kind: "wrong" }]);
    expect(readFileSync(at("by-both")).equals(plain)).toBe(true);
  });

  it("is whole although a source lies, which is named; and is continued where a run without sources ended", async () => {
    const [one] = shared.copies;
    const liar = await serving(async (request, response) => {
      const answer = await fetch(one!.url!, { headers: { Range: String(request.headers.range) } });
      const bytes = new Uint8Array(await answer.arrayBuffer());
      bytes[5] = (bytes[5] ?? 0) ^ 1;
      response.writeHead(206, {
        "Content-Range": String(answer.headers.get("Content-Range")),
        "WhitePay-Proof": String(answer.headers.get("WhitePay-Proof")),
      });
      response.end(bytes);
    });
    const got = await scene.json<Fetched>(
      "fetch",
      one!.root,
      "--from",
      liar,
      one!.url!,
      "--out",
      at("honest"),
    );
    expect(got.faults).toMatchObject([{ source: `${liar}/`, kind: "wrong" }]);
    expect(readFileSync(at("honest")).equals(plain)).toBe(true);
    const half = await serving(async (request, response) => {
      const range = String(request.headers.range);
      if (!range.startsWith("bytes=0-")) return void response.writeHead(404).end("no more");
      const answer = await fetch(one!.url!, { headers: { Range: range } });
      response.writeHead(206, {
        "Content-Range": String(answer.headers.get("Content-Range")),
        "WhitePay-Proof": String(answer.headers.get("WhitePay-Proof")),
      });
      response.end(new Uint8Array(await answer.arrayBuffer()));
    });
    const ended = await scene.run("fetch", one!.root, "--from", half, "--out", at("continued"));
    expect(ended).toMatchObject({ code: 3, stderr: expect.stringMatching(/404: no more/) });
    const rest = await scene.json<Fetched>("fetch", one!.root, "--from", one!.url!, "--out", at("continued"));
    expect(rest.sources).toEqual([{ source: one!.url, bytes: size - rangeBytes }]);
    expect(readFileSync(at("continued")).equals(plain)).toBe(true);
  });

  it("is shared with one peer, which alone reads it, until it is unshared", async () => {
    const reader = async (name: string): Promise<string> => {
      const args = [cliScript, "reader", "--reader-key", at(name), "--json"];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      return (JSON.parse(stdout) as { peerId: string }).peerId;
    };
    const peer = await reader("one.key");
    expect(await reader("one.key")).toBe(peer);
    expect(await reader("other.key")).not.toBe(peer);
    await scene.json("share", "photos.tar", "--with", peer, "--quota", "100MB", "--file", at("peer.json"));
    const fetched = (key: string, out: string) =>
      scene.run("fetch", "--share", at("peer.json"), "--reader-key", at(key), "--out", at(out), "--json");
    expect(await fetched("one.key", "by-peer")).toMatchObject({ code: 0 });
    expect(readFileSync(at("by-peer")).equals(plain)).toBe(true);
    expect(await fetched("other.key", "by-other")).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/not-the-payer/),
    });
    expect(await scene.json("unshare", "--all")).toMatchObject({ revoked: "all", faults: [] });
    expect(await fetched("one.key", "late")).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/revoked/),
    });
  });

  it("that is encrypted is not shared unawares; wrong input has an answer", async () => {
    for (const [args, text] of [
      [["share", "letters.tar"], /is encrypted/],
      [["share", "nothing"], /nothing is stored under nothing/],
      [["share", "photos.tar", "--with", "someone"], /--with is not valid/],
      [["share", "photos.tar", "--quota", "0"], /--quota is not valid/],
      [["unshare"], /nothing to unshare/],
      [["fetch", "--out", "x"], /the root is missing/],
      [["fetch", "0x12", "--out", "x"], /the root is not valid/],
    ] as const) {
      expect(await scene.run(...args), args.join(" ")).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(text),
      });
    }
  });
});
