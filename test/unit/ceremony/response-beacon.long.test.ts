/**
 * The beacon of a raw response. snarkjs makes beacons only in `.ptau` files, so the response is put together from such a file: the next
 * challenge's head, which snarkjs computed, shows that it is the response byte for byte.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blake2b } from "@noble/hashes/blake2.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { curves } from "../../../ceremony/curves.ts";
import type { BeaconOrigin } from "../../../ceremony/beacon/origin.ts";
import { encodeKey } from "../../../ceremony/key-proof.ts";
import { layoutOf } from "../../../ceremony/powers-of-tau/layout.ts";
import { doPointTask } from "../../../ceremony/powers-of-tau/point-task.ts";
import { readContributions } from "../../../ceremony/ptau/contributions.ts";
import { verifyCeremony } from "../../../ceremony/readers.ts";
import type { ReadOptions } from "../../../ceremony/readers.ts";
import { concatBytes, fromHex } from "../../../storage/core/bytes.ts";
import { sourceOf } from "../../support/ceremony/bytes-source.ts";
import { beaconValue, splitFile } from "../../support/ceremony/ptau-files.ts";
import { snarkjs } from "../../support/ceremony/snarkjs.ts";

const power = 3;
const exponent = 10;
const value = fromHex(`0x${beaconValue}`);

describe.each(["bn254", "bls12-381"] as const)("a response that comes from a beacon, with %s", (name) => {
  let folder: string;
  let files: readonly (readonly [name: string, bytes: Uint8Array])[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "whitepay-beacon-"));
    const ofSnarkjs = name === "bn254" ? "bn128" : name;
    const tau = (...args: readonly string[]): Promise<string> => snarkjs(folder, "powersoftau", ...args);
    await tau("new", ofSnarkjs, String(power), "0.ptau");
    await tau("contribute", "0.ptau", "1.ptau", "--name=Alice", "-e=some text");
    await tau("beacon", "1.ptau", "2.ptau", beaconValue, String(exponent), "-n=Beacon");
    await tau("export", "challenge", "1.ptau", "challenge_0002");
    await tau("export", "challenge", "2.ptau", "challenge_0003");
    const read = (file: string): Promise<Buffer> => readFile(join(folder, file));
    const [challenge, next] = [await read("challenge_0002"), await read("challenge_0003")];
    const curve = curves[name];
    const to = name === "bn254" ? "compressed" : "compressed-snarkjs";
    const points = layoutOf("challenge", name, power).sections.map(
      ({ group, start, points: count, pointBytes }) => {
        const bytes = next.subarray(start, start + count * pointBytes);
        return doPointTask({ curve: name, group, form: "uncompressed", bytes, to, combinations: [] }).encoded;
      },
    );
    const section = splitFile(await read("2.ptau")).find(({ id }) => id === 7);
    const [, beacon] = readContributions(curve, section?.bytes ?? new Uint8Array(), "2.ptau");
    if (beacon === undefined) throw new Error("2.ptau has no second contribution");
    const parts = points.map((part) => part ?? new Uint8Array());
    const response = concatBytes(blake2b(challenge), ...parts, encodeKey(curve, beacon.key));
    files = [
      ["challenge_0002", challenge],
      ["response_0002", response],
      ["challenge_0003", next],
    ];
  }, 120_000);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const verify = (beacon: ReadOptions["beacon"]) =>
    verifyCeremony(
      files.map(([file, bytes]) => sourceOf(file, bytes)),
      {
        depth: "hashes",
        tools: { createHash: () => blake2b.create({ dkLen: 64 }) },
        ...(beacon && { beacon }),
      },
    );

  it("has the key that the value gives after 2^n hashes, and snarkjs' hash", async () => {
    const report = await verify({ ofResponse: { value, exponent } });
    expect(report).toMatchObject({
      ok: true,
      beacon: { source: "iterated-hash", value: `0x${beaconValue}`, iterations: 1024, ok: true },
    });
    expect(report.contributions[0]?.checks).toMatchObject({
      nextHead: true,
      nextPoints: true,
      beaconKey: true,
    });
    expect(report.notChecked.join("\n")).toContain("the origin of the beacon's value");
    expect(report.notChecked.join("\n")).not.toContain("do not say which contribution");
  });

  it("is not that of another value, or of another number of hashes", async () => {
    for (const ofResponse of [
      { value: value.slice(1), exponent },
      { value, exponent: exponent - 1 },
    ]) {
      const report = await verify({ ofResponse });
      expect(report).toMatchObject({ ok: false, beacon: { ok: false } });
      expect(report.contributions[0]).toMatchObject({
        ok: false,
        checks: { beaconKey: false, keyTau: true },
      });
      expect(report.problems).toEqual([expect.stringMatching(/response_0002: its key: expected the one/)]);
    }
  });

  it("is not computed above the bound, and compared with its origin", async () => {
    const bounded = await verify({ ofResponse: { value, exponent }, maxBeaconExponent: 9 });
    expect(bounded).toMatchObject({ ok: true, beacon: { ok: undefined } });
    expect(bounded.notChecked.join("\n")).toMatch(/the beacon: not computed: its 2\^10 hashes/);
    const hash = `0x${beaconValue}` as const;
    const origin: BeaconOrigin = { source: "block", chainId: 1n, number: 5, hash };
    expect(await verify({ ofResponse: { value, exponent }, origin })).toMatchObject({
      ok: true,
      beacon: { source: "block", ok: true },
    });
    const other: BeaconOrigin = { ...origin, hash: `0x${"77".repeat(32)}` };
    expect(await verify({ ofResponse: { value, exponent }, origin: other })).toMatchObject({
      ok: false,
      beacon: { ok: false },
    });
  });
});
