/** `inspect ceremony MANIFEST` as a user runs it: ranges from servers that anybody may run, on made-up chains with right witnesses. */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalBytes, manifestRoot } from "../../../../archive/manifest.ts";
import type { ArchiveFile, Collection } from "../../../../archive/schema.ts";
import { rangeBytes } from "../../../../storage/core/range.ts";
import { archived } from "../../../support/archive/archived.ts";
import { manifestOf } from "../../../support/archive/manifests.ts";
import { sendRange, servePieces } from "../../../support/archive/piece-server.ts";
import type { PieceAnswer } from "../../../support/archive/piece-server.ts";
import { bytesAt } from "../../../support/archive/sparse-bytes.ts";
import type { SparsePiece } from "../../../support/archive/sparse-bytes.ts";
import { makeWitnessChain } from "../../../support/ceremony/witness-chain.ts";
import type { Forgery } from "../../../support/ceremony/witness-chain.ts";
import { runCli } from "../../../support/cli.ts";
import type { CliResult } from "../../../support/cli.ts";
import { sharedFolder } from "../../../support/files.ts";

type Made = { readonly entries: readonly ArchiveFile[]; readonly pieces: readonly SparsePiece[] };

/** Three contributions. @param prefix of the names */
async function made(
  curve: "bn254" | "bls12-381",
  power: number,
  forgeries: readonly Forgery[] = [],
  prefix = "",
): Promise<Made> {
  const files = await makeWitnessChain(curve, {
    power,
    contributions: 3,
    forgeries,
    hashOf: async (_, file) =>
      Uint8Array.from(
        createHash("blake2b512")
          .update(bytesAt(file, 0, file.size))
          .digest(),
      ),
  });
  const all = files.map((file, i) => {
    const before = files[i - 1];
    const derived =
      file.kind === "challenge" && before
        ? { priority: 0, derivedFrom: { file: `${prefix}${before.name}`, by: "powersoftau" } }
        : {};
    return archived(`${prefix}${file.name}`, file, derived);
  });
  return { entries: all.map(({ entry }) => entry), pieces: all.map(({ piece }) => piece) };
}

/** Each file has three or more ranges. */
const power = 15;
let chain: Made;
let forged: Made;
let folder: string;
let removeFolder: () => Promise<void>;

afterAll(() => removeFolder());

beforeAll(async () => {
  ({ folder, remove: removeFolder } = await sharedFolder());
  chain = await made("bn254", power);
  forged = await made("bn254", power, [{ index: 2, how: "powers" }]);
});

let manifests = 0;

async function manifestFile(
  files: readonly ArchiveFile[],
  changes: { readonly collections?: Collection[] } = {},
): Promise<string> {
  const path = join(folder, `archive-${++manifests}.json`);
  await writeFile(path, JSON.stringify({ manifest: manifestOf(files, changes), signatures: [] }));
  return path;
}

const inspect = (...args: readonly string[]): Promise<CliResult> =>
  runCli(["inspect", "ceremony", ...args], { cwd: folder });

const changed = (
  entries: readonly ArchiveFile[],
  name: string,
  changes: Partial<ArchiveFile>,
): ArchiveFile[] => entries.map((entry) => (entry.name === name ? { ...entry, ...changes } : entry));
const pieceOf = ({ entries, pieces }: Made, name: string): SparsePiece =>
  pieces[entries.findIndex((entry) => entry.name === name)] as SparsePiece;
const without = (own: Made, name: string): SparsePiece[] =>
  own.pieces.filter((piece) => piece !== pieceOf(own, name));

describe("inspect ceremony of a manifest", { timeout: 120_000 }, () => {
  it("verifies the chain from ranges, whatever the order of the files, and says what it read", async () => {
    const { url, sent } = await servePieces(chain.pieces);
    const readme = archived("README.md", { size: 5, parts: [] }).entry;
    const path = await manifestFile([...chain.entries.toReversed(), readme]);
    const { code, stdout, stderr } = await inspect(path, "--from", url, "--json");
    expect(stderr).toBe("");
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      kind: "powers-of-tau-chain",
      curve: "bn254",
      power,
      ok: true,
      problems: [],
      announced: null,
      faults: [],
      edition: 1,
      bytesOfFiles: chain.entries.reduce((sum, { bytes }) => sum + bytes, 0),
    });
    expect(document.bytesRead).toBe(sent());
    expect(document.contributions).toEqual(
      [1, 2, 3].map((index) => ({
        index,
        name: `response_000${index}`,
        hash: chain.entries[2 * index - 1]?.blake2b,
        ok: true,
        checks: Object.fromEntries(
          [
            "chain",
            "keyTau",
            "keyAlpha",
            "keyBeta",
            "tauG1",
            "tauG2",
            "alphaG1",
            "betaG1",
            "betaG2",
            "nextHead",
            ...(index === 3 ? ["nextPoints"] : []),
          ].map((check) => [check, true]),
        ),
      })),
    );
    const notChecked = document.notChecked.join("\n");
    expect(notChecked).toMatch(/no chain was named/);
    expect(notChecked).toMatch(/a file has the BLAKE2b-512 that the manifest states/);
    expect(notChecked).toMatch(/their heads alone were read/);
    expect(notChecked).toMatch(/1 other file of the manifest: README.md/);
    expect(code).toBe(0);
  });

  it("finds a contribution by its hash, and prints the bytes for people", async () => {
    const { url } = await servePieces(chain.pieces);
    const path = await manifestFile(chain.entries);
    const hash = chain.entries[3]?.blake2b as string;
    const { code, stdout } = await inspect(path, "--from", url, "--mine", hash);
    expect(stdout).toMatch(/is number 2, response_0002/);
    expect(stdout).toMatch(/^read \d.*B of files with .*B$/m);
    expect(code).toBe(0);
  });

  it("names a forged contribution by index, name and check, and no other", async () => {
    const { url } = await servePieces(forged.pieces);
    const { code, stdout } = await inspect(await manifestFile(forged.entries), "--from", url, "--json");
    const { contributions, problems } = JSON.parse(stdout);
    expect(contributions.map((own: { ok: boolean }) => own.ok)).toEqual([true, false, true]);
    expect(contributions[1]).toMatchObject({ index: 2, name: "response_0002" });
    expect(contributions[1].checks).toMatchObject({
      keyTau: true,
      tauG1: false,
      tauG2: false,
      alphaG1: true,
    });
    expect(problems).toHaveLength(2);
    expect(code).toBe(1);
  });

  it("does without the challenges that can be computed, and says so", async () => {
    const responses = chain.pieces.filter((_, i) => chain.entries[i]?.name.startsWith("response"));
    const { url } = await servePieces(responses);
    const { code, stdout } = await inspect(await manifestFile(chain.entries), "--from", url, "--json");
    const { contributions, notChecked, ok } = JSON.parse(stdout);
    expect({ ok, code }).toEqual({ ok: true, code: 0 });
    expect(contributions.map((own: { checks: object }) => "chain" in own.checks)).toEqual([true, true, true]);
    expect(contributions.map((own: { checks: object }) => "nextHead" in own.checks)).toEqual([
      false,
      false,
      false,
    ]);
    expect(notChecked.join("\n")).toMatch(/the head of challenge_0002.*: no source has it/);
    expect(notChecked.join("\n")).toMatch(/challenge_0004: no source gives it/);
  });

  it("orders responses alone by the numbers in their names, and says so", async () => {
    const { url } = await servePieces(chain.pieces);
    const path = await manifestFile(chain.entries.toReversed());
    const { code, stdout } = await inspect(path, "--files", "response_*", "--from", url, "--json");
    const { contributions, notChecked } = JSON.parse(stdout);
    expect(contributions.map(({ name }: { name: string }) => name)).toEqual([
      "response_0001",
      "response_0002",
      "response_0003",
    ]);
    expect(notChecked.join("\n")).toMatch(
      /the order of response_0002, response_0003: .* numbers in the names/,
    );
    expect(notChecked.join("\n")).toMatch(/a head is taken as the hash of the challenge/);
    expect(code).toBe(0);
  });
});

describe("sources that lie", { timeout: 120_000 }, () => {
  const behaviours: Readonly<Record<string, readonly [(answer: PieceAnswer) => boolean, RegExp]>> = {
    "other bytes": [
      ({ piece, range, response }) => {
        sendRange(piece, range, response, (bytes) => {
          const [first = 0] = bytes;
          bytes[0] = first ^ 1;
          return bytes;
        });
        return true;
      },
      /do not match the root/,
    ],
    "bytes without end": [
      ({ piece, response }) => {
        const { size } = piece.file;
        const last = Math.min(size, rangeBytes) - 1;
        response.writeHead(206, { "Content-Range": `bytes 0-${last}/${size}`, "WhitePay-Proof": "1;" });
        const more = (): void => {
          while (!response.destroyed && response.write(new Uint8Array(65_536)));
          response.once("drain", more);
        };
        more();
        return true;
      },
      /sent too much/,
    ],
  };
  it.each(Object.entries(behaviours))(
    "are blamed for %s once, and another source is used",
    async (_, [behave, reason]) => {
      const liar = await servePieces(chain.pieces, behave);
      const honest = await servePieces(chain.pieces);
      const path = await manifestFile(chain.entries);
      const { code, stdout, stderr } = await inspect(path, "--from", liar.url, honest.url, "--json");
      const { faults, ok, bytesRead } = JSON.parse(stdout);
      expect(faults).toEqual([
        {
          file: "challenge_0001",
          source: `${liar.url}/`,
          kind: "wrong",
          reason: expect.stringMatching(reason),
        },
      ]);
      expect(stderr).toContain("sent wrong bytes and is not asked again");
      expect(bytesRead).toBeGreaterThan(honest.sent());
      expect({ ok, code }).toEqual({ ok: true, code: 0 });
    },
  );
});

describe("manifests and files that are not right", { timeout: 120_000 }, () => {
  it("are refused with expected and actual, and exit 2", async () => {
    const { url } = await servePieces([...chain.pieces, ...forged.pieces]);
    const smaller = await made("bn254", 4, [], "small/");
    const { entries } = chain;
    const response = entries[3] as ArchiveFile;
    const collection = (name: string, files: readonly ArchiveFile[]): Collection => ({
      name,
      title: name,
      licence: "CC0-1.0",
      files: [...files],
    });
    const mixed = { collections: [collection("large", entries), collection("small", smaller.entries)] };
    const twice = (await made("bn254", power, [{ index: 2, how: "powers" }], "b/")).entries;
    const cases: readonly (readonly [string, string, readonly string[], RegExp])[] = [
      [
        "size of no file",
        await manifestFile(changed(entries, "response_0002", { bytes: response.bytes + 1 })),
        [],
        /response_0002: its size in the manifest[^]*actual: *6292321 bytes/,
      ],
      [
        "size of another file",
        await manifestFile(changed(entries, "response_0002", { bytes: (entries[0] as ArchiveFile).bytes })),
        [],
        /response_0002: its size in the manifest is not that of its piece[^]*expected: *6292320/,
      ],
      ["two ceremonies", await manifestFile([], mixed), [], /another ceremony than that of[^]*--collection/],
      [
        "two ceremonies of one size",
        await manifestFile([...entries, ...twice]),
        [],
        /another one for each file, actual the one of|of two ceremonies/,
      ],
      ["an unknown collection", await manifestFile([], mixed), ["--collection", "medium"], /large, small/],
      ["an unknown name", await manifestFile(entries), ["--files", "answer_*"], /challenge_0001[^]*answer_/],
      ["a depth", await manifestFile(entries), ["--depth", "points"], /expected: *--depth keys/],
      [
        "too many bytes",
        await manifestFile(entries),
        ["--max-bytes", "5MB"],
        /at most 4.8 MiB[^]*--max-bytes/,
      ],
      [
        "no chain",
        await manifestFile([
          archived("a", { size: 3, parts: [] }).entry,
          archived("b", { size: 4, parts: [] }).entry,
        ]),
        [],
        /no challenge and no response/,
      ],
    ];
    for (const [title, path, args, message] of cases) {
      const { code, stdout, stderr } = await inspect(path, "--from", url, ...args);
      expect(stderr, title).toMatch(message);
      expect({ code, stdout }, title).toEqual({ code: 2, stdout: "" });
    }
    const manifest = await manifestFile(entries);
    const single = await inspect(
      manifest,
      "--from",
      `${url}/piece/${(chain.pieces[0] as SparsePiece).root.slice(2)}`,
    );
    expect(single).toMatchObject({ code: 2, stderr: expect.stringMatching(/leads to one piece/) });
    expect(await inspect(manifest, manifest)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/is inspected alone/),
    });
    expect(await inspect("--factory", `0x${"11".repeat(20)}`, manifest)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--rpc URL/),
    });
  });

  it("are refused with exit 3 if no source has a contribution", async () => {
    const { url } = await servePieces(without(chain, "response_0002"));
    const { code, stdout, stderr } = await inspect(await manifestFile(chain.entries), "--from", url);
    expect(stderr).toMatch(/response_0002: no source gives[^]*plain web server proves no range/);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  });

  it("fail with exit 1 where the manifest states the hash of other bytes", async () => {
    const { url } = await servePieces(chain.pieces);
    const wrong = changed(chain.entries, "response_0002", { blake2b: `0x${"ab".repeat(64)}` });
    const { code, stdout } = await inspect(await manifestFile(wrong), "--from", url, "--json");
    const { contributions, problems } = JSON.parse(stdout);
    expect(contributions[1].checks).toMatchObject({ nextHead: false, chain: true, tauG1: true });
    expect(problems).toEqual([
      expect.stringMatching(/challenge_0003: head: expected the hash of response_0002/),
    ]);
    expect(code).toBe(1);
  });

  it("fail with exit 1 where a contribution of another chain is in its place", async () => {
    const other = await made("bn254", power, [{ index: 1, how: "powers" }]);
    const { url } = await servePieces([...chain.pieces, ...other.pieces]);
    const { derivedFrom: _, ...entry } = other.entries[3] as ArchiveFile;
    const path = await manifestFile(changed(chain.entries, "response_0002", entry));
    const { code, stdout } = await inspect(path, "--from", url, "--json");
    const { contributions } = JSON.parse(stdout);
    expect(contributions.map((own: { ok: boolean }) => own.ok)).toEqual([true, false, false]);
    expect(contributions[1].checks).toMatchObject({ chain: false, nextHead: false });
    expect(code).toBe(1);
  });

  it("names the manifest's root", async () => {
    const { url } = await servePieces(chain.pieces);
    const { stdout } = await inspect(await manifestFile(chain.entries), "--from", url, "--json");
    expect(JSON.parse(stdout).manifest).toBe(manifestRoot(canonicalBytes(manifestOf(chain.entries))));
  });
});
