/** Each accepted response goes to the providers of a group while the ceremony runs: chain, providers and commands are processes. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { filesOf, readArchive } from "../../archive/manifest.ts";
import { sealKey } from "../../daemon/keys/keystore.ts";
import type { Hex } from "../../protocol/hash.ts";
import { makeChain } from "../support/ceremony/powers.ts";
import { party } from "../support/ceremony/running.ts";
import { runCli, startCli } from "../support/cli.ts";
import { openStoring, type Storing } from "../support/storing.ts";

type Listed = { items: { name: string; copies: number }[] };

const minutes = 60_000;
let scene: Storing;

beforeAll(async () => {
  scene = await openStoring({ providers: 3 });
}, 10 * minutes);
afterAll(() => scene?.close(), minutes);

it("the files of an edition are stored as the manifest names them", { timeout: 10 * minutes }, async () => {
  const at = (name: string): string => join(scene.folder, name);
  await writeFile(at("password"), "secret\n", { mode: 0o600 });
  for (const [name, number] of [
    ["organiser", 1],
    ["alice", 2],
  ] as const) {
    const keystore = await sealKey("operator", party(number).key.privateKey as Hex, "secret", "light");
    await writeFile(at(`${name}.json`), keystore, { mode: 0o600 });
  }
  const key = (name: string): string[] => ["--key", at(`${name}.json`), "--password-file", at("password")];
  const folder = at("ceremony");
  const form = ["--title", "Stored ceremony", "--power", "1", "--slot", "600"];
  const made = await runCli(["ceremony", "init", folder, ...form, ...key("organiser")]);
  expect(made).toMatchObject({ code: 0 });
  const paid = ["--store", scene.payerConfig, "--copies", "2", "--for", "5000blocks"];
  const service = startCli(["ceremony", "serve", folder, "--port", "0", ...paid, ...key("organiser")]);
  let stdout = "";
  service.child.stdout?.on("data", (text: string) => (stdout += text));
  try {
    await service.said('"event":"ready"');
    const { url } = JSON.parse(stdout) as { url: string };
    await service.said("files of edition 1 are stored");
    expect(await runCli(["ceremony", "join", url, ...key("alice")])).toMatchObject({ code: 0 });
    const response = at("made");
    await writeFile(response, makeChain("bn254", { power: 1, contributions: 1 }).responses[0] as Uint8Array);
    const sent = await runCli(["ceremony", "submit", url, "--response", response, ...key("alice")]);
    expect(sent).toMatchObject({ code: 0 });
    await service.said("files of edition 2 are stored");
  } finally {
    service.child.kill("SIGTERM");
    await service.ended;
  }
  const read = readArchive(await readFile(join(folder, "archive.json")));
  if (!read.ok) throw new Error(read.detail);
  const listed = await scene.json<Listed>("list");
  const copies = new Map(listed.items.map((item) => [item.name, item.copies]));
  const { daemons } = scene.community.providers;
  const held = (
    await Promise.all(daemons.map(({ dataDir }) => readdir(dataDir, { recursive: true })))
  ).flat();
  const files = filesOf(read.value.manifest).filter(({ derivedFrom }) => derivedFrom === undefined);
  expect(files.map(({ name }) => name)).toEqual([
    "ceremony.json",
    "log_0001.json",
    "response_0001",
    "log_0002.json",
  ]);
  // Nobody needs the payer to read them: the pieces are the files, under the roots of the manifest.
  for (const { name, root } of files) {
    expect(copies.get(name)).toBe(2);
    expect(held.filter((path) => path.endsWith(`pieces/${root.slice(2)}`))).toHaveLength(2);
  }
});
