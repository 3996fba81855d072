/**
 * A host that asks for nothing, on a devnet: it takes what an archive needs most, the payer finds its consent and adds it, keepers prove its
 * copy, and a new edition follows. A source lies, a file does not fit, and the keepers' fee is missing.
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { canonicalBytes, manifestRoot } from "../../archive/manifest.ts";
import type { ArchiveFile, Manifest } from "../../archive/schema.ts";
import { bytesOnDisk } from "../../cli/provider/volunteer/choose.ts";
import type { DevnetDocument } from "../../scripts/devnet/run.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { pieceRoot } from "../../storage/core/merkle.ts";
import { manifestOf } from "../support/archive/manifests.ts";
import { runCli, startCli } from "../support/cli.ts";
import {
  fileServer,
  plain,
  proving,
  servedFile,
  type FileAnswer,
  type FileServer,
} from "../support/file-servers.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";
import { beside, until } from "../support/whitepay.ts";

const minutes = 60_000;
const digest = (algorithm: string, bytes: Uint8Array): `0x${string}` =>
  `0x${createHash(algorithm).update(bytes).digest("hex")}`;

type Made = { readonly name: string; readonly bytes: Uint8Array };
type Volunteered = {
  readonly edition: number;
  readonly taken: string[];
  readonly out: { name: string; why: string }[];
  readonly fetched: { name: string; faults: { source: string; kind: string }[] }[];
  readonly failed: { name: string; why: string }[];
  readonly consent: { state: string; listRoot: string; bytes: string; path: string } | null;
  readonly missing: string[];
};

function entryOf({ name, bytes }: Made, changes: Partial<ArchiveFile> = {}): ArchiveFile {
  return {
    name,
    bytes: bytes.length,
    blake2b: digest("blake2b512", bytes),
    sha256: digest("sha256", bytes),
    root: toHex(pieceRoot(bytes)),
    sources: [],
    priority: 0,
    ...changes,
  };
}

it(
  "stores what is needed most for nothing, is proven, and follows a new edition",
  { timeout: 15 * minutes },
  async () => {
    await beside(["devnet", "--json", "--providers", "3"], async (devnet) => {
      await until(devnet, () => devnet.stdout().includes("\n"), 5 * minutes);
      const { payerConfig, providers, registry } = JSON.parse(devnet.stdout()) as DevnetDocument;
      const folder = await temporaryFolder();
      const payer = (...args: string[]) => runCli([...args, "--config", payerConfig]);
      const held: Made = { name: "r/response_0001", bytes: seededBytes(2_500_000, 1) };
      const rare: Made = { name: "r/response_0002", bytes: seededBytes(3_000_000, 2) };
      const large: Made = { name: "r/large", bytes: seededBytes(9_000_000, 3) };
      const later: Made = { name: "r/response_0003", bytes: seededBytes(2_100_000, 4) };
      await writeFile(join(folder, "first"), held.bytes);
      const stored = await payer(
        "store",
        join(folder, "first"),
        "--copies=1",
        "--for=20000blocks",
        "--public",
        "--yes",
        "--json",
      );
      expect(stored.code, stored.stderr).toBe(0);
      const { group, items } = JSON.parse(stored.stdout) as {
        group: string;
        items: { copies: { provider: string }[] }[];
      };
      const holder = items[0]?.copies[0]?.provider.toLowerCase();
      const host = providers.find(({ operator }) => operator.toLowerCase() !== holder);
      if (host === undefined) throw new Error("no provider without a copy");

      // A liar and an honest server for what no provider has.
      const servers: FileServer[] = [];
      const serving = async (made: Made, isLying: boolean, wait_ms = 0): Promise<string> => {
        const answer = plain(made.bytes, (bytes) => (isLying ? bytes.fill(9) : bytes));
        const late: FileAnswer = (...all) => void setTimeout(() => answer(...all), wait_ms);
        const server = await fileServer(made.bytes.length, late);
        servers.push(server);
        onTestFinished(() => server.close());
        return `${server.url}/${made.name}`;
      };
      const liar = await serving(rare, true);
      const sources = [{ url: liar }, { url: await serving(rare, false, 500) }];
      const slow = servers.at(-1);
      const first = manifestOf([
        entryOf(held, { priority: 10 }),
        entryOf(rare, { priority: 10, sources }),
        entryOf(large, { sources: [{ url: await serving(large, false) }] }),
      ]);
      const written = async (manifest: Manifest): Promise<{ path: string; root: `0x${string}` }> => {
        const path = join(folder, `archive-${manifest.edition}.json`);
        await writeFile(path, JSON.stringify({ manifest, signatures: [] }));
        return { path, root: manifestRoot(canonicalBytes(manifest)) };
      };
      const publish = async (root: string): Promise<void> => {
        const published = await payer("group", "publish-manifest", root, "--group", group, "--yes");
        expect(published.code, published.stderr).toBe(0);
      };
      const one = await written(first);
      await publish(one.root);

      const capacity =
        [held.bytes.length, rare.bytes.length, later.bytes.length].reduce(
          (sum, bytes) => sum + bytesOnDisk(bytes),
          0,
        ) + 100_000;
      const argsOf = (bytes: number): string[] => {
        const config = join(host.dataDir, "provider.yaml");
        const args = ["provider", "volunteer", one.path, "--config", config, "--capacity", `${bytes}B`];
        return [...args, "--group", group, "--json"];
      };
      const volunteer = async (bytes: number, ...more: string[]) => {
        const { code, stdout, stderr } = await runCli([...argsOf(bytes), ...more]);
        return { code, stderr, told: stdout === "" ? undefined : (JSON.parse(stdout) as Volunteered) };
      };
      const tooSmall = await volunteer(1_000_000);
      expect(tooSmall.code).toBe(1);
      expect(tooSmall.told?.out.map(({ name }) => name)).toEqual([held.name, rare.name, large.name]);
      expect(tooSmall.stderr).toMatch(/no file that the archive needs fits/);

      // Killed in the middle of a file.
      const killed = startCli(argsOf(capacity));
      while (slow?.asked.length === 0) await new Promise((next) => setTimeout(next, 20));
      killed.child.kill("SIGKILL");
      await killed.ended;
      const began = await volunteer(capacity);
      expect(began.code, began.stderr).toBe(0);
      // What the killed run stored is not taken again.
      expect(began.told?.taken).toContain(rare.name);
      expect(began.told?.taken).not.toContain(large.name);
      expect(began.told?.out).toMatchObject([{ name: large.name, why: expect.stringMatching(/are left/) }]);
      expect(began.told?.fetched.flatMap(({ faults }) => faults)).toMatchObject([
        { source: liar, kind: "wrong" },
      ]);
      expect(began.told?.consent).toMatchObject({ state: "signed" });
      expect(began.stderr).toContain(`${liar} sent wrong bytes and is not asked again`);
      // The group reserved one provider.
      expect(began.told?.missing).toMatchObject([
        expect.stringMatching(/reserved 1 provider.*raise-ceiling/),
      ]);
      const again = await volunteer(capacity);
      expect(again.told).toMatchObject({ fetched: [], consent: { state: "waiting" } });

      const volunteers = async (...more: string[]) => {
        const { code, stdout, stderr } = await payer(
          "group",
          "volunteers",
          "--group",
          group,
          "--json",
          ...more,
        );
        expect(code, stderr).toBe(0);
        return JSON.parse(stdout) as {
          volunteers: { operator: string; files: number; fault?: string; isIn: boolean }[];
          transactions: unknown[];
        };
      };
      const raised = await payer("group", "raise-ceiling", "2", "--group", group, "--yes");
      expect(raised.code, raised.stderr).toBe(0);
      const foreign = await written(manifestOf([entryOf(large)], { title: "another archive" }));
      const refused = await volunteers("--manifest", foreign.path, "--add", "--yes");
      expect(refused).toMatchObject({
        volunteers: [{ operator: host.operator, fault: expect.stringMatching(/in none of the manifests/) }],
        transactions: [],
      });
      await written(first);
      const added = await volunteers("--manifest", one.path, "--add", "--yes");
      expect(added.transactions).toHaveLength(1);
      expect((await volunteer(capacity)).told?.consent).toMatchObject({ state: "committed" });

      const holders = async (path: string, name: string): Promise<string[]> => {
        const { stdout } = await payer("archive", "status", "--manifest", path, "--json");
        const { files } = JSON.parse(stdout) as {
          files: { name: string; holders: { provider: string }[] }[];
        };
        return (files.find((file) => file.name === name)?.holders ?? []).map(({ provider }) =>
          provider.toLowerCase(),
        );
      };
      const untilHeld = async (path: string, name: string): Promise<void> => {
        for (const end_ms = performance.now() + 4 * minutes; ;) {
          const now = await holders(path, name);
          if (now.includes(host.operator.toLowerCase())) return;
          if (performance.now() > end_ms)
            throw new Error(`${name}: no proven copy, held by ${now.join(", ")}`);
          await new Promise((next) => setTimeout(next, 3_000));
        }
      };
      await untilHeld(one.path, rare.name);
      // Anybody reads it there by its name: the URLs in this manifest are gone.
      const bare = await written(manifestOf([entryOf(rare)], { title: "without sources" }));
      const read = join(folder, "read");
      const fetched = await payer(
        "fetch",
        rare.name,
        "--manifest",
        bare.path,
        "--registry",
        registry,
        "--out",
        read,
      );
      expect(fetched.code, fetched.stderr).toBe(0);
      expect((await readFile(read)).equals(rare.bytes)).toBe(true);
      await written(first);

      // The next edition drops a file and has a new one. It is found by its root, at a provider.
      const second: Manifest = {
        ...manifestOf([
          entryOf(rare, { priority: 10, sources }),
          entryOf(large, { sources: [{ url: await serving(large, false) }] }),
          entryOf(later, { sources: [{ url: await serving(later, false) }] }),
        ]),
        edition: 2,
        previous: one.root,
        dropped: [{ name: held.name, root: toHex(pieceRoot(held.bytes)), reason: "a copy is elsewhere" }],
      };
      const two = await written(second);
      await publish(two.root);
      const unknown = await volunteer(capacity);
      expect(unknown).toMatchObject({ code: 3, stderr: expect.stringMatching(/no provider gives it/) });
      const canonical = canonicalBytes(second);
      const curator = await fileServer(canonical.length, proving(servedFile(canonical)));
      onTestFinished(() => curator.close());
      const following = startCli([...argsOf(capacity), "--from", curator.url, "--follow", "--every", "2"]);
      await following.said('"edition":2');
      following.child.kill("SIGINT");
      const { code, stdout, stderr } = await following.ended;
      const [line = ""] = stdout.split("\n");
      const followed = { code, stderr, told: JSON.parse(line) as Volunteered };
      expect(followed.code, followed.stderr).toBe(0);
      expect(followed.told).toMatchObject({ edition: 2, taken: [later.name], consent: { state: "signed" } });
      expect(followed.stderr).toContain(`edition 2 drops ${held.name} (a copy is elsewhere)`);
      const changed = await volunteers("--manifest", one.path, two.path, "--add", "--yes");
      expect(changed).toMatchObject({ volunteers: [{ isIn: true, files: 5 }], transactions: [{}] });
      await untilHeld(two.path, later.name);
      expect((await readFile(followed.told?.consent?.path ?? "")).length).toBeGreaterThan(0);
    });
  },
);
