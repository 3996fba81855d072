/** `inspect ceremony` as a user runs it, on ceremonies that snarkjs made: documents, text, exit codes. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { blake2b } from "@noble/hashes/blake2.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { snarkjs, snarkjsChain } from "../../../support/ceremony/snarkjs.ts";
import type { SnarkjsChain } from "../../../support/ceremony/snarkjs.ts";
import { runCli } from "../../../support/cli.ts";
import type { CliResult } from "../../../support/cli.ts";

const all = ["challenge_0001", "response_0001", "challenge_0002", "response_0002", "challenge_0003"];

describe.each(["bn254", "bls12-381"] as const)("inspect ceremony, with two contributions of %s", (curve) => {
  let chain: SnarkjsChain;
  beforeAll(async () => {
    chain = await snarkjsChain(curve, { power: 4, contributions: 2 });
  });
  afterAll(() => chain.remove());

  const inspect = (...args: readonly string[]): Promise<CliResult> =>
    runCli(["inspect", "ceremony", ...args], { cwd: chain.folder });
  const bytesOf = (name: string): Promise<Uint8Array> => readFile(join(chain.folder, name));
  const make = async (name: string, bytes: Uint8Array): Promise<string> => {
    await writeFile(join(chain.folder, name), bytes);
    return name;
  };

  it("prints one document, and snarkjs finds the same ceremony right", async () => {
    const hash = Buffer.from(blake2b(await bytesOf("response_0002"))).toString("hex");
    const { code, stdout } = await inspect(...all, "--json", "--mine", hash);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      kind: "powers-of-tau-chain",
      curve,
      power: 4,
      beacon: null,
      ok: true,
      problems: [],
      notChecked: [expect.stringMatching(/files before challenge_0003 .*--depth all/)],
      mine: { hash: `0x${hash}`, index: 2, name: "response_0002", unknown: 0 },
    });
    expect(document.contributions.map((own: { ok: boolean; index: number }) => [own.index, own.ok])).toEqual([
      [1, true],
      [2, true],
    ]);
    expect(document.contributions[1].hash).toBe(`0x${hash}`);
    expect(code).toBe(0);
    expect(await snarkjs(chain.folder, "powersoftau", "verify", "pot_0002.ptau")).toMatch(/Powers of Tau Ok/);
  });

  it("checks the points of every response with --depth all, and finds a wrong one in the first", async () => {
    const whole = JSON.parse((await inspect(...all, "--depth", "all", "--json")).stdout);
    expect(whole).toMatchObject({ ok: true, notChecked: [] });
    for (const { checks } of whole.contributions) expect(checks).toMatchObject({ powersTauG1: true });
    const response = await bytesOf("response_0001");
    const g1 = curve === "bn254" ? 32 : 48;
    const at = (index: number): number => 64 + index * g1;
    const wrong = Uint8Array.from(response);
    wrong.copyWithin(at(6), at(5), at(6));
    const found = await inspect(await make("wrong", wrong), "response_0002", "--depth", "all", "--json");
    const { contributions } = JSON.parse(found.stdout);
    expect(contributions[0].checks).toMatchObject({ powersTauG1: false, powersTauG2: true, tauG1: true });
    expect(found.code).toBe(1);
    const last = JSON.parse((await inspect("wrong", "response_0002", "--json")).stdout);
    expect(last.contributions[0].checks).not.toHaveProperty("powersTauG1");
  });

  it("recomputes the challenges between responses", async () => {
    const { code, stdout } = await inspect("response_0001", "response_0002", "--json");
    const { contributions } = JSON.parse(stdout);
    // Zcash's form of a challenge is the one of snarkjs, so the heads show that the recomputed hashes are right.
    expect(contributions[1].checks).toMatchObject({ chain: true, powersTauG2: true });
    expect(code).toBe(0);
  });

  it("exits 1 for contributions in the wrong order, and for a contribution that is not among them", async () => {
    const swapped = await inspect("challenge_0001", "response_0002", "challenge_0002", "response_0001");
    expect(swapped.code).toBe(1);
    expect(swapped.stdout).toMatch(/contribution 1 {2}response_0002 {2}FAILED: chain, tauG1/);
    expect(swapped.stdout).toMatch(/does NOT hold:\n {2}response_0002: head: expected .*, actual 0x/);
    const missing = await inspect("response_0001", "--depth", "hashes", "--mine", "ab".repeat(64));
    expect(missing.code).toBe(1);
    expect(missing.stdout).toMatch(/is NOT among these$/m);
  });

  it("exits 2 for a file that is not of its format, with expected, actual and what to do", async () => {
    const response = await bytesOf("response_0001");
    const truncated = await inspect(await make("truncated", response.subarray(0, 3000)));
    expect(truncated.code).toBe(2);
    expect(truncated.stderr).toMatch(/truncated, or too long: expected .* \(response, .* actual 3000 bytes/);
    expect(truncated.stderr).toMatch(/fetch it again from another source/);
    const infinity = Uint8Array.from(response);
    infinity.fill(0, 64 + 3 * (curve === "bn254" ? 32 : 48), 64 + 4 * (curve === "bn254" ? 32 : 48));
    infinity[64 + 3 * (curve === "bn254" ? 32 : 48)] = 0x40;
    const forged = await inspect("challenge_0001", await make("infinity", infinity));
    expect(forged.code).toBe(2);
    expect(forged.stderr).toMatch(/infinity, point 3 of tauG1 at byte \d+: .* actual the point at infinity/);
  });
});

describe("inspect ceremony", () => {
  it("exits 2 for arguments and files that it cannot read", async () => {
    const chain = await snarkjsChain("bn254", { power: 1, contributions: 0 });
    try {
      await mkdir(join(chain.folder, "folder"));
      const run = (...args: readonly string[]): Promise<CliResult> =>
        runCli(["inspect", "ceremony", ...args], { cwd: chain.folder });
      const cases: readonly [readonly string[], RegExp][] = [
        [["none"], /no such file/],
        [["folder"], /actual: +a folder/],
        [["challenge_0001", "--mine", "12"], /--mine is not valid[\s\S]*128 hex digits/],
        [["challenge_0001", "--depth", "deep"], /keys \| hashes \| points/],
        [["challenge_0001", "challenge_0001"], /expected a response to the challenge/],
        [[], /missing required argument/],
      ];
      for (const [args, text] of cases) {
        const { code, stdout, stderr } = await run(...args);
        expect(stderr, args.join(" ")).toMatch(text);
        expect({ code, stdout }, args.join(" ")).toEqual({ code: 2, stdout: "" });
      }
    } finally {
      await chain.remove();
    }
  });
});
