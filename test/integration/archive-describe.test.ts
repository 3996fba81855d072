/** `whitepay archive describe` as its users run it. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";

it("archive describe makes the next edition, and writes nothing without a change", async () => {
  const folder = await temporaryFolder();
  const at = (name: string): string => join(folder, name);
  await mkdir(at("files"));
  for (const [i, name] of ["challenge_0001", "response_0001", "challenge_0002"].entries())
    await writeFile(join(at("files"), name), seededBytes(1_000, i));
  expect((await runCli(["archive", "import", at("files"), "--out", at("1.json")])).code).toBe(0);
  const derive = ["--derived-from", "response_{n-1}", "--by", "snarkjs powersoftau export challenge"];
  const words = ["archive", "describe", at("1.json"), "--files", "challenge_*", ...derive];
  const made = await runCli([...words, "--out", at("2.json")]);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  expect(made.stdout).toContain("changed   challenge_0002 (priority, derivedFrom)");
  expect(made.stdout).toContain("as before challenge_0001: the file from which");
  expect((await runCli(["archive", "diff", at("1.json"), at("2.json")])).code).toBe(0);

  const before = await readdir(folder);
  const refused = await Promise.all(
    [
      ["--files", "answer_*", "--priority", "1"],
      ["--files", "response_*"],
      ["--files", "response_*", "--priority", "101"],
      ["--files", "response_*", "--priority", "50"],
      ["--files", "challenge_0002", "--priority", "10"],
      ["--files", "*", "--source", "https://one.example/file"],
      ["--files", "response_0001", "--source", "https://me:secret@one.example/file"],
      ["--files", "response_0001", "--derived-from", "challenge_0001"],
      ["--files", "response_*", "--derived-from", "answer_{n}", "--by", "it"],
    ].map((args) => runCli(["archive", "describe", at("2.json"), ...args, "--out", at("3.json")])),
  );
  expect(refused.map(({ code }) => code)).toEqual(refused.map(() => 2));
  expect(refused.map(({ stderr }) => stderr)).toEqual([
    expect.stringContaining("no file of the manifest has this name"),
    expect.stringContaining("there is nothing to change"),
    expect.stringContaining("--priority"),
    expect.stringContaining("have this description already"),
    expect.stringContaining("expected priority 0 for a derived file"),
    expect.stringContaining("--source is of one file"),
    expect.stringContaining("without name and password"),
    expect.stringContaining("--by is missing"),
    expect.stringContaining("not in the manifest, from which they would be computed"),
  ]);
  expect(await readdir(folder)).toEqual(before);
});
