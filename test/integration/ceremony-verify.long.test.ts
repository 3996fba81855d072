/** `ceremony verify` finds what an organiser, a host or a curator could change in a ceremony's archive. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalBytes, manifestRoot, readArchive } from "../../archive/manifest.ts";
import type { ArchiveFile, Manifest } from "../../archive/schema.ts";
import { manifestDigest } from "../../archive/signing.ts";
import { drandChain, drandTimeOf } from "../../ceremony/beacon/drand.ts";
import type { EntryBody } from "../../ceremony/running/entries.ts";
import { noCommittee } from "../../ceremony/running/queue.ts";
import { CeremonyFolder, signerOf } from "../../cli/ceremony/folder.ts";
import { writeEdition } from "../../cli/ceremony/manifest.ts";
import { sealKey } from "../../daemon/keys/keystore.ts";
import { fromHex, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { fieldsOf, makeAuthority, signedDocument } from "../support/attestations/nitro.ts";
import { makeChain } from "../support/ceremony/powers.ts";
import { organiser, party } from "../support/ceremony/running.ts";
import type { Party } from "../support/ceremony/running.ts";
import { fileHashes, ServiceScene } from "../support/ceremony/service.ts";
import { runCli } from "../support/cli.ts";
import { publicRounds } from "../unit/ceremony/beacon/rounds.ts";
import type { PublicRound } from "../unit/ceremony/beacon/rounds.ts";

type Report = {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly notChecked: readonly string[];
  readonly mine?: { readonly index: number | null };
};

const { round, randomness } = publicRounds.find((one) => one.chain === "quicknet") as PublicRound;
const quicknet = drandChain("quicknet");
const from_s = drandTimeOf(quicknet, round.round);
const made = makeChain("bn254", { power: 1, contributions: 3 });
const other = makeChain("bn254", { power: 1, contributions: 2, seed: 5 });
const response = (index: number): Uint8Array => made.responses[index - 1] as Uint8Array;

let scratch: string;
let scene: ServiceScene;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "whitepay-verify-"));
  scene = await ServiceScene.open();
  scene.now_s = from_s - 1_000;
  for (const [i, number] of [1, 2].entries()) {
    await scene.join(party(number));
    await scene.submit(party(number), response(i + 1));
  }
  await scene.stop();
}, 60_000);

afterAll(async () => {
  await scene?.remove();
  await rm(scratch, { recursive: true, force: true });
});

async function copyOf(name: string): Promise<string> {
  const folder = join(scratch, name);
  await cp(scene.folder, folder, { recursive: true });
  return folder;
}

async function verify(
  folder: string,
  ...words: string[]
): Promise<Report & { readonly code: number | null }> {
  const args = ["ceremony", "verify", join(folder, "archive.json"), "--from", folder, "--json", ...words];
  const { code, stdout, stderr } = await runCli(args);
  if (stdout === "") throw new Error(stderr);
  return { code, ...(JSON.parse(stdout) as Report) };
}

async function manifestOf(folder: string): Promise<Manifest> {
  const read = readArchive(await readFile(join(folder, "archive.json")));
  if (!read.ok) throw new Error(read.detail);
  return read.value.manifest;
}

/** Writes a changed manifest, signed as its curator would. */
async function change(
  folder: string,
  work: (manifest: Manifest) => Manifest,
  signer: Party = organiser,
): Promise<void> {
  const manifest = work(await manifestOf(folder));
  const { previous, edition } = manifest;
  const digest = toHex(manifestDigest({ root: manifestRoot(canonicalBytes(manifest)), previous, edition }));
  const signature = signer.key.sign(digest).serialized;
  await writeFile(
    join(folder, "archive.json"),
    JSON.stringify({ manifest, signatures: [{ kind: "eip712", signature }] }),
  );
}

/** Replaces a file, and its hashes in the manifest. */
async function replace(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  await writeFile(join(folder, "files", name), bytes);
  const renewed = (file: ArchiveFile): ArchiveFile =>
    file.name === name ? { ...file, ...fileHashes(bytes) } : file;
  await change(folder, (manifest) => ({
    ...manifest,
    collections: manifest.collections.map((one) => ({ ...one, files: one.files.map(renewed) })),
  }));
}

describe("a ceremony's archive", { timeout: 120_000 }, () => {
  it("holds, and says whether a contribution is in it", async () => {
    const own = fileHashes(response(2)).blake2b;
    expect(await verify(scene.folder, "--mine", own)).toMatchObject({
      code: 0,
      problems: [],
      mine: { index: 2 },
      notChecked: expect.arrayContaining([
        expect.stringMatching(/no committee/),
        "a beacon: none was announced",
      ]),
    });
    const foreign = fileHashes(response(3)).blake2b;
    expect(await verify(scene.folder, "--mine", foreign)).toMatchObject({
      code: 1,
      problems: [],
      mine: { index: null },
    });
  });

  it.each<[string, (folder: string) => Promise<void>, RegExp]>([
    [
      "a manifest that another account signed",
      (folder) => change(folder, (manifest) => manifest, party(7)),
      /^manifest: expected a signature by the organiser/,
    ],
    [
      "a manifest without a participant's attestation",
      (folder) =>
        change(folder, (manifest) => ({ ...manifest, attestations: manifest.attestations.slice(1) })),
      /^response_0001: expected the participant's attestation/,
    ],
    [
      "another response under the name of one",
      (folder) => replace(folder, "response_0002", other.responses[1] as Uint8Array),
      /^response_0002: expected the file of the log/,
    ],
    [
      "a log without one of its entries",
      async (folder) => {
        const lines = (await readFile(join(folder, "files", "log_0002.json"), "utf8")).split("\n");
        await replace(folder, "log_0002.json", Buffer.from(lines.filter((_, i) => i !== 1).join("\n")));
      },
      /^log: number: expected 2, actual 3/,
    ],
    [
      "a file that lost its last byte",
      async (folder) => {
        const path = join(folder, "files", "response_0001");
        await writeFile(path, response(1).subarray(1));
      },
      /response_0001: truncated, or too long/,
    ],
    [
      "a definition with another slot",
      async (folder) => {
        const path = join(folder, "ceremony.json");
        const changed = (await readFile(path, "utf8")).replace('"slot_s":100', '"slot_s":101');
        await writeFile(path, changed);
      },
      /^log: entry 0: expected the organiser's signature|^log: entry 0: previous/,
    ],
  ])("with %s is refused", async (name, work, expected) => {
    const folder = await copyOf(name.replaceAll(/\W/g, "-"));
    await work(folder);
    const { code, problems } = await verify(folder);
    expect(code).toBe(1);
    expect(problems).toContainEqual(expect.stringMatching(expected));
  });

  it("with a last contribution that its beacon does not give is refused", async () => {
    const folder = await copyOf("beacon");
    const own = await CeremonyFolder.open(folder, () => Promise.resolve(noCommittee));
    const signer = signerOf(organiser.key.privateKey as Hex);
    const beacon = { source: "drand" as const, chain: quicknet.hash, round: round.round };
    await own.mustAppend({ type: "announced", beacon, exponent: 2 }, from_s - 1, signer);
    const body: EntryBody = {
      type: "beacon",
      value: randomness,
      round: { round: round.round, signature: round.signature },
      index: 3,
      // A contribution whose secrets the organiser knows.
      response: fileHashes(response(3)),
      checks: {},
    };
    await writeFile(own.file("response_0003"), response(3));
    await own.mustAppend(body, from_s, signer);
    await writeEdition(own, signer);
    await own.close();
    expect(await verify(folder)).toMatchObject({
      code: 1,
      problems: ["response_0003: its key: expected the one that the beacon's value gives, actual another"],
    });
  });

  it("whose first response does not answer the first challenge is refused", async () => {
    const folder = join(scratch, "other-start");
    const fresh = await ServiceScene.open();
    await fresh.join(party(1));
    // The organiser accepts it although it continues a challenge whose secrets it may know.
    const bytes = other.responses[1] as Uint8Array;
    const statement = fresh.responseOf(party(1), bytes);
    await fresh.stop();
    await cp(fresh.folder, folder, { recursive: true });
    await fresh.remove();
    const own = await CeremonyFolder.open(folder, () => Promise.resolve(noCommittee));
    const signer = signerOf(organiser.key.privateKey as Hex);
    await own.mustAppend(statement, 10_001, signer);
    const challenge = other.challenges[2] as Uint8Array;
    await writeFile(own.file("response_0001"), bytes);
    await writeFile(own.file("challenge_0002"), challenge);
    const accepted = { type: "accepted" as const, index: 1, checks: {}, challenge: fileHashes(challenge) };
    await own.mustAppend(accepted, 10_002, signer);
    await writeEdition(own, signer);
    await own.close();
    const report = await verify(folder);
    expect(report.problems).toEqual([expect.stringMatching(/^response_0001: head: expected 0x/)]);
    expect(report.code).toBe(1);
  });

  it("has the documents of enclaves that participants attached", async () => {
    const [authority, stranger] = [await makeAuthority(), await makeAuthority()];
    const own = await ServiceScene.open();
    try {
      const fields = fieldsOf(authority, fromHex(fileHashes(response(1)).blake2b));
      const files = ["made", "document", "password", "key"].map((name) => join(scratch, name));
      const [made1 = "", document = "", password = "", key = ""] = files;
      await writeFile(made1, response(1));
      await writeFile(document, signedDocument(fields, authority.leafKey));
      await writeFile(password, "secret\n", { mode: 0o600 });
      const keystore = await sealKey("operator", party(1).key.privateKey as Hex, "secret", "light");
      await writeFile(key, keystore, { mode: 0o600 });
      await own.join(party(1));
      const words = ["--key", key, "--password-file", password, "--response", made1];
      const sent = await runCli(["ceremony", "submit", own.url, ...words, "--attestation", document]);
      expect(sent).toMatchObject({ code: 0 });
      await own.stop();
      const good = await verify(own.folder, "--nitro-root", authority.root);
      expect(good).toMatchObject({ code: 0, problems: [] });
      expect(await verify(own.folder, "--nitro-root", stranger.root)).toMatchObject({
        code: 1,
        problems: [expect.stringMatching(/^document of contribution 1: root certificate: expected/)],
      });
    } finally {
      await own.remove();
    }
  });
});
