/** `whitepay fetch NAME --manifest`: processes of their own, real servers that lie, break, stall and redirect; memory beside the file's size. */
import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { hashBlocks } from "../../cli/archive/hash-blocks.ts";
import { canonicalBytes, manifestRoot } from "../../archive/manifest.ts";
import type { ArchiveFile, FileSource, Manifest } from "../../archive/schema.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { toHex } from "../../protocol/hash.ts";
import { fileNamed, manifestOf } from "../support/archive/manifests.ts";
import { runCli, startCli } from "../support/cli.ts";
import {
  breaking,
  fileServer,
  flippedAt,
  plain,
  proving,
  servedFile,
  whole,
  type FileAnswer,
  type FileServer,
} from "../support/file-servers.ts";
import { seededBytes, sharedFolder, type SharedFolder } from "../support/files.ts";

const minutes = 60_000;
const file = servedFile(seededBytes(12 * rangeBytes + 5_000, 11));
const { data, root } = file;
const digest = (algorithm: string): `0x${string}` => toHex(createHash(algorithm).update(data).digest());

type Fetched = {
  readonly sources: { source: string; bytes: number }[];
  readonly faults: { source: string; kind: string; reason: string }[];
};

let shared: SharedFolder;
let count = 0;
beforeAll(async () => {
  shared = await sharedFolder();
});
afterAll(() => shared.remove());

async function serving(answer: FileAnswer, size = data.length): Promise<FileServer> {
  const server = await fileServer(size, answer);
  onTestFinished(() => server.close());
  return server;
}

function entry(sources: readonly FileSource[], changes: Partial<ArchiveFile> = {}): ArchiveFile {
  const hashes = { blake2b: digest("blake2b512"), sha256: digest("sha256") };
  return fileNamed("r/response 1", {
    bytes: data.length,
    root,
    ...hashes,
    sources: [...sources],
    ...changes,
  });
}

async function written(manifest: Manifest): Promise<{ readonly path: string; readonly out: string }> {
  const path = join(shared.folder, `archive-${++count}.json`);
  await writeFile(path, JSON.stringify({ manifest, signatures: [] }));
  return { path, out: join(shared.folder, `out-${count}`, "file") };
}

async function fetching(sources: readonly FileSource[], ...more: string[]) {
  const { path, out } = await written(manifestOf([entry(sources)]));
  const args = ["fetch", "r/response 1", "--manifest", path, "--out", out, "--json", ...more];
  return { args, out, run: () => runCli(args) };
}

const urls = (servers: readonly FileServer[]): FileSource[] =>
  servers.map(({ url }) => ({ url: `${url}/file` }));
const there = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

describe("fetch by name", { timeout: 5 * minutes }, () => {
  it("reads the manifest's URLs at once; one of ten lies, and is named", async () => {
    const lying = (bytes: Uint8Array): Uint8Array => ((bytes[0] = (bytes[0] ?? 0) ^ 1), bytes);
    const servers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => serving(plain(data, i === 4 ? lying : undefined))),
    );
    const { run, out } = await fetching(urls(servers));
    const { code, stdout, stderr } = await run();
    expect(code, stderr).toBe(0);
    const { faults, sources } = JSON.parse(stdout) as Fetched;
    expect(faults).toMatchObject([{ source: `${servers[4]?.url}/file`, kind: "wrong" }]);
    expect(stderr).toContain(`${servers[4]?.url}/file sent wrong bytes and is not asked again`);
    expect(sources.length).toBeGreaterThan(4);
    expect((await readFile(out)).equals(data)).toBe(true);
    expect(await there(`${out}.part.log`)).toBe(false);
  });

  it("reads providers and URLs at once, and a URL that lies is named although another is honest", async () => {
    const answer = proving(file);
    const provider = await serving((...all) => void setTimeout(() => answer(...all), 50));
    const bare = plain(data);
    const honest = await serving((...all) => void setTimeout(() => bare(...all), 50));
    // Its first range is asked for whatever the others do.
    const liar = await serving(plain(data, (bytes) => bytes.fill(1)));
    const { run, out } = await fetching(urls([liar, honest]), "--from", provider.url);
    const { code, stdout, stderr } = await run();
    expect(code, stderr).toBe(0);
    const { faults, sources } = JSON.parse(stdout) as Fetched;
    expect(faults).toMatchObject([{ source: `${liar.url}/file`, kind: "wrong" }]);
    const gave = sources.map(({ source }) => source);
    expect(gave).toContain(`${provider.url}/`);
    expect(gave).toContain(`${honest.url}/file`);
    expect((await readFile(out)).equals(data)).toBe(true);
  });

  it("continues after kill -9 over connections that break after each 900 kB", async () => {
    const slow = breaking(data, 900_000);
    const server = await serving((...all) => void setTimeout(() => slow(...all), 30));
    const { args, out } = await fetching(urls([server]));
    const first = startCli(args);
    while (server.asked.length < 20) await new Promise((next) => setTimeout(next, 20));
    // SIGTERM keeps all of it; a kill may lose what was not noted.
    first.child.kill("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 130, stderr: expect.stringMatching(/ranges are kept/) });
    expect(await there(out)).toBe(false);
    const before = new Set(server.asked.splice(0));
    const second = startCli(args);
    while (server.asked.length < 8) await new Promise((next) => setTimeout(next, 20));
    expect(server.asked.filter((at) => at % rangeBytes === 0 && at < 4 * rangeBytes)).toEqual([]);
    second.child.kill("SIGKILL");
    await second.ended;
    const third = await runCli(args);
    expect(third.code, third.stderr).toBe(0);
    expect((await readFile(out)).equals(data)).toBe(true);
    expect(before.size).toBeGreaterThan(10);
    expect(await runCli(args)).toMatchObject({ code: 0, stdout: expect.stringMatching(/"sources":\[\]/) });
  });

  it("finds the URLs of another manifest by its root, and says which sources cannot be used", async () => {
    const url = await serving(plain(data));
    const other = manifestOf([entry([{ url: `${url.url}/file` }]), fileNamed("else")], { title: "other" });
    const bytes = canonicalBytes(other);
    const manifest = manifestRoot(bytes);
    const provider = await serving(proving(servedFile(bytes)), bytes.length);
    const { run, out } = await fetching(
      [
        { manifest, name: "r/response 1" },
        { manifest, name: "else" },
        { manifest, name: "nothing" },
        { manifest: `0x${"11".repeat(32)}`, name: "r/response 1" },
        { torrent: "ab".repeat(20), path: "response" },
      ],
      "--from",
      provider.url,
    );
    const { code, stderr } = await run();
    expect(code, stderr).toBe(0);
    expect((await readFile(out)).equals(data)).toBe(true);
    for (const text of [
      /else: another file: expected root/,
      /nothing: it has no file of this name/,
      /0x1111.*no source gives/,
      /torrent abab.*not read here/,
    ])
      expect(stderr).toMatch(text);
  });

  it("names every source that does not serve, and leaves nothing half-written under the name", async () => {
    const endless: FileAnswer = (_, response) => {
      response.writeHead(200);
      const more = (): void => void (response.destroyed || response.write(new Uint8Array(65_536), more));
      more();
    };
    const servers = [
      await serving((_, response) => void response.writeHead(302, { Location: "/again" }).end()),
      await serving((_, response) => void response.writeHead(301, { Location: "ftp://host.example/" }).end()),
      await serving(whole(new Uint8Array([...data, 0]))),
      await serving(endless),
      await serving(plain(data, flippedAt(5))),
    ];
    const { run, out } = await fetching(urls(servers));
    const { code, stderr } = await run();
    expect(code).toBe(3);
    for (const text of [/redirects without an end/, /place that is not read.*ftp/, /has another file/])
      expect(stderr).toMatch(text);
    expect(stderr).toMatch(new RegExp(`${servers[3]?.url}/file sent wrong bytes`));
    expect(stderr).toMatch(new RegExp(`${servers[4]?.url}/file sent wrong bytes`));
    expect(await there(out)).toBe(false);
    const good = await serving(plain(data));
    const { path } = await written(manifestOf([entry(urls([good]), { blake2b: `0x${"22".repeat(64)}` })]));
    const contradicted = await runCli(["fetch", "r/response 1", "--manifest", path, "--out", out]);
    expect(contradicted).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/belong to different files/),
    });
    expect(await there(out)).toBe(false);
  });
});

/** A file of which every range is another one, without memory for it. */
const pattern = seededBytes(rangeBytes, 5);
function generated(start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start);
  for (let at = start; at < end;) {
    const inRange = at % rangeBytes;
    const part = pattern.subarray(inRange, Math.min(rangeBytes, inRange + end - at));
    bytes.set(part, at - start);
    // The number of the range in each 4 kB of it.
    for (let stamp = Math.ceil(inRange / 4096) * 4096; stamp < inRange + part.length - 4; stamp += 4096) {
      new DataView(bytes.buffer).setUint32(at - start + stamp - inRange, Math.floor(at / rangeBytes));
    }
    at += part.length;
  }
  return bytes;
}

/** 250 MB and 2 GB; WHITEPAY_FETCH_BYTES sets another large size, for example 9000000000. */
const sizes = [250_000_000, Number(process.env["WHITEPAY_FETCH_BYTES"] ?? 2_000_000_000)];

it("needs as much memory for a large file as for a small one", { timeout: 20 * minutes }, async () => {
  const peaks: number[] = [];
  for (const size of sizes) {
    let at = 0;
    const hashes = await hashBlocks({
      fill: (target) => {
        const bytes = generated(at, Math.min(size, at + target.length));
        target.set(bytes);
        at += bytes.length;
        return Promise.resolve(bytes.length);
      },
    });
    const answer: FileAnswer = (_, response, { first, end }) => {
      response.writeHead(206, {
        "Content-Range": `bytes ${first}-${end - 1}/${size}`,
        "Content-Length": end - first,
      });
      // Each 50th answer breaks.
      if (Math.floor(first / rangeBytes) % 50 === 7 && first % rangeBytes === 0)
        return void response.write(generated(first, first + 100_000), () => response.destroy());
      response.end(generated(first, end));
    };
    const servers = await Promise.all(Array.from({ length: 3 }, () => serving(answer, size)));
    const { path, out } = await written(
      manifestOf([fileNamed("large", { ...hashes, sources: urls(servers) })]),
    );
    const said =
      "process.on('exit',()=>process.stderr.write('peak '+process.resourceUsage().maxRSS+' kB\\n'))";
    const began_ms = performance.now();
    const { code, stderr } = await runCli(["fetch", "large", "--manifest", path, "--out", out], {
      env: { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(said)}"` },
    });
    expect(code, stderr).toBe(0);
    peaks.push(Number(/peak (\d+) kB/.exec(stderr)?.[1]));
    console.log(`${size} bytes in ${Math.round(performance.now() - began_ms)} ms, peak ${peaks.at(-1)} kB`);
  }
  const [small, large] = peaks as [number, number];
  // When the collector frees buffers differs from run to run; a file that is held would be many times more.
  expect(large).toBeLessThan(2 * small);
});
