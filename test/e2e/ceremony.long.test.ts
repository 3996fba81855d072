/**
 * A ceremony as its people run it, each command a process of its own: three contribute with snarkjs, one is silent, one sends a forged response,
 * and the upload of one breaks. A fourth person verifies all of it from the manifest, and so does snarkjs.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StatusDocument } from "../../cli/ceremony/status-document.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { sealKey } from "../../daemon/keys/keystore.ts";
import type { Hex } from "../../protocol/hash.ts";
import { projectRoot } from "../../scripts/paths.ts";
import { runCli, startCli } from "../support/cli.ts";
import type { CliProcess, CliResult } from "../support/cli.ts";
import { startChainEndpoint } from "../support/chain-endpoint.ts";
import type { ChainEndpoint } from "../support/chain-endpoint.ts";
import { makeChain } from "../support/ceremony/powers.ts";
import { party } from "../support/ceremony/running.ts";
import type { Party } from "../support/ceremony/running.ts";
import { snarkjs } from "../support/ceremony/snarkjs.ts";
import { openChain } from "../support/contracts/chain.ts";
import type { Chain } from "../support/contracts/chain.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";

const minute = 60_000;
const power = 6;
const slot_s = 60;
const snarkjsScript = join(projectRoot, "node_modules/snarkjs/build/cli.cjs");
const people = ["organiser", "dave", "eve", "alice", "bob", "carol"] as const;
type Name = (typeof people)[number];
const parties = Object.fromEntries(people.map((name, i) => [name, party(i + 1)])) as Record<Name, Party>;

let scratch: string;
let folder: string;
let url: string;
let port: number;
let proxy: CuttingProxy;
let service: CliProcess;
let chain: Chain;
let endpoint: ChainEndpoint;

const keyOf = (name: Name): string[] => {
  const password = ["--password-file", join(scratch, "password")];
  return ["--key", join(scratch, `${name}.json`), ...password];
};

async function serve(): Promise<void> {
  service = startCli(["ceremony", "serve", folder, "--port", `${port}`, ...keyOf("organiser")]);
  await service.said('"event":"ready"');
}

async function endService(): Promise<void> {
  service.child.kill("SIGTERM");
  expect((await service.ended).code).toBe(0);
}

async function json<T>(...args: readonly string[]): Promise<T> {
  const result = await runCli([...args, "--json"]);
  if (result.code !== 0) throw new Error(JSON.stringify(result));
  return JSON.parse(result.stdout) as T;
}

const status = (): Promise<StatusDocument> => json("ceremony", "status", url);

async function untilSlotOf(name: Name): Promise<void> {
  const holds = async (): Promise<string | undefined> => (await status()).slot?.participant;
  await expect.poll(holds, { timeout: 2 * minute, interval: 500 }).toBe(parties[name].address);
}

function contributes(name: Name, place = url): Promise<CliResult> {
  const out = ["--folder", join(scratch, name), "--name", name, "--accept-command", "--json"];
  return runCli(["ceremony", "next", place, ...keyOf(name), ...out]);
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "whitepay-ceremony-"));
  folder = join(scratch, "ceremony");
  await writeFile(join(scratch, "password"), "secret\n", { mode: 0o600 });
  for (const name of people) {
    const secret = parties[name].key.privateKey as Hex;
    const keystore = await sealKey("operator", secret, "secret", "light");
    await writeFile(join(scratch, `${name}.json`), keystore, { mode: 0o600 });
  }
  [port = 0] = await freePorts(1);
  url = `http://127.0.0.1:${port}`;
  proxy = await CuttingProxy.open(port);
  chain = await openChain();
  await chain.rpc("hardhat_mine", ["0x5"]);
  endpoint = await startChainEndpoint(chain.rpc);
  const command = [process.execPath, snarkjsScript, "powersoftau", "challenge", "contribute", "bn128"];
  const form = ["--title", "Small ceremony", "--power", `${power}`, "--slot", `${slot_s}`, "--url", url];
  const words = [
    ...form,
    ...keyOf("organiser"),
    "--",
    ...command,
    "{challenge}",
    "{response}",
    "-e=some text",
  ];
  const made = await runCli(["ceremony", "init", folder, "--json", ...words]);
  if (made.code !== 0) throw new Error(JSON.stringify(made));
  await serve();
}, 2 * minute);

afterAll(async () => {
  service?.child.kill("SIGTERM");
  await service?.ended;
  await proxy?.close();
  await endpoint?.close();
  await chain?.close();
  if (scratch) await rm(scratch, { recursive: true, force: true });
}, minute);

describe("a ceremony", { timeout: 10 * minute }, () => {
  it("goes on past the silent and the forger, and over a broken upload", async () => {
    for (const name of ["dave", "eve"] as const)
      expect(await runCli(["ceremony", "join", url, ...keyOf(name), "--name", name])).toMatchObject({
        code: 0,
      });
    const alice = contributes("alice");
    await expect.poll(async () => (await status()).queue.length, { timeout: minute }).toBe(2);
    const bob = contributes("bob");
    await expect.poll(async () => (await status()).queue.length, { timeout: minute }).toBe(3);

    // Dave has the first slot, and says nothing more. Eve's response is none to this challenge.
    await untilSlotOf("eve");
    const forged = join(scratch, "forged");
    const other = makeChain("bn254", { power, contributions: 2, seed: 9 });
    await writeFile(forged, other.responses[1] as Uint8Array);
    const eve = await runCli(["ceremony", "submit", url, ...keyOf("eve"), "--response", forged]);
    expect(eve.code).toBe(4);
    expect(eve.stderr).toMatch(/the response is not accepted/);
    expect(eve.stderr).toMatch(/chain, .*tauG1/);

    for (const result of await Promise.all([alice, bob])) {
      if (result.code !== 0) throw new Error(JSON.stringify(result));
      expect(JSON.parse(result.stdout)).toMatchObject({ accepted: true });
    }
    // No connection of Carol carries more than 6,000 of her bytes, and the response has 13,152: it arrives in pieces.
    proxy.next = { counted: "sent", after: 6_000, by: "reset" };
    const ended = await contributes("carol", `http://127.0.0.1:${proxy.port}`);
    if (ended.code !== 0) throw new Error(JSON.stringify(ended));

    const end = await status();
    const names = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name);
    expect(names(end.contributions)).toEqual(["alice", "bob", "carol"]);
    expect(names(end.lost)).toEqual(["dave"]);
    expect(names(end.refused)).toEqual(["eve"]);
    expect(end.refused[0]?.failed).toContain("chain");
  });

  it("ends with a beacon that was announced before it existed", async () => {
    await endService();
    const head = Number(await chain.rpc("eth_blockNumber"));
    const announce = (block: number): Promise<CliResult> =>
      runCli([
        "ceremony",
        "beacon",
        "announce",
        folder,
        "--block",
        `${block}`,
        "--rpc",
        endpoint.url,
        ...keyOf("organiser"),
      ]);
    expect(await announce(head)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/expected one after the head/),
    });
    expect(await announce(head + 2)).toMatchObject({ code: 0 });
    const words = ["ceremony", "beacon", "apply", folder, "--rpc", endpoint.url, ...keyOf("organiser")];
    expect(await runCli(words)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/does not exist yet/),
    });
    const ahead = Math.ceil(Date.now() / 1_000) + 100;
    await chain.rpc("evm_setNextBlockTimestamp", [ahead]);
    for (let i = 0; i < 2; i++) await chain.rpc("evm_mine");
    const block = (await chain.rpc("eth_getBlockByNumber", [`0x${(head + 2).toString(16)}`, false])) as {
      hash: string;
    };
    expect(await json(...words)).toMatchObject({ index: 4, value: block.hash });
    await serve();
    expect(await status()).toMatchObject({ phase: "closed", beacon: { index: 4, value: block.hash } });
  });

  it("is verified from its manifest alone", async () => {
    const manifest = join(scratch, "archive.json");
    await writeFile(manifest, Buffer.from(await (await fetch(`${url}/files/archive.json`)).arrayBuffer()));
    const rpc = ["--rpc", endpoint.url];
    const report = await json<Record<string, unknown>>("ceremony", "verify", manifest, ...rpc);
    expect(report).toMatchObject({
      ok: true,
      problems: [],
      phase: "closed",
      final: { file: "response_0004" },
    });
    expect(report["contributions"]).toMatchObject([{ name: "alice" }, { name: "bob" }, { name: "carol" }]);
    expect(await runCli(["archive", "show", manifest])).toMatchObject({ code: 0 });

    // One byte of one file, in a copy of the organiser's folder.
    const copy = join(scratch, "copy");
    await cp(folder, copy, { recursive: true });
    const local = ["ceremony", "verify", join(copy, "archive.json"), "--from", copy, ...rpc];
    expect(await runCli(local)).toMatchObject({ code: 0 });
    const path = join(copy, "files", "response_0002");
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    await writeFile(path, bytes);
    const wrong = await runCli(local);
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toMatch(/response_0002/);
  });

  it("is verified by inspect and by snarkjs", async () => {
    const files = [1, 2, 3, 4].map((index) => join(folder, "files", `response_000${index}`));
    const first = join(folder, "files", "challenge_0001");
    expect(await json("inspect", "ceremony", first, ...files)).toMatchObject({ ok: true });
    await snarkjs(scratch, "powersoftau", "new", "bn128", `${power}`, "pot_0.ptau");
    for (const [i, file] of files.entries())
      await snarkjs(scratch, "powersoftau", "import", "response", `pot_${i}.ptau`, file, `pot_${i + 1}.ptau`);
    expect(await snarkjs(scratch, "powersoftau", "verify", "pot_4.ptau")).toMatch(/Powers Of tau file OK/i);
  });
});
