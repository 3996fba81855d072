/** `whitepay provider …` and `whitepay inspect piece`: documents, exit codes and reasons. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dialable } from "../../cli/console/dialable.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";
import { naiveRoot } from "../support/naive-piece.ts";

const registry = `0x${"b2".repeat(20)}`;

/** What a consent would otherwise read from the chain. */
const offline = ["--committee", `0x${"c0".repeat(20)}`, "--sequence", "1", "--deadline", "100"];

type Made = {
  readonly config: string;
  readonly keys: string;
  readonly peerId: string;
  readonly listen: string[];
};

async function init(folder: string, ...words: string[]): Promise<CliResult> {
  await writeFile(join(folder, "password"), "of a provider\n", { mode: 0o600 });
  const where = ["--data-dir", join(folder, "provider"), "--chain-id", "5", "--rpc", "http://127.0.0.1:1"];
  const keys = ["--password-file", join(folder, "password"), "--kdf", "light"];
  return runCli(["provider", "init", ...where, "--registry", registry, ...keys, ...words]);
}

const json = ({ code, stdout, stderr }: CliResult): unknown => {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};

describe("a provider's commands", () => {
  it("create keys, store files, sign consents and lose data, with the root of inspect piece", async () => {
    const folder = await temporaryFolder();
    const { config, peerId, listen } = json(await init(folder, "--json")) as Made;
    expect(peerId).toMatch(/^12D3/);
    // A dialable address with a port.
    expect(dialable(listen)).toEqual([expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/4\d{3}$/)]);
    expect(await init(folder)).toMatchObject({ code: 2, stdout: "" });

    const bytes = seededBytes(200_000, 1);
    const root = `0x${naiveRoot(bytes).toString("hex")}`;
    const file = join(folder, "file");
    await writeFile(file, bytes);
    const piece = await runCli(["inspect", "piece", file, "--json"]);
    expect(JSON.parse(piece.stdout)).toEqual({ size: 200_000, segments: 2, root });
    const stored = await runCli(["provider", "ingest", file, "--json", "--config", config]);
    expect(json(stored)).toMatchObject({ pieces: [{ root, size: 200_000 }] });

    const group = `0x${"a1".repeat(20)}`;
    const consent = ["provider", "consent", "--config", config, "--group", group, "--price", "7"];
    const signed = await runCli([...consent, ...offline]);
    expect(json(signed)).toMatchObject({
      group,
      committee: `0x${"c0".repeat(20)}`,
      bytes: "200000",
      price: "7",
      sequence: 1,
      deadline: 100,
    });
    const tooMuch = await runCli([...consent.slice(0, -1), String(1n << 80n), ...offline]);
    expect(tooMuch).toMatchObject({ code: 2, stdout: "" });
    expect(tooMuch.stderr).toContain(`an integer from 0 to ${(1n << 80n) - 1n}`);
    expect(signed.stderr).toContain("next: send it to the payer");
    // Without these options the command asks the chain, which does not answer.
    expect((await runCli(consent)).code).toBe(3);

    const lost = await runCli(["provider-sim", "fault", "lose-data", "--fraction", "1", "--config", config]);
    expect(json(lost)).toEqual({ bytesLost: 200_000 });
  });

  it("print the created files and the next step", async () => {
    const folder = await temporaryFolder();
    const made = await init(folder);
    expect(made.code, made.stderr).toBe(0);
    expect(made.stdout).toMatch(/^config +\S+provider\.yaml\nkeys +\S+keys\noperator +0x[0-9a-f]{40}\n/);
    expect(made.stderr).toMatch(/^next: back up .*\n {2}whitepay provider ingest FILES /m);
    await writeFile(join(folder, "letters.tar"), "letters");
    const config = ["--config", join(folder, "provider", "provider.yaml")];
    const stored = await runCli(["provider", "ingest", join(folder, "letters.tar"), ...config]);
    expect(stored.stdout).toMatch(/^list +0x[0-9a-f]{64}, without a group: 1 piece, 7 B\n/);
    expect(stored.stderr).toContain("next: sign the list: whitepay provider consent --group GROUP");
  });

  it("sign for one payer's data only, list it by group, and remove it", async () => {
    const folder = await temporaryFolder();
    const { config } = json(await init(folder, "--json")) as Made;
    const [first, second] = [`0x${"a1".repeat(20)}`, `0x${"b2".repeat(20)}`];
    for (const name of ["one", "two", "three"]) await writeFile(join(folder, name), `file ${name}`);
    const run = async (...words: string[]): Promise<unknown> =>
      json(await runCli(["provider", ...words, "--json", "--config", config]));
    const consent = (group: string): Promise<unknown> =>
      run("consent", "--group", group, "--price", "0", ...offline);
    // Pieces without a group go to the first group that gets a consent; later pieces do not.
    await run("ingest", join(folder, "one"));
    expect(await consent(first)).toMatchObject({ bytes: "8" });
    await run("ingest", join(folder, "two"));
    expect(await consent(second)).toMatchObject({ bytes: "8" });
    expect(await consent(first)).toMatchObject({ bytes: "8" });
    await run("ingest", join(folder, "three"), "--group", second);
    expect(await consent(second)).toMatchObject({ bytes: "18" });
    type Lists = { lists: { group: string; bytes: string; pieces: { root: string; name: string }[] }[] };
    const { lists } = (await run("list")) as Lists;
    expect(lists.map(({ group, pieces }) => [group, pieces.map(({ name }) => name)])).toEqual([
      [first, ["one"]],
      [second, ["two", "three"]],
    ]);
    const root = lists[1]?.pieces[0]?.root ?? "";
    expect(await run("remove", root, "--group", second)).toMatchObject({ removed: [root] });
    expect(await consent(second)).toMatchObject({ bytes: "10" });
    const again = await runCli(["provider", "remove", root, "--group", second, "--config", config]);
    expect(again).toMatchObject({ code: 2, stdout: "" });
    expect(again.stderr).toContain("not in the list of group");
    const third = `0x${"c3".repeat(20)}`;
    const none = ["provider", "consent", "--group", third, "--price", "0", ...offline, "--config", config];
    const nothing = await runCli(none);
    expect(nothing).toMatchObject({ code: 2, stdout: "" });
    expect(nothing.stderr).toContain(`nothing is stored for group ${third}`);
  });

  it("exit 2 for invalid input, with the reason", async () => {
    const folder = await temporaryFolder();
    const none = join(folder, "none");
    const missing = await runCli(["inspect", "piece", none]);
    expect(missing).toMatchObject({ code: 2, stdout: "" });
    expect(missing.stderr).toContain("no such file");
    const unconfigured = await runCli(["provider", "run", "--config", none]);
    expect(unconfigured).toMatchObject({ code: 2, stdout: "" });
    expect(unconfigured.stderr).toContain("no such file");
  });
});
