/** A file of an archive from providers and plain URLs that lie, break, stall or send without end. */
import { createHash } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { readArchiveFile, type FileSources } from "../../../../client/reading/archive-file.ts";
import type { SourceFault } from "../../../../client/reading/piece.ts";
import { memoryStore, type KeptRange, type RangeStore } from "../../../../client/reading/range-store.ts";
import { urlSource } from "../../../../client/reading/url-source.ts";
import { rangeBytes } from "../../../../storage/core/range.ts";
import { installFastHashes } from "../../../../daemon/hashing/install.ts";
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
} from "../../../support/file-servers.ts";
import { seededBytes } from "../../../support/files.ts";

installFastHashes();

/** 19 ranges, the last one short. */
const file = servedFile(seededBytes(18 * rangeBytes + 70_001, 3));
const { data, root } = file;
const wanted = { root, bytes: data.length };

async function serving(answer: FileAnswer, size = data.length): Promise<FileServer> {
  const server = await fileServer(size, answer);
  onTestFinished(() => server.close());
  return server;
}

async function read(
  sources: FileSources,
  {
    store = memoryStore(data.length),
    atOnce,
  }: { store?: RangeStore & { parts(): Uint8Array[] }; atOnce?: number } = {},
): Promise<{ bytes: Buffer; faults: SourceFault[]; gave: Map<string, number> }> {
  const { faults, sources: gave } = await readArchiveFile(wanted, sources, store, {
    ...(atOnce !== undefined && { atOnce }),
  });
  return {
    bytes: Buffer.concat(store.parts()),
    faults: [...faults],
    gave: new Map(gave.map(({ source, bytes }) => [source, bytes])),
  };
}

describe("a file of an archive", () => {
  it("is read from providers and URLs at once, and bytes of a URL are proven by the providers' proofs", async () => {
    const [proven, bare] = [proving(file), plain(data)];
    const provider = await serving((...all) => void setTimeout(() => proven(...all), 50));
    const url = await serving((...all) => void setTimeout(() => bare(...all), 50));
    const { bytes, faults, gave } = await read({ providers: [provider.url], urls: [url.url] });
    expect(bytes.equals(data)).toBe(true);
    expect(faults).toEqual([]);
    expect(gave.get(url.url)).toBeGreaterThan(rangeBytes);
    expect(gave.get(`${provider.url}/`)).toBeGreaterThan(rangeBytes);
  });

  it.each([
    // The first range that a URL is asked for, while the provider is asked for the one before.
    ["a bit", flippedAt(2 * rangeBytes - 1)],
    ["everything", (bytes: Uint8Array) => bytes.fill(7)],
  ])("is whole beside a provider although a URL sends %s wrong, and that URL is named", async (_, change) => {
    const url = await serving(plain(data, change));
    const answer = proving(file);
    const provider = await serving((...all) => void setTimeout(() => answer(...all), 30));
    const { bytes, faults } = await read({ providers: [provider.url], urls: [url.url] });
    expect(bytes.equals(data)).toBe(true);
    expect(faults).toMatchObject([{ source: url.url, kind: "wrong" }]);
  });

  it("is whole from ten URLs of which one lies in one bit, and only that one is named", async () => {
    const servers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        // All of its answers are wrong: it cannot be known before which range it is asked for.
        serving(plain(data, i === 3 ? (bytes) => ((bytes[5] = (bytes[5] ?? 0) ^ 1), bytes) : undefined)),
      ),
    );
    const { bytes, faults } = await read({ urls: servers.map(({ url }) => url) });
    expect(bytes.equals(data)).toBe(true);
    expect(faults.map(({ source, kind }) => [source, kind])).toEqual([[servers[3]?.url, "wrong"]]);
  });

  it("is whole from two liars and one honest URL, and both liars are named", async () => {
    const liars = [
      await serving(plain(data, flippedAt(1))),
      await serving(plain(data, flippedAt(data.length - 9))),
    ];
    const honest = await serving(plain(data));
    const urls = [...liars, honest].map(({ url }) => url);
    for (const order of [urls, urls.toReversed()]) {
      const { bytes, faults } = await read({ urls: order }, { atOnce: 3 });
      expect(bytes.equals(data)).toBe(true);
      expect(faults.every(({ source, kind }) => kind === "wrong" && source !== honest.url)).toBe(true);
    }
  });

  it("is not read from liars alone: each is named, and nothing counts as proven", async () => {
    const liars = [
      await serving(plain(data, flippedAt(1))),
      await serving(whole(data.map((one) => one ^ 1))),
    ];
    const faults: SourceFault[] = [];
    const store = memoryStore(data.length);
    const proven: number[] = [];
    const reading = readArchiveFile(
      wanted,
      { urls: liars.map(({ url }) => url) },
      { ...store, prove: async (ranges) => void proven.push(...ranges) },
      { onFault: (fault) => faults.push(fault) },
    );
    await expect(reading).rejects.toMatchObject({
      code: "network",
      actual: expect.stringContaining(liars[0]!.url),
    });
    expect(new Set(faults.map(({ source }) => source))).toEqual(new Set(liars.map(({ url }) => url)));
    expect(faults.every(({ kind }) => kind === "wrong")).toBe(true);
    expect(proven).toEqual([]);
  });

  it("is read although every answer breaks after 300 kB, without a range read twice", async () => {
    const url = await serving(breaking(data, 300_000));
    const { bytes, faults } = await read({ urls: [url.url] });
    expect(bytes.equals(data)).toBe(true);
    expect(faults).toEqual([]);
    expect(new Set(url.asked).size).toBe(url.asked.length);
  });

  it("is read from a provider although every answer breaks", async () => {
    const answer = proving(file);
    const provider = await serving((request, response, place) => {
      const { proof } = file;
      const { first, end } = place;
      if (first % rangeBytes !== 0) return breaking(data, 700_000)(request, response, place);
      if (end - first < 700_000) return answer(request, response, place);
      response.writeHead(206, {
        "Content-Range": `bytes ${first}-${end - 1}/${data.length}`,
        "Content-Length": end - first,
        "WhitePay-Proof": proof(first / rangeBytes),
      });
      response.write(data.subarray(first, first + 700_000), () => response.destroy());
    });
    const { bytes, faults } = await read({ providers: [provider.url] });
    expect(bytes.equals(data)).toBe(true);
    expect(faults).toEqual([]);
  });

  it("is read from a server that ignores Range as one stream", async () => {
    const url = await serving(whole(data));
    const { bytes, faults } = await read({ urls: [url.url] });
    expect(bytes.equals(data)).toBe(true);
    expect(faults).toEqual([]);
    expect(url.asked).toHaveLength(1);
  });

  it("falls back to a stream for what a broken server does not give", async () => {
    const stream = await serving(whole(data));
    const broken = await serving((request, response, place) =>
      place.first < 6 * rangeBytes ? plain(data)(request, response, place) : void response.destroy(),
    );
    const { bytes, faults } = await read({ urls: [broken.url, stream.url] });
    expect(bytes.equals(data)).toBe(true);
    expect(faults.at(-1)).toMatchObject({ source: broken.url, kind: "unreachable" });
  }, 20_000);

  const endless: FileAnswer = (_, response, { isRange, first }) => {
    response.writeHead(
      isRange ? 206 : 200,
      isRange ? { "Content-Range": `bytes ${first}-${first + rangeBytes - 1}/${data.length}` } : {},
    );
    const more = (): void => void (response.destroyed || response.write(new Uint8Array(65_536), more));
    more();
  };
  it.each<[string, FileAnswer, string, RegExp]>([
    ["sends without end", endless, "wrong", /sent too much/],
    ["has a longer file", plain(new Uint8Array([...data, 1])), "wrong", /sent another range/],
    ["streams a longer file", whole(new Uint8Array([...data, 1])), "wrong", /has another file/],
    ["has none", (_, response) => void response.writeHead(404).end("gone"), "refused", /HTTP 404: gone/],
    ["stalls", () => undefined, "unreachable", /no byte within 0.2 s/],
    ["closes early", breaking(data, 0), "unreachable", /./],
    [
      "sends a compressed form",
      (_, response) => void response.writeHead(200, { "Content-Encoding": "br" }).end("x"),
      "refused",
      /another form/,
    ],
  ])(
    "is not read from a server that %s, which is said",
    async (_, answer, kind, reason) => {
      const { url } = await serving(answer);
      const source = urlSource(url, data.length, { stall_ms: 200 });
      const faults: SourceFault[] = [];
      const options = { tries: 2, onFault: (fault: SourceFault) => void faults.push(fault) };
      const reading = readArchiveFile(wanted, { urls: [source] }, memoryStore(data.length), options);
      await expect(reading).rejects.toMatchObject({ code: "network" });
      expect(faults.at(-1)).toMatchObject({ source: url, kind, reason: expect.stringMatching(reason) });
    },
    20_000,
  );

  it("ends a server that redirects for ever", async () => {
    const { url } = await serving(
      (_, response) => void response.writeHead(302, { Location: "/again" }).end(),
    );
    const reading = readArchiveFile(wanted, { urls: [url] }, memoryStore(data.length), { tries: 1 });
    await expect(reading).rejects.toMatchObject({
      code: "network",
      actual: expect.stringMatching(/redirect/),
    });
  }, 20_000);

  it("continues with what an earlier reading kept, and blames what that one got wrong", async () => {
    const kept = new Map<number, KeptRange>();
    const parts = memoryStore(data.length);
    const store = (): RangeStore & { parts(): Uint8Array[] } => ({
      ...parts,
      kept: [...kept.values()],
      put: async (one, bytes) => {
        kept.set(one.range, one);
        await parts.put(one, bytes);
      },
      prove: async (ranges) =>
        ranges.forEach((range) => kept.set(range, { ...kept.get(range)!, isProven: true })),
      drop: async (ranges) => ranges.forEach((range) => kept.delete(range)),
    });
    const liar = await serving((request, response, place) =>
      place.first < 9 * rangeBytes
        ? plain(data, flippedAt(2 * rangeBytes))(request, response, place)
        : void response.writeHead(404).end(),
    );
    await expect(read({ urls: [liar.url] }, { store: store() })).rejects.toThrow(/do not give all/);
    expect(kept.size).toBeGreaterThan(5);
    const honest = await serving(plain(data));
    const { bytes, faults } = await read({ urls: [honest.url] }, { store: store() });
    expect(bytes.equals(data)).toBe(true);
    expect(faults).toMatchObject([
      { source: liar.url, kind: "wrong", reason: expect.stringMatching(/range 2/) },
    ]);
    expect([...kept.values()].every(({ isProven }) => isProven)).toBe(true);
    honest.asked.length = 0;
    await read({ urls: [honest.url] }, { store: store() });
    expect(honest.asked).toEqual([]);
  });

  it("compares the BLAKE2b-512 of the manifest", async () => {
    const { data, root } = servedFile(seededBytes(100_000, 8));
    const wanted = { root, bytes: data.length };
    const { url } = await serving(plain(data), data.length);
    const blake2b = `0x${createHash("blake2b512").update(data).digest("hex")}`;
    const store = memoryStore(data.length);
    await readArchiveFile({ ...wanted, blake2b }, { urls: [url] }, store);
    const other = `0x${"00".repeat(64)}`;
    await expect(
      readArchiveFile({ ...wanted, blake2b: other }, { urls: [url] }, store),
    ).rejects.toMatchObject({
      expected: other,
      actual: blake2b,
    });
  });

  it("stops when it is told to", async () => {
    const { url } = await serving(() => undefined);
    const stop = new AbortController();
    const reading = readArchiveFile(wanted, { urls: [url] }, memoryStore(data.length), {
      signal: stop.signal,
    });
    setTimeout(() => stop.abort(new Error("stopped here")), 50);
    await expect(reading).rejects.toThrow("stopped here");
  });
});
