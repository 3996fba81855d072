/** An archive at two providers of a devnet: proven copies from the chain, an alarm when a provider dies, and a plan that mends it. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { canonicalBytes, manifestRoot } from "../../archive/manifest.ts";
import type { Manifest } from "../../archive/schema.ts";
import type { DevnetDocument } from "../../scripts/devnet/run.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { pieceRoot } from "../../storage/core/merkle.ts";
import { runCli } from "../support/cli.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";
import { beside, until } from "../support/whitepay.ts";

const minutes = 60_000;
const digest = (algorithm: string, bytes: Uint8Array): `0x${string}` =>
  `0x${createHash(algorithm).update(bytes).digest("hex")}`;

type FileStatus = {
  readonly name: string;
  readonly copies: number;
  readonly worst: { readonly copies: number };
  readonly holders: readonly { readonly provider: string; readonly since: number }[];
  readonly series: readonly { readonly block: number; readonly copies: number }[];
};

it(
  "counts the proven copies of an archive's files, raises an alarm at the last copy, and plans a new one",
  { timeout: 12 * minutes },
  async () => {
    await beside(["devnet", "--json", "--providers", "3"], async (devnet) => {
      await until(devnet, () => devnet.stdout().includes("\n"), 5 * minutes);
      const { payerConfig, providers } = JSON.parse(devnet.stdout()) as DevnetDocument;
      const folder = await temporaryFolder();
      const cli = (...args: string[]) => runCli([...args, "--config", payerConfig]);
      const files = ["response_0001", "challenge_0002"].map((name, i) => {
        const bytes = seededBytes(3_000_000, i);
        return { name, bytes, path: join(folder, name) };
      });
      for (const { path, bytes } of files) await writeFile(path, bytes);
      const stored = await cli(
        "store",
        ...files.map(({ path }) => path),
        "--copies=2",
        "--for=20000blocks",
        "--public",
        "--yes",
        "--json",
      );
      expect(stored.code, stored.stderr).toBe(0);
      const { group, items } = JSON.parse(stored.stdout) as {
        group: string;
        items: { name: string; copies: { provider: string }[] }[];
      };

      const manifest: Manifest = {
        format: "whitepay-archive/1",
        title: "Two files",
        description: "of a ceremony",
        edition: 1,
        previous: null,
        created: "2026-11-22T10:00:00Z",
        curator: { name: "a test" },
        collections: [
          {
            name: "ceremony",
            title: "A ceremony",
            licence: "CC0-1.0",
            files: files.map(({ name, bytes }, i) => ({
              name,
              bytes: bytes.length,
              blake2b: digest("blake2b512", bytes),
              sha256: digest("sha256", bytes),
              root: toHex(pieceRoot(bytes)),
              sources: [],
              priority: i === 0 ? 10 : 0,
              ...(i === 0 ? {} : { derivedFrom: { file: "response_0001", by: "powersoftau" } }),
            })),
          },
        ],
        attestations: [],
        dropped: [],
      };
      const path = join(folder, "archive.json");
      await writeFile(path, JSON.stringify({ manifest, signatures: [] }));
      const root = manifestRoot(canonicalBytes(manifest));
      const published = await cli("group", "publish-manifest", root, "--group", group, "--yes");
      expect(published.code, published.stderr).toBe(0);

      const status = async (...more: string[]) => {
        const { code, stdout, stderr } = await cli(
          "archive",
          "status",
          "--manifest",
          path,
          "--json",
          ...more,
        );
        return {
          code,
          stderr,
          ...(JSON.parse(stdout) as { groups: string[]; files: FileStatus[]; alarmed: string[] }),
        };
      };
      const untilCopies = async (copies: number) => {
        for (const end_ms = performance.now() + 4 * minutes; ;) {
          const now = await status();
          if (now.files.every((one) => one.copies === copies)) return now;
          if (performance.now() > end_ms)
            throw new Error(`expected ${copies} copies, actual ${JSON.stringify(now)}`);
          await new Promise((next) => setTimeout(next, 3_000));
        }
      };
      const both = await untilCopies(2);
      expect(both).toMatchObject({ code: 0, groups: [group], alarmed: [] });
      const holders = items[0]?.copies.map(({ provider }) => provider.toLowerCase()).sort();
      expect(
        both.files.map((one) => one.holders.map(({ provider }) => provider.toLowerCase()).sort()),
      ).toEqual([holders, holders]);

      // A provider dies: its next settlement proves nothing.
      const dead = providers.find(({ operator }) => holders?.includes(operator.toLowerCase()));
      process.kill(dead?.pid as number, "SIGKILL");
      const one = await untilCopies(1);
      // The other file can be computed from the first one.
      expect(one).toMatchObject({ code: 1, alarmed: ["response_0001"] });
      expect(one.stderr).toContain("too few proven copies");
      expect(one.files[0]?.series.map(({ copies }) => copies)).toEqual([0, 2, 1]);

      const posted: unknown[] = [];
      const hook = createServer((request, response) => {
        let text = "";
        request.on("data", (chunk: Buffer) => (text += chunk.toString()));
        request.on("end", () => {
          posted.push(JSON.parse(text));
          response.end();
        });
      });
      await new Promise<void>((listening) => hook.listen(0, "127.0.0.1", listening));
      try {
        const { port } = hook.address() as AddressInfo;
        const metrics = join(folder, "archive.prom");
        const alarm = await status("--webhook", `http://127.0.0.1:${port}/alarm`, "--metrics", metrics);
        expect(alarm.code).toBe(1);
        expect(posted).toEqual([{ manifest: root, files: [{ name: "response_0001", copies: 1 }] }]);
        expect(await readFile(metrics, "utf8")).toContain(
          'whitepay_archive_proven_copies{file="response_0001"} 1\n',
        );
        expect((await status("--least", "1")).code).toBe(0);
      } finally {
        hook.close();
      }

      const other = providers.find(({ operator }) => !holders?.includes(operator.toLowerCase()))
        ?.operator as string;
      const planned = await cli(
        "archive",
        "plan",
        "--copies=2",
        "--json",
        `--manifest=${path}`,
        `--capacity=${other}=4MB`,
      );
      expect(planned.code, planned.stderr).toBe(0);
      // Room for one file: the one that nothing else gives.
      expect(JSON.parse(planned.stdout)).toMatchObject({
        providers: [{ provider: other, files: ["response_0001"], bytes: 3_000_000, free: 1_000_000 }],
        missing: [{ name: "challenge_0002", copies: 1, wanted: 2, largestRoom: 1_000_000 }],
      });
    });
  },
);
