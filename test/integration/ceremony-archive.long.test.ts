/**
 * The witness chain of an archive at a real provider daemon: 40 contributions of 75 MB, one forged in the middle. The manifest is announced by a
 * group, the provider is found in the registry, and a server in front of it that lies is blamed.
 *
 * The files are made up. Sizes, heads, first powers and keys are right, and every head is the hash of all bytes of the file before it; the other
 * points are zero bytes (holes of the disk), which reading by ranges cannot tell from points.
 */
import { appendFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { ZeroHash } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { canonicalBytes, manifestRoot } from "../../archive/manifest.ts";
import type { ArchiveFile } from "../../archive/schema.ts";
import { hashFileOnce } from "../../cli/archive/file-stream.ts";
import type { Hashes } from "../../cli/archive/hash-blocks.ts";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import { proofHeader } from "../../protocol/codec/piece-http.ts";
import { decodeStoreResponse, maxStoreResponseBytes } from "../../protocol/codec/store-response.ts";
import { encodeStoreMessage, storeProtocol } from "../../protocol/codec/store.ts";
import { fromHex } from "../../protocol/hash.ts";
import { startProvider } from "../../provider/compose.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { loadConfig } from "../../provider/config.ts";
import { consentFor } from "../../provider/consent.ts";
import { providerIdentity } from "../../provider/identity.ts";
import { ingestFiles } from "../../provider/ingest.ts";
import { serve } from "../support/archive/http-server.ts";
import { manifestOf } from "../support/archive/manifests.ts";
import { writeSparse } from "../support/archive/sparse-bytes.ts";
import { makeWitnessChain } from "../support/ceremony/witness-chain.ts";
import type { WitnessFile } from "../support/ceremony/witness-chain.ts";
import { runCli } from "../support/cli.ts";
import { send } from "../support/contracts/chain.ts";
import { sharedFolder } from "../support/files.ts";
import { signedPermission } from "../support/permissions.ts";
import { price } from "../support/provider-chain.ts";
import { providerScene } from "../support/provider-scene.ts";
import type { Scene } from "../support/provider-scene.ts";

const minutes = 60_000;
const contributions = 40;
const forged = 20;
/** BLS12-381 with 2^18 powers: responses of 75,498,736 bytes. */
const power = 18;

let folder: string;
let removeFolder: () => Promise<void>;
let scene: Scene;
let running: RunningProvider;
let files: readonly WitnessFile[];
let manifestPath: string;
let root: string;

const pathOf = (name: string): string => join(folder, "archive", name);

/** The chain on disk, and its manifest. Of the challenges the first and the last one are kept: the others can be computed. */
async function makeArchive(): Promise<void> {
  const hashes = new Map<string, Hashes>();
  await mkdir(join(folder, "archive"));
  files = await makeWitnessChain("bls12-381", {
    power,
    contributions,
    forgeries: [{ index: forged, how: "powers" }],
    hashOf: async (name, file) => {
      await writeSparse(pathOf(name), file);
      const found = await hashFileOnce(pathOf(name));
      hashes.set(name, found);
      return fromHex(found.blake2b);
    },
  });
  const entries = files.map(({ name, kind }, i): ArchiveFile => {
    const { bytes, blake2b, sha256, root: piece } = hashes.get(name) as Hashes;
    const before = files[i - 1];
    const derived =
      kind === "challenge" && before ? { derivedFrom: { file: before.name, by: "powersoftau" } } : {};
    const priority = kind === "challenge" ? 0 : 90;
    return { name, bytes, blake2b, sha256, root: piece, sources: [], priority, ...derived };
  });
  const manifest = manifestOf(entries, { title: "A ceremony with 40 contributions" });
  manifestPath = join(folder, "archive.json");
  await writeFile(manifestPath, JSON.stringify({ manifest, signatures: [] }));
  root = manifestRoot(canonicalBytes(manifest));
}

/** The daemon with the archive's files where they lie, which anybody may read. */
async function openProvider(): Promise<void> {
  scene = await providerScene(folder, [[1_000]]);
  const [stored] = scene.stored;
  if (stored === undefined) throw new Error("the scene has no group");
  const { group } = stored;
  const ends = ["challenge_0001", files.at(-1)?.name];
  const kept = files.filter(({ kind, name }) => kind === "response" || ends.includes(name));
  for (const { name } of files) if (!kept.some((own) => own.name === name)) await rm(pathOf(name));
  await ingestFiles(
    scene.config,
    kept.map(({ name }) => pathOf(name)),
    { group: group.address, replace: true, inPlace: true },
  );
  await group.use(await consentFor(scene.config, scene.keys, group.address, { price }), 0);
  await group.send("setManifest", [root, ZeroHash]);
  await appendFile(scene.configPath, "reading: { host: 127.0.0.1, port: 0, bytesPerSecond: 1000000000 }\n");
  running = await startProvider(await loadConfig(scene.configPath), scene.keys, pino({ level: "silent" }));
  const { registry } = scene.chain.world;
  const { peerIdBytes } = await providerIdentity(scene.keys);
  await send(registry, scene.operator, "updateProviderEndpoint", [
    peerIdBytes,
    running.addrs.map((addr) => addr.replace(/\/p2p\/.*$/, "")),
  ]);
  const domain = { chainId: scene.chain.chainId, group: group.address };
  const until = (await scene.chain.world.chain.block()) + 100_000;
  const permission = await signedPermission(scene.chain.world.convener, domain, { peer: undefined, until });
  const bytes = encodeStoreMessage({ kind: "publish", ...domain, ...permission });
  const caller = scene.keepers[0]?.calling;
  if (caller === undefined) throw new Error("the scene has no keeper");
  const call = { protocol: storeProtocol, bytes, maxBytes: maxStoreResponseBytes };
  const received = await askProvider(caller, running, call, { timeout_ms: 10_000 });
  if (!received.ok) throw new Error(received.reason);
  expect(decodeStoreResponse(received.bytes, "publish")).toMatchObject({ value: { kind: "published" } });
}

beforeAll(async () => {
  ({ folder, remove: removeFolder } = await sharedFolder());
  await makeArchive();
  await openProvider();
}, 20 * minutes);

afterAll(async () => {
  await running?.stop();
  await scene?.close();
  await removeFolder();
});

/** In front of the provider; it changes a byte of every range after the fourth. */
async function liar(): Promise<{ readonly url: string; readonly lies: () => number }> {
  let ranges = 0;
  const url = await serve((request, response) => {
    void (async () => {
      const answer = await fetch(`${running.reading}${request.url}`, {
        headers: { Range: String(request.headers.range) },
      });
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (answer.status === 206 && ++ranges > 4) bytes[100] = (bytes[100] ?? 0) ^ 1;
      const headers = Object.fromEntries(
        ["Content-Range", proofHeader].map((name) => [name, answer.headers.get(name) ?? ""]),
      );
      response.writeHead(answer.status, headers).end(bytes);
    })();
  });
  return { url, lies: () => Math.max(0, ranges - 4) };
}

it(
  "names the forged contribution, blames the source that lies, and reads a small part",
  { timeout: 10 * minutes },
  async () => {
    const { url, lies } = await liar();
    const group = scene.stored[0]?.group.address as string;
    const { code, stdout, stderr } = await runCli([
      "inspect",
      "ceremony",
      manifestPath,
      "--from",
      url,
      "--registry",
      await scene.chain.registry(),
      "--rpc",
      scene.chain.endpoint.url,
      "--group",
      group,
      "--json",
    ]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/sent wrong bytes and is not asked again/),
    });
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      kind: "powers-of-tau-chain",
      curve: "bls12-381",
      power,
      ok: false,
      manifest: root,
      announced: [{ root }],
      faults: [{ source: `${url}/`, kind: "wrong" }],
    });
    expect(lies()).toBe(1);
    expect(document.contributions).toHaveLength(contributions);
    const failed = document.contributions.filter((own: { ok: boolean }) => !own.ok);
    expect(failed).toMatchObject([
      { index: forged, name: "response_0020", checks: { keyTau: true, tauG1: false, tauG2: false } },
    ]);
    expect(document.problems).toEqual([
      expect.stringMatching(/^response_0020: τ in G1: expected the power before times the key's secret/),
      expect.stringMatching(/^response_0020: τ in G2/),
    ]);
    const { bytesRead, bytesOfFiles } = document;
    console.info(
      `read ${(bytesRead / 1e6).toFixed(1)} MB of ${(bytesOfFiles / 1e9).toFixed(2)} GB in ${files.length} files, ` +
        `${contributions} responses of ${((files[1]?.size ?? 0) / 1e6).toFixed(1)} MB`,
    );
    // Six ranges of 2 MB of each response and of the two challenges at the ends, and what the liar sent.
    expect(bytesRead).toBeLessThan(((contributions + 2) * 6 + 1) * 2_031_616);
    expect(code).toBe(1);
  },
);

it("says that a group announced another manifest", { timeout: 5 * minutes }, async () => {
  const { group } = scene.stored[0] as (typeof scene.stored)[number];
  await group.send("setManifest", [`0x${"12".repeat(32)}`, root]);
  const { code, stdout } = await runCli([
    "inspect",
    "ceremony",
    manifestPath,
    "--files",
    "response_0001",
    "--from",
    running.reading as string,
    "--registry",
    await scene.chain.registry(),
    "--rpc",
    scene.chain.endpoint.url,
    "--group",
    group.address,
    "--json",
  ]);
  const { problems, contributions: found } = JSON.parse(stdout);
  expect(found).toMatchObject([{ index: 1, ok: true }]);
  expect(problems).toEqual([
    expect.stringMatching(/manifest: expected the one that group .* 0x1212.*, actual/),
  ]);
  expect(code).toBe(1);
});
