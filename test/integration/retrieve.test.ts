/** `whitepay group retrieve` with real provider processes: it returns complete and verified files, or none. */
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rangeBytes } from "../../storage/core/range.ts";
import { PieceStore } from "../../storage/disk/store.ts";
import { draftOf } from "../../cli/group/create/draft.ts";
import { readGroupFile } from "../../cli/group/files/group.ts";
import { runCli, type CliProcess } from "../support/cli.ts";
import {
  consentFiles,
  end,
  payerScene,
  storingProvider,
  type PayerScene,
  type StoringProvider,
} from "../support/payer-scene.ts";

/** Two files at both providers, the second file with several ranges; the second provider is the fallback. */
const sizes = [700, 6 * rangeBytes + 11];
const ports = [21_101, 21_102] as const;

let scene: PayerScene;
let providers: StoringProvider[];
let daemons: CliProcess[];
let group: string;
let created: string;

beforeAll(async () => {
  scene = await payerScene({ keepers: 4 });
  providers = await Promise.all(
    ports.map((port) => storingProvider(scene, `p${port}`, port, { sizes, seed: 5 })),
  );
  const path = join(scene.folder, "group.yaml");
  const price = 1_000_000_000n << 34n;
  const lines = [
    "preset: devnet",
    "blockTime_s: 1",
    `token: "${scene.token}"`,
    `price: "${price}"`,
    'deposit: "1"',
    "keepers:",
    ...scene.keepers.map(({ operator }) => `  - "${operator}"`),
    "providers:",
    ...providers.map(
      ({ operator, files }, i) =>
        `  - { operator: "${operator}", data: { files: [${files.join(", ")}] }, consent: c${i}.json }`,
    ),
  ];
  await writeFile(path, `${lines.join("\n")}\n`);
  const draft = { ...draftOf(await readGroupFile(path), scene.factory), convener: scene.payer.address };
  const consents = await consentFiles(scene, draft, "retrieve");
  await writeFile(path, `${[...lines, `consents: [${consents.join(", ")}]`].join("\n")}\n`);
  ({ group } = await scene.json(["group", "create", path, "--yes"]));
  created = join(scene.folder, "group.created.json");
  for (const [i, provider] of providers.entries())
    await provider.consent(group, join(scene.folder, `c${i}.json`), price);
  await scene.json(["group", "create", path, "--yes"]);
  await scene.mine(20);
  daemons = await Promise.all(providers.map((provider) => provider.start(group)));
});
afterAll(async () => {
  await Promise.all(daemons.map(end));
  await scene.close();
});

const command = (out: string): string[] => [
  "group",
  "retrieve",
  "--group",
  group,
  "--out",
  out,
  "--names",
  created,
];

async function expectWhole(out: string): Promise<void> {
  for (const [i, file] of (providers[0]?.files ?? []).entries()) {
    expect(Buffer.compare(await readFile(join(out, `file-${i}`)), await readFile(file))).toBe(0);
  }
}

/** Damages one byte in a range of the large file at a provider. */
async function spoil(provider: StoringProvider | undefined, range: number): Promise<void> {
  const store = await PieceStore.open(join(provider?.dataDir ?? "", "store"));
  const piece = (await store.currentList(group.toLowerCase()))?.pieces.at(1);
  const path = join(store.pieceDir(piece?.root ?? new Uint8Array()), "data");
  const bytes = await readFile(path);
  bytes[range * rangeBytes + 5] = (bytes[range * rangeBytes + 5] ?? 0) ^ 1;
  await chmod(path, 0o644);
  await writeFile(path, bytes);
}

describe("whitepay group retrieve", () => {
  it("fetches all files under their names, and nothing if they exist", async () => {
    const out = join(scene.folder, "whole");
    const first = await scene.json(command(out));
    expect(first.pieces).toMatchObject([
      { ok: true, providers: [0], size: sizes[0] },
      { ok: true, providers: [0], size: sizes[1] },
    ]);
    expect(first).toMatchObject({ fetched: sizes[0]! + sizes[1]!, kept: 0, failures: [] });
    await expectWhole(out);
    expect(await scene.json(command(out))).toMatchObject({ fetched: 0, kept: sizes[0]! + sizes[1]! });
  });

  it("resumes after an interruption, and fetches lost ranges from the next provider", async () => {
    const out = join(scene.folder, "resumed");
    // Both providers lose the same range: the rest is fetched, and the failure has its reason.
    await spoil(providers[0], 2);
    await spoil(providers[1], 2);
    const partial = await scene.run([...command(out), "--json"]);
    expect(partial.code).toBe(1);
    const seen = JSON.parse(partial.stdout) as {
      fetched: number;
      pieces: { ok: boolean; failures?: string[] }[];
    };
    expect(seen.fetched).toBe(sizes[0]! + sizes[1]! - rangeBytes);
    expect(seen.pieces.map(({ ok }) => ok)).toEqual([true, false]);
    expect(seen.pieces[1]?.failures).toEqual([
      expect.stringContaining("provider 0: damaged"),
      expect.stringContaining("provider 1: damaged"),
    ]);
    expect((await stat(join(out, "file-1.part"))).size).toBe(sizes[1]);
    // The second provider is repaired: only the missing range is fetched, from it.
    await spoil(providers[1], 2);
    const rest = await scene.json(command(out));
    expect(rest).toMatchObject({ fetched: rangeBytes, kept: sizes[0]! + sizes[1]! - rangeBytes });
    await expectWhole(out);
    await spoil(providers[0], 2);
  });

  it("returns data to the payer only, and reports unreachable providers", async () => {
    const stranger = Wallet.createRandom();
    const [secret, key] = [join(scene.folder, "stranger"), join(scene.folder, "stranger.json")];
    await writeFile(secret, stranger.privateKey);
    await chmod(secret, 0o600);
    const password = join(scene.folder, "password");
    const made = [
      "group",
      "key",
      "--out",
      key,
      "--from-file",
      secret,
      "--password-file",
      password,
      "--kdf",
      "light",
    ];
    expect((await runCli(made)).code).toBe(0);
    const out = join(scene.folder, "stolen");
    const refused = await scene.run([...command(out), "--key", key]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("not-the-payer");
    await end(daemons[0]!);
    const one = await scene.run(["group", "retrieve", "--group", group, "--out", join(scene.folder, "one")]);
    // The other provider sends everything; the missing list of the first one is reported.
    expect(one.code).toBe(1);
    expect(one.stderr).toContain("provider 0: no list of pieces: unreachable");
    expect(one.stdout).toContain("2 of 2 pieces complete and verified");
  });
});
