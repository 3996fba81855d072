/** `archive status` and `archive page` on a chain with settlements: alarms by exit code, webhook and metric, and what is refused. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { archiveScene, type ArchiveScene } from "../support/archive/archive-scene.ts";
import { serve } from "../support/archive/http-server.ts";
import { fileNamed, manifestOf } from "../support/archive/manifests.ts";

const manifest = manifestOf([
  fileNamed("challenge_0001"),
  fileNamed("response_0001"),
  fileNamed("challenge_0002", { priority: 0, derivedFrom: { file: "response_0001", by: "powersoftau" } }),
  fileNamed("response_0002"),
  fileNamed('quote" and'),
]);

let scene: ArchiveScene;
beforeAll(async () => {
  scene = await archiveScene(manifest);
});
afterAll(() => scene.close());

const status = (...args: string[]) =>
  scene.run(["archive", "status", "--manifest", scene.manifestFile, ...args]);

describe("archive status", () => {
  it("tells the copies now, at the worst moment, and who holds them since when", async () => {
    const { code, stdout } = await status("--json", "--least", "0");
    expect(code).toBe(0);
    const found = JSON.parse(stdout) as { files: { name: string; series: { copies: number }[] }[] };
    const { operators, root, group } = scene;
    expect(found).toMatchObject({
      manifest: root,
      groups: [group.address],
      alarmed: [],
      unread: [{ operator: operators.unlisted }],
    });
    const byName = new Map(found.files.map((file) => [file.name, file]));
    // `killed` had it and stopped to prove; `half` has no copy of the second half.
    expect(byName.get("response_0001")).toMatchObject({
      copies: 2,
      worst: { copies: 2 },
      holders: [{ provider: operators.whole }, { provider: operators.half }],
    });
    expect(byName.get("response_0002")).toMatchObject({
      copies: 1,
      worst: { copies: 1 },
      holders: [{ provider: operators.whole }],
    });
    expect(byName.get("response_0002")?.series.map(({ copies }) => copies)).toEqual([0, 2, 1]);
  });

  it("alarms by exit code, webhook and metrics, without files that can be derived", async () => {
    const posts: unknown[] = [];
    const hook = await serve((request, response) => {
      void text(request).then((body) => {
        posts.push([request.method, request.headers["content-type"], JSON.parse(body)]);
        response.end();
      });
    });
    const metrics = join(scene.folder, "archive.prom");
    const { code, stdout, stderr } = await status("--webhook", `${hook}/alarm`, "--metrics", metrics);
    expect(code).toBe(1);
    expect(stderr).toContain("2 files of the archive have too few proven copies");
    expect(stderr).toContain('response_0002: 1, quote" and: 1');
    expect(stderr).toContain(`provider ${scene.operators.unlisted} does not give its list`);
    expect(stdout).toContain("response_0002");
    const alarmed = [
      { name: "response_0002", copies: 1 },
      { name: 'quote" and', copies: 1 },
    ];
    expect(posts).toEqual([["POST", "application/json", { manifest: scene.root, files: alarmed }]]);
    const prom = await readFile(metrics, "utf8");
    expect(prom).toContain('whitepay_archive_proven_copies{file="response_0001"} 2\n');
    expect(prom).toContain('whitepay_archive_proven_copies{file="quote\\" and"} 1\n');
    expect(prom).toContain("whitepay_archive_alarmed_files 2\n");
  });

  it("hides no alarm behind a webhook that fails, and posts nothing without one", async () => {
    const failing = await serve((_, response) => response.writeHead(500).end());
    const loud = await status("--webhook", failing);
    expect([loud.code, loud.stderr]).toEqual([1, expect.stringContaining("the webhook answered 500")]);
    const gone = await status("--webhook", "http://127.0.0.1:9/");
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining("webhook cannot be reached")]);
    const calls: string[] = [];
    const quiet = await serve(({ url }, response) => {
      calls.push(String(url));
      response.end();
    });
    expect((await status("--least", "1", "--webhook", quiet)).code).toBe(0);
    expect(calls).toEqual([]);
  });

  it("names an address that is no group", async () => {
    const { code, stderr } = await status("--groups", `0x${"77".repeat(20)}`);
    expect(code).toBe(2);
    expect(stderr).toContain("there is no group at 0x7777");
  });
});

describe("archive page", () => {
  const page = (out: string, ...args: string[]) =>
    scene.run(["archive", "page", "--manifest", scene.manifestFile, "--out", out, ...args]);

  it("writes files for any web server, and renews them", async () => {
    const out = join(scene.folder, "page");
    const first = await page(out, "--reader", "https://reader.example/", "--least", "3");
    expect(first.code).toBe(0);
    expect(first.stdout).toContain("2 piece lists beside the page");
    const settings = async (): Promise<object> =>
      JSON.parse(await readFile(join(out, "settings.json"), "utf8")) as object;
    expect(await settings()).toMatchObject({
      version: 1,
      chainId: 31_337,
      rpc: [scene.rpc],
      manifest: scene.root,
      manifestUrls: ["manifest.json"],
      readers: ["https://reader.example/"],
      groups: null,
      least: 3,
    });
    const frame = await readFile(join(out, "index.html"), "utf8");
    expect(frame).toContain(`connect-src 'self' ${scene.rpc} https://reader.example;`);
    expect(frame).not.toMatch(/<script(?![^>]*src=)|\sstyle=|\son\w+=|\{\{/);
    expect(await readdir(join(out, "lists"))).toHaveLength(2);
    // Licences of the packages come along.
    expect(await readdir(join(out, "vendor/ethers"))).toEqual(
      expect.arrayContaining(["dist", expect.stringMatching(/^LICENSE/)]),
    );
    const again = await page(out, "--public-rpc", "https://rpc.example/key");
    expect(again.code).toBe(0);
    expect(await settings()).toMatchObject({ rpc: ["https://rpc.example/key"], readers: [], least: 2 });
  });

  it("refuses a folder with other files, and URLs that no page can read", async () => {
    const other = join(scene.folder, "other");
    await mkdir(other);
    await writeFile(join(other, "thesis.txt"), "the only copy");
    const refused = await page(other);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("has other files")]);
    expect(await readdir(other)).toEqual(["thesis.txt"]);
    const out = join(scene.folder, "bad");
    const wrong = await page(out, "--reader", "javascript:alert(1)");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("--reader is not valid")]);
  });
});
