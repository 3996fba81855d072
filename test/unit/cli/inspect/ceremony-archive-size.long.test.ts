/**
 * An archive as large as Perpetual Powers of Tau: challenges of 103 GB and responses of 52 GB, 9 TB together. Sizes, layouts, witnesses, piece
 * roots and proofs are real; all other bytes are zeros that nobody stores, and the BLAKE2b-512 of the files are made up: hashing 9 TB takes
 * hours.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { curves } from "../../../../ceremony/curves.ts";
import { knownFirstChallenge } from "../../../../ceremony/ptau/first-challenge.ts";
import { toHex } from "../../../../protocol/hash.ts";
import { segmentBytes } from "../../../../storage/core/geometry.ts";
import { pieceRoot } from "../../../../storage/core/merkle.ts";
import { rangeBytes } from "../../../../storage/core/range.ts";
import { archivedAs } from "../../../support/archive/archived.ts";
import { manifestOf } from "../../../support/archive/manifests.ts";
import { servePieces } from "../../../support/archive/piece-server.ts";
import { bytesAt, SparsePiece } from "../../../support/archive/sparse-bytes.ts";
import { makeWitnessChain } from "../../../support/ceremony/witness-chain.ts";
import { runCli } from "../../../support/cli.ts";
import { seededBytes, temporaryFolder } from "../../../support/files.ts";

/** 59 challenges and 58 responses. */
const contributions = 58;
const forged = 29;

it("a sparse piece has the root of its bytes", () => {
  for (const size of [1, segmentBytes, rangeBytes + 5, 3 * rangeBytes + segmentBytes + 7]) {
    const parts = [
      { start: 0, bytes: seededBytes(Math.min(size, 100), 1) },
      { start: Math.floor(size / 2), bytes: seededBytes(Math.ceil(size / 50), 2) },
    ];
    const file = { size, parts };
    expect(new SparsePiece(file).root).toBe(toHex(pieceRoot(bytesAt(file, 0, size))));
  }
});

it(
  "an archive of 9 TB is verified by reading less than 1 GB, and its forged contribution is named",
  { timeout: 600_000 },
  async () => {
    const folder = await temporaryFolder();
    const files = await makeWitnessChain("bn254", {
      power: 28,
      contributions,
      forgeries: [{ index: forged, how: "key" }],
      hashOf: async (name) =>
        name === "challenge_0001"
          ? (knownFirstChallenge(curves.bn254, 28) as Uint8Array)
          : blake2b(new TextEncoder().encode(name)),
    });
    const made = files.map((file) => archivedAs(file.name, file, file.hash));
    const bytesOfFiles = files.reduce((sum, { size }) => sum + size, 0);
    expect(bytesOfFiles).toBeGreaterThan(9e12);
    const path = join(folder, "archive.json");
    const manifest = manifestOf(made.map(({ entry }) => entry));
    await writeFile(path, JSON.stringify({ manifest, signatures: [] }));
    const { url } = await servePieces(made.map(({ piece }) => piece));
    const { code, stdout, stderr } = await runCli(["inspect", "ceremony", path, "--from", url, "--json"]);
    expect(stderr).toBe("");
    const document = JSON.parse(stdout);
    const { contributions: found, bytesRead } = document;
    expect(document).toMatchObject({ power: 28, ok: false, bytesOfFiles });
    expect(found).toHaveLength(contributions);
    const failed = found.filter((own: { ok: boolean }) => !own.ok);
    expect(failed).toMatchObject([{ index: forged, name: "response_0029", checks: { keyTau: false } }]);
    console.info(
      `read ${(bytesRead / 1e6).toFixed(1)} MB of ${(bytesOfFiles / 1e12).toFixed(2)} TB in ${files.length} files: ` +
        `${(bytesRead / contributions / 1e6).toFixed(2)} MB a contribution`,
    );
    expect(bytesRead).toBeLessThan(1e9);
    expect(code).toBe(1);
  },
);
