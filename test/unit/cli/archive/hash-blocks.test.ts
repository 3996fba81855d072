import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { hashFileOnce } from "../../../../cli/archive/file-stream.ts";
import { hashBlocks } from "../../../../cli/archive/hash-blocks.ts";
import { openUrl, usualLimits } from "../../../../cli/archive/url-stream.ts";
import type { UrlLimits } from "../../../../cli/archive/url-stream.ts";
import { toHex } from "../../../../protocol/hash.ts";
import { pieceRoot } from "../../../../storage/core/merkle.ts";
import { rangeBytes } from "../../../../storage/core/range.ts";
import { seededBytes, temporaryFolder } from "../../../support/files.ts";
import { serve } from "../../../support/archive/http-server.ts";

const hashesOf = (bytes: Uint8Array) => ({
  bytes: bytes.length,
  blake2b: toHex(createHash("blake2b512").update(bytes).digest()),
  sha256: toHex(createHash("sha256").update(bytes).digest()),
  root: toHex(pieceRoot(bytes)),
});

describe("the hashes of a file", () => {
  it.each([1, 1_024, 126_976, 126_977, rangeBytes - 1, rangeBytes, rangeBytes + 1, 3 * rangeBytes + 5])(
    "of %i bytes are those of the whole",
    async (size) => {
      const path = join(await temporaryFolder(), "file");
      const bytes = seededBytes(size, size);
      await writeFile(path, bytes);
      let seen = 0;
      expect(await hashFileOnce(path, (count) => (seen += count))).toEqual(hashesOf(bytes));
      expect(seen).toBe(size);
    },
  );

  it("do not exist for a stream that fails or is empty", async () => {
    await expect(hashBlocks({ fill: () => Promise.reject(new Error("broken")) })).rejects.toThrow("broken");
    await expect(hashBlocks({ fill: () => Promise.resolve(0) })).rejects.toThrow(RangeError);
    let left = 3;
    const cut = {
      fill: (target: Uint8Array) =>
        left-- > 0 ? Promise.resolve(target.length) : Promise.reject(new Error("cut")),
    };
    await expect(hashBlocks(cut)).rejects.toThrow("cut");
  });
});

describe("a file behind a URL", () => {
  const hash = async (url: string, limits: Partial<UrlLimits> = {}) => {
    const opened = await openUrl(url, { ...usualLimits, ...limits });
    try {
      return await hashBlocks(opened.stream);
    } finally {
      await opened.close();
    }
  };
  /** Writes until the reader goes away. */
  const endless = (response: ServerResponse): void => {
    const block = Buffer.alloc(65_536);
    const more = (): void => {
      while (response.writable && response.write(block)) continue;
    };
    response.on("drain", more);
    more();
  };

  it("is hashed as it arrives, with and without an announced length, and after redirects", async () => {
    const bytes = seededBytes(2 * rangeBytes + 77, 5);
    const base = await serve(({ url = "" }, response) => {
      const [, left = "0", chunked] = url.split("/");
      if (Number(left) > 0) return void response.writeHead(302, { Location: `/${Number(left) - 1}` }).end();
      if (chunked === undefined) response.setHeader("Content-Length", bytes.length);
      response.end(bytes);
    });
    expect(await hash(`${base}/0`)).toEqual(hashesOf(bytes));
    expect(await hash(`${base}/10`)).toEqual(hashesOf(bytes));
    expect(await hash(`${base}/0/chunked`, { maxBytes: bytes.length })).toEqual(hashesOf(bytes));
    await expect(hash(`${base}/0/chunked`, { maxBytes: bytes.length - 1 })).rejects.toMatchObject({
      code: 3,
      expected: `at most ${bytes.length - 1} bytes`,
    });
  });

  it("that redirects for ever, to itself or to another protocol, is refused", async () => {
    const base = await serve(({ url }, response) => {
      if (url === "/0") return void response.end("x");
      const left = Number(url?.slice(1));
      if (left > 0) return void response.writeHead(302, { Location: `/${left - 1}` }).end();
      const to = url === "/file" ? "file:///etc/passwd" : url === "/same" ? "/same" : `${url}x`;
      response.writeHead(302, { Location: to }).end();
    });
    for (const path of ["/a", "/same", "/11"]) {
      await expect(hash(base + path)).rejects.toMatchObject({ code: 3, expected: "at most 10 redirects" });
    }
    await expect(hash(`${base}/file`)).rejects.toMatchObject({ code: 3, expected: "an http or https URL" });
  });

  it("has a version by its place, length, and tag or date, or none", async () => {
    const heads: Record<string, Record<string, string>> = {
      "/tag": { ETag: '"1"', "Last-Modified": "Sat, 31 Jan 2026 12:00:00 GMT" },
      "/date": { "Last-Modified": "Sat, 31 Jan 2026 12:00:00 GMT" },
      "/none": {},
    };
    let target = "/tag";
    const base = await serve(({ url = "" }, response) => {
      if (url === "/moved") return void response.writeHead(302, { Location: target }).end();
      response.writeHead(200, { "Content-Length": 3, ...heads[url] }).end("abc");
    });
    const version = async (path: string): Promise<string | undefined> => {
      const opened = await openUrl(base + path, usualLimits);
      await opened.close();
      return opened.version;
    };
    expect(await version("/tag")).toBe(`${base}/tag 3 "1"`);
    expect(await version("/date")).toBe(`${base}/date 3 Sat, 31 Jan 2026 12:00:00 GMT`);
    expect(await version("/none")).toBeUndefined();
    expect(await version("/moved")).toBe(`${base}/tag 3 "1"`);
    target = "/date";
    expect(await version("/moved")).toBe(`${base}/date 3 Sat, 31 Jan 2026 12:00:00 GMT`);
  });

  it("is not read further once it is closed", { timeout: 20_000 }, async () => {
    const gone = Promise.withResolvers<void>();
    const base = await serve((_, response) => {
      response.once("close", () => gone.resolve());
      endless(response);
    });
    const opened = await openUrl(base, { ...usualLimits, maxBytes: 1e12 });
    const block = Buffer.alloc(100_000);
    expect(await opened.stream.fill(block)).toBe(block.length);
    await opened.close();
    await gone.promise;
  });

  it("that never ends is refused before it is read, or at the limit", async () => {
    const base = await serve((_, response) => endless(response));
    await expect(hash(base)).rejects.toMatchObject({ code: 2, hint: "give a limit: --max-bytes 10GB" });
    await expect(hash(base, { maxBytes: 5_000_000 })).rejects.toMatchObject({
      code: 3,
      expected: "at most 5000000 bytes",
    });
  });

  it("that is too long, empty, cut off, compressed or not there is refused", async () => {
    const base = await serve(({ url }, response) => {
      if (url === "/none") return void response.writeHead(404).end();
      if (url === "/part") return void response.writeHead(206).end("x");
      if (url === "/zip") return void response.writeHead(200, { "Content-Encoding": "gzip" }).end("x");
      if (url === "/empty") return void response.writeHead(200, { "Content-Length": 0 }).end();
      response.writeHead(200, { "Content-Length": 1_000 }).write("begin");
      setTimeout(() => response.destroy(), 20);
    });
    await expect(hash(`${base}/long`, { maxBytes: 999 })).rejects.toMatchObject({ actual: "1000 bytes" });
    await expect(hash(`${base}/cut`)).rejects.toMatchObject({
      code: 3,
      expected: "1000 bytes",
      actual: "5 bytes",
    });
    await expect(hash(`${base}/empty`)).rejects.toMatchObject({ code: 3, expected: "at least 1 byte" });
    await expect(hash(`${base}/zip`)).rejects.toMatchObject({ code: 3, actual: '"gzip"' });
    for (const [path, actual] of [
      ["none", "HTTP 404"],
      ["part", "HTTP 206"],
    ]) {
      await expect(hash(`${base}/${path}`)).rejects.toMatchObject({ code: 3, actual });
    }
    await expect(hash("http://127.0.0.1:1/x")).rejects.toMatchObject({ code: 3 });
  });

  it("of a server that does not answer, or too slowly, is refused in time", async () => {
    const base = await serve(({ url }, response) => {
      if (url === "/slow") response.writeHead(200, { "Content-Length": 1_000 }).write("a");
    });
    await expect(hash(`${base}/never`, { begin_ms: 200 })).rejects.toThrow("no answer within 0.2 s");
    await expect(hash(`${base}/slow`, { block_ms: 200 })).rejects.toThrow("the server is too slow");
  });
});
