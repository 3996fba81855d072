import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli } from "../../support/cli.ts";
import { temporaryFolder } from "../../support/files.ts";

describe("the command line", () => {
  it("lists its commands without loading them", async () => {
    const started = performance.now();
    const { code, stdout, stderr } = await runCli(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of ["demo", "test", "inspect", "keeper", "provider"])
      expect(stdout).toContain(command);
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it("waits for a command whose only limit is a timer that holds no process", async () => {
    const script = join(await temporaryFolder(), "waiting.mjs");
    const main = JSON.stringify(new URL("../../../cli/main.ts", import.meta.url).href);
    await writeFile(
      script,
      `import { runCommandLine } from ${main};
      const wait = () => new Promise((done) => AbortSignal.timeout(300).addEventListener("abort", done));
      const register = (program) => program.command("wait").action(async () => {
        await wait();
        console.log("waited");
      });
      await runCommandLine([{ name: "wait", summary: "wait", load: async () => ({ register }) }], ["wait"]);`,
    );
    expect(await runCli([], { script })).toEqual({ code: 0, stdout: "waited\n", stderr: "" });
  });

  it("prints the version of package.json", async () => {
    const manifest: { version: string } = JSON.parse(
      readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
    );
    expect(await runCli(["--version"])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" });
  });

  it("exits 2 with a hint on an unknown command, option or subcommand", async () => {
    for (const args of [
      ["inspec"],
      ["--nonsense"],
      ["inspect", "turn"],
      ["inspect", "decide", "--file", "x", "--jso"],
    ]) {
      const { code, stdout, stderr } = await runCli(args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
      expect(stderr).toMatch(/unknown (command|option)/);
      expect(stderr).toMatch(/Did you mean|--help/);
    }
  });

  it("exits 2 and shows the help when no command is given", async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Usage: whitepay");
  });

  it("shows the options of a subcommand", async () => {
    const { code, stdout } = await runCli(["inspect", "turns", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("--committee-seed");
  });

  it("names a missing required option", async () => {
    const { code, stderr } = await runCli(["inspect", "decide"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--file <path>");
  });
});
