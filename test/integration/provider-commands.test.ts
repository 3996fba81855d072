/** `whitepay provider …` and `whitepay inspect piece` as an operator calls them: documents, exit codes, reasons. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";
import { naiveRoot } from "../support/naive-piece.ts";

const registry = `0x${"b2".repeat(20)}`;

describe("a provider's commands", () => {
  it("make keys, store files, sign for them and lose them again, with the root that inspect piece names", async () => {
    const folder = await temporaryFolder();
    const dataDir = join(folder, "provider");
    const init = [
      "provider",
      "init",
      "--data-dir",
      dataDir,
      "--chain-id",
      "5",
      "--rpc",
      "http://127.0.0.1:1",
    ];
    const made = await runCli([...init, "--registry", registry]);
    expect(made.code).toBe(0);
    const { config, peerId } = JSON.parse(made.stdout) as { config: string; peerId: string };
    expect(peerId).toMatch(/^12D3/);
    expect(await runCli([...init, "--registry", registry])).toMatchObject({ code: 2, stdout: "" });

    const bytes = seededBytes(200_000, 1);
    const root = `0x${naiveRoot(bytes).toString("hex")}`;
    const file = join(folder, "file");
    await writeFile(file, bytes);
    const piece = await runCli(["inspect", "piece", file, "--json"]);
    expect(JSON.parse(piece.stdout)).toEqual({ size: 200_000, segments: 2, root });
    const stored = await runCli(["provider", "ingest", file, "--config", config]);
    expect(JSON.parse(stored.stdout)).toMatchObject({ pieces: [{ root, size: 200_000 }] });

    const group = `0x${"a1".repeat(20)}`;
    const consent = ["provider", "consent", "--config", config, "--group", group];
    const signed = await runCli([...consent, "--sequence", "1"]);
    expect(JSON.parse(signed.stdout)).toMatchObject({ group, bytes: "200000", sequence: 1 });
    // Without a number it is asked from the chain, and nothing listens there.
    expect((await runCli(consent)).code).toBe(3);

    const lost = await runCli(["provider", "fault", "lose-data", "--fraction", "1", "--config", config]);
    expect(JSON.parse(lost.stdout)).toEqual({ bytesLost: 200_000 });
  });

  it("refuse what cannot be used with exit code 2 and the reason", async () => {
    const folder = await temporaryFolder();
    const none = join(folder, "none");
    const missing = await runCli(["inspect", "piece", none]);
    expect(missing).toMatchObject({ code: 2, stdout: "" });
    expect(missing.stderr).toContain("no such file");
    const unconfigured = await runCli(["provider", "run", "--config", none]);
    expect(unconfigured).toMatchObject({ code: 2, stdout: "" });
    expect(unconfigured.stderr).toContain("cannot be read (ENOENT");
  });
});
