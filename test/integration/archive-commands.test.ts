/** `whitepay archive` with real files and a real HTTP server, as its users run it. */
import { appendFile, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli, startCli } from "../support/cli.ts";
import { serve } from "../support/archive/http-server.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";

type Scene = { readonly root: string; readonly dir: string; readonly out: string };

async function scene(): Promise<Scene> {
  const root = await temporaryFolder();
  const dir = join(root, "transcript");
  await mkdir(join(dir, "0001"), { recursive: true });
  await writeFile(join(dir, "challenge_0001"), seededBytes(300_000, 1));
  await writeFile(join(dir, "0001/response"), seededBytes(5_000, 2));
  const blake2b = createHash("blake2b512").update(seededBytes(5_000, 2)).digest("hex");
  await writeFile(join(dir, "0001/B2SUMS"), `${blake2b}  response\n`);
  return { root, dir, out: join(root, "archive.json") };
}

const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

describe("archive import and verify", () => {
  it("describe a folder and a URL, and tell whole, missing and wrong files apart", async () => {
    const { root, dir, out } = await scene();
    const base = await serve((_, response) => response.setHeader("Content-Length", 4).end("beta"));
    const made = await runCli(["archive", "import", dir, `${base}/beacon`, "--out", out, "--json"]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(json(made.stdout)).toMatchObject({
      edition: 1,
      files: 4,
      lists: { confirmed: [{ file: "transcript/0001/response" }], wrong: [] },
    });
    expect(await readdir(root)).toEqual(["archive.json", "transcript"]);
    await writeFile(join(root, "beacon"), "beta");
    const whole = await runCli(["archive", "verify", root, "--manifest", out, "--json"]);
    expect(json(whole.stdout)).toMatchObject({ ok: true, whole: 4, root: json(made.stdout)["root"] });

    await writeFile(join(root, "beacon"), "beto");
    await truncate(join(dir, "challenge_0001"), 299_999);
    await rm(join(dir, "0001/response"));
    const bad = await runCli(["archive", "verify", root, "--manifest", out]);
    expect(bad.code).toBe(1);
    expect(bad.stdout.split("\n")).toEqual([
      "missing transcript/0001/response",
      "wrong   transcript/challenge_0001 (bytes)",
      "wrong   beacon (blake2b, sha256, root)",
      "1 file whole, 1 missing, 2 wrong",
      "",
    ]);
    expect(bad.stderr).toContain("expected: 4 files whole");
  });

  it("refuse a file that its published list does not confirm, and write nothing", async () => {
    const { dir, out } = await scene();
    await writeFile(join(dir, "0001/response"), seededBytes(5_000, 3));
    const { code, stderr } = await runCli(["archive", "import", dir, "--out", out]);
    expect(code).toBe(1);
    expect(stderr).toContain("0001/response has another blake2b than 0001/B2SUMS publishes");
    await expect(readFile(out)).rejects.toThrow("ENOENT");
  });

  it("import continues after a kill: files that were hashed are not read again", async () => {
    const { root, dir, out } = await scene();
    const stuck = await serve(({ url }, response) => {
      response.setHeader("Content-Length", 4);
      if (url === "/z") response.write("be");
      else response.end("beta");
    });
    const running = startCli(["archive", "import", dir, `${stuck}/z`, "--out", out]);
    const journal = `${out}.partial`;
    const lines = async () => (await readFile(journal, "utf8").catch(() => "")).split("\n").length - 1;
    while ((await lines()) < 3) await new Promise((next) => setTimeout(next, 20));
    running.child.kill("SIGKILL");
    await running.ended;
    expect(await readdir(root)).toEqual(["archive.json.partial", "transcript"]);
    // A line that the kill cut off, and a file that changed since.
    await appendFile(journal, '{"key":"');
    await writeFile(join(dir, "challenge_0001"), seededBytes(10, 9));
    const { code, stdout } = await runCli(["archive", "import", dir, `z=${stuck}/y`, "--out", out, "--json"]);
    expect(code).toBe(0);
    expect(json(stdout)).toMatchObject({ files: 4, resumed: 2 });
    const verified = await runCli(["archive", "verify", root, "--manifest", out, "--json"]);
    expect(json(verified.stdout)).toMatchObject({ whole: 3, missing: 1, wrong: 0 });
    expect(await readdir(root)).toEqual(["archive.json", "transcript"]);
  });

  it("refuse what cannot be in an archive", async () => {
    const { root, dir, out } = await scene();
    const refusal = async (...places: string[]) => {
      const { code, stderr } = await runCli(["archive", "import", ...places, "--out", out]);
      expect(code).toBe(2);
      return stderr;
    };
    expect(await refusal(join(root, "nowhere"))).toContain("there is no such file or folder");
    expect(await refusal(`../x=${join(dir, "challenge_0001")}`)).toContain('no part ".."');
    expect(await refusal("http://127.0.0.1:1/")).toContain("a name that no file of an archive can have");
    expect(await refusal(dir, dir)).toContain("appears twice");
    await symlink(dir, join(dir, "loop"));
    expect(await refusal(dir)).toContain("a link to a folder");
    await rm(join(dir, "loop"));
    await writeFile(join(dir, "empty"), "");
    expect(await refusal(dir)).toContain("empty is empty");
    await writeFile(out, "{}");
    expect(await refusal(dir)).toContain("exists already");
    const bad = await runCli(["archive", "verify", dir, "--manifest", out]);
    expect(bad).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is no manifest that can be used") as string,
    });
  });
});

describe("archive add, diff, sign and show", () => {
  it("make the next edition, say what changed, and sign it", async () => {
    const { root, dir, out } = await scene();
    const [key, password, second] = ["key.json", "password", "second.json"].map((name) =>
      join(root, name),
    ) as [string, string, string];
    await writeFile(password, "a secret\n", { mode: 0o600 });
    const made = await runCli([
      "group",
      "key",
      "--out",
      key,
      "--password-file",
      password,
      "--kdf",
      "light",
      "--json",
    ]);
    const address = String(json(made.stdout)["address"]);
    const imported = await runCli(["archive", "import", dir, "--out", out, "--curator-address", address]);
    expect(imported.code).toBe(0);

    await writeFile(join(dir, "challenge_0001"), seededBytes(10, 7));
    await writeFile(join(dir, "new"), "new");
    const files = [join(dir, "challenge_0001"), join(dir, "new")];
    const silent = await runCli(["archive", "add", ...files, "--manifest", out, "--out", second]);
    expect(silent.code).toBe(1);
    expect(silent.stderr).toContain("nothing is dropped silently: give --replace with --reason");
    const added = await runCli([
      "archive",
      "add",
      ...files,
      "--manifest",
      out,
      "--out",
      second,
      "--replace",
      "--drop",
      "0001/B2SUMS",
      "--reason",
      "cut short",
    ]);
    expect(added).toMatchObject({ code: 0, stderr: "" });
    const diff = await runCli(["archive", "diff", out, second, "--json"]);
    expect(json(diff.stdout)).toMatchObject({
      ok: true,
      added: [{ name: "challenge_0001" }, { name: "new" }],
      dropped: [
        { name: "0001/B2SUMS", reason: "cut short" },
        { name: "challenge_0001", reason: "cut short" },
      ],
      changed: [],
    });
    expect(await runCli(["archive", "diff", second, out])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("fault     edition: expected 3, actual 1") as string,
    });

    const signed = await runCli(["archive", "sign", second, "--key", key, "--password-file", password]);
    expect(signed.stdout).toBe(`signature eip712, valid: ${address.toLowerCase()}\n`);
    const again = await runCli(["archive", "sign", second, "--key", key, "--password-file", password]);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("the signature is repeated") as string,
    });
    const shown = await runCli(["archive", "show", second, "--json"]);
    expect(json(shown.stdout)).toMatchObject({ edition: 2, files: 3, signatures: [{ state: "valid" }] });
    // Other bytes under the same signature.
    await writeFile(second, (await readFile(second, "utf8")).replace("not stated", "CC0-1.0"));
    expect(await runCli(["archive", "show", second])).toMatchObject({ code: 1 });
  });
});
