/** A chain of challenges and responses of BN254: what holds, at each depth, and what a reader says of files that are not right. */
import { beforeAll, describe, expect, it } from "vitest";
import { CeremonyFileError } from "../../../ceremony/report.ts";
import { makeChain } from "../../support/ceremony/powers.ts";
import type { MadeChain } from "../../support/ceremony/powers.ts";
import { failedChecks, replaced, verifyBytes } from "../../support/ceremony/verify.ts";
import type { NamedBytes } from "../../support/ceremony/verify.ts";

const power = 1;
const g1 = 32;
let chain: MadeChain;
let response: Uint8Array;

beforeAll(() => {
  chain = makeChain("bn254", { power, contributions: 1 });
  response = chain.responses[0] as Uint8Array;
});

const files = (): NamedBytes[] => [
  ["challenge_0001", chain.challenges[0] as Uint8Array],
  ["response_0001", response],
  ["challenge_0002", chain.challenges[1] as Uint8Array],
];

describe("a chain of one contribution", () => {
  it("holds, with all checks", async () => {
    const report = await verifyBytes(files());
    expect(report).toMatchObject({
      kind: "powers-of-tau-chain",
      curve: "bn254",
      power,
      ok: true,
      problems: [],
      notChecked: [],
    });
    expect(Object.keys(report.contributions[0]?.checks ?? {})).toEqual([
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
      "nextPoints",
      "powersTauG1",
      "powersTauG2",
      "powersAlphaG1",
      "powersBetaG1",
    ]);
  });

  it("read by its keys alone says what its other bytes could show", async () => {
    const report = await verifyBytes([files()[1] as NamedBytes], "keys");
    expect(report).toMatchObject({ kind: "powers-of-tau-response", ok: true });
    expect(report.contributions[0]).toMatchObject({ hash: undefined, ok: true });
    expect(report.notChecked.join("\n")).toMatch(/nothing binds the other points to a hash/);
  });
});

describe("a file that is not what its format demands", () => {
  /** Text of the error; another error, or none, fails the test. */
  const refusal = (bytes: Uint8Array): Promise<string> =>
    verifyBytes([["response_0001", bytes]]).then(
      () => "no error",
      (error: unknown) => {
        if (error instanceof CeremonyFileError) return error.message;
        throw error;
      },
    );
  const secondPower = 64 + g1;

  it("is refused when it is truncated or too long, with the sizes that fit", async () => {
    const sizes = /truncated, or too long: expected 1248 bytes \(response, bn254, 2\^1\)/;
    expect(await refusal(response.subarray(0, -1))).toMatch(sizes);
    expect(await refusal(replaced(new Uint8Array(response.length + 1), 0, response))).toMatch(
      /expected 1248 .* or 1632 bytes .*, actual 1249/,
    );
    expect(await refusal(new Uint8Array(1000))).toMatch(/the format is unknown/);
    expect(await refusal(new Uint8Array(0))).toMatch(/the format is unknown/);
  });

  it("is refused with a point at infinity or off the curve, with its place", async () => {
    const infinity = new Uint8Array(g1);
    infinity[0] = 0x40;
    const place = /response_0001, point 1 of tauG1 at byte 96: expected/;
    expect(await refusal(replaced(response, secondPower, infinity))).toMatch(place);
    expect(await refusal(replaced(response, secondPower, infinity))).toMatch(/actual the point at infinity/);
    const large = new Uint8Array(g1).fill(0x3f);
    expect(await refusal(replaced(response, secondPower, large))).toMatch(/below the field's prime/);
    const key = response.length - 768;
    const off = Uint8Array.of((response[key + 63] as number) ^ 1);
    expect(await refusal(replaced(response, key + 63, off))).toMatch(
      /the key's tau s at byte 480: .* off the curve/,
    );
  });

  it("is refused without the generator as its first power", async () => {
    const other = response.subarray(secondPower, secondPower + g1);
    expect(await refusal(replaced(response, 64, other))).toMatch(
      /point 0 of tauG1: expected the generator of bn254/,
    );
  });

  it("is refused together with a file of another ceremony's size or of the wrong kind", async () => {
    const larger = makeChain("bn254", { power: 2, contributions: 0 }).challenges[0] as Uint8Array;
    const [challenge] = files() as [NamedBytes];
    await expect(verifyBytes([challenge, ["larger", larger]])).rejects.toThrow(
      /larger: another ceremony than that of challenge_0001: expected bn254 with 2\^1 powers, actual bn254 with 2\^2/,
    );
    await expect(verifyBytes([challenge, challenge])).rejects.toThrow(/expected a response to the challenge/);
  });
});

it("a first power of a challenge that is another one fails, also where only keys are read", async () => {
  const [first, answer, second] = files() as [NamedBytes, NamedBytes, NamedBytes];
  const other = second[1].subarray(64 + 2 * 64, 64 + 3 * 64);
  const forge = ([name, bytes]: NamedBytes): NamedBytes => [name, replaced(bytes, 64 + 64, other)];
  const initial = await verifyBytes([forge(first), answer], "keys");
  expect(initial.ok).toBe(false);
  expect(initial.problems[0]).toMatch(
    /challenge_0001: .* expected generators as first powers, actual others/,
  );
  const next = await verifyBytes([first, answer, forge(second)], "keys");
  expect(failedChecks(next)).toEqual([["nextPoints"]]);
  expect(next).toMatchObject({
    ok: false,
    problems: [expect.stringMatching(/actual another a first power/)],
  });
});

it("a replaced head fails the chain and the proofs of knowledge, which are bound to the challenge", async () => {
  const forged = replaced(response, 0, new Uint8Array(64));
  const report = await verifyBytes([files()[0] as NamedBytes, ["response_0001", forged]], "hashes");
  expect(failedChecks(report)).toEqual([
    ["chain", "keyTau", "keyAlpha", "keyBeta", "tauG1", "alphaG1", "betaG1"],
  ]);
  expect(report.ok).toBe(false);
  expect(report.problems[0]).toMatch(/^response_0001: head: expected .*, actual 0x0{128}$/);
});
