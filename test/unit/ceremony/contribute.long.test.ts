/** The contribution of a beacon is the one that snarkjs makes from the same value. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { iterateSha256 } from "../../../ceremony/beacon/iterated-hash.ts";
import { eachBeaconBlock } from "../../../ceremony/powers-of-tau/contribute.ts";
import { openPowersOfTau } from "../../../ceremony/powers-of-tau/open.ts";
import { eachDerivedBlock, initialBlocks } from "../../../ceremony/powers-of-tau/point-stream.ts";
import type { Accumulator } from "../../../ceremony/powers-of-tau/point-reader.ts";
import { concatBytes, fromHex } from "../../../storage/core/bytes.ts";
import { sourceOf } from "../../support/ceremony/bytes-source.ts";
import { beaconValue, printedHash } from "../../support/ceremony/ptau-files.ts";
import { snarkjs } from "../../support/ceremony/snarkjs.ts";
import { failedChecks, verifyBytes } from "../../support/ceremony/verify.ts";

const tools = { createHash: () => createHash("blake2b512") };
const blake2b = (bytes: Uint8Array): Uint8Array => createHash("blake2b512").update(bytes).digest();

const accumulatorOf = async (name: string, bytes: Uint8Array): Promise<Accumulator> => {
  const [only] = await openPowersOfTau(sourceOf(name, bytes));
  return only as Accumulator;
};

describe.each([
  ["bn254", "bn128"],
  ["bls12-381", "bls12-381"],
] as const)("a beacon with %s", (_, curve) => {
  it("gives the response that snarkjs gives, and the next challenge", async () => {
    const folder = await mkdtemp(join(tmpdir(), "whitepay-beacon-"));
    try {
      await snarkjs(folder, "powersoftau", "new", curve, "3", "0.ptau");
      await snarkjs(folder, "powersoftau", "export", "challenge", "0.ptau", "challenge_0001");
      const printed = await snarkjs(folder, "powersoftau", "beacon", "0.ptau", "1.ptau", beaconValue, "10");
      await snarkjs(folder, "powersoftau", "export", "challenge", "1.ptau", "challenge_0002");
      const [first, second] = await Promise.all(
        ["challenge_0001", "challenge_0002"].map((name) => readFile(join(folder, name))),
      );
      if (first === undefined || second === undefined) throw new Error("no challenge");
      const challenge = await accumulatorOf("challenge_0001", first);
      expect(concatBytes(...initialBlocks(challenge.layout, tools))).toEqual(new Uint8Array(first));
      const seed = await iterateSha256(fromHex(`0x${beaconValue}`), 10);
      const parts: Uint8Array[] = [];
      const source = { seed, challengeHash: blake2b(first) };
      await eachBeaconBlock(challenge, source, (block) => parts.push(Uint8Array.from(block)), tools);
      const response = concatBytes(...parts);
      const report = await verifyBytes([
        ["challenge_0001", first],
        ["response_0001", response],
        ["challenge_0002", second],
      ]);
      // snarkjs hashes another compressed form with BLS12-381, so only the points of its challenge are compared there.
      const form = curve === "bn128" ? [[]] : [["nextHead"]];
      expect(failedChecks(report)).toEqual(form);
      const hash = Buffer.from(blake2b(response)).toString("hex");
      const published = printedHash(printed, "Contribution Response Hash imported");
      expect(hash === published).toBe(curve === "bn128");
      const next: Uint8Array[] = [];
      const head = blake2b(response);
      const made = await accumulatorOf("response_0001", response);
      const write = (block: Uint8Array): unknown => next.push(Uint8Array.from(block));
      await eachDerivedBlock(made, { kind: "challenge", head }, write, tools);
      const derived = concatBytes(...next);
      expect(derived.subarray(64)).toEqual(new Uint8Array(second).subarray(64));
      expect(derived.subarray(0, 64)).toEqual(new Uint8Array(head));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
