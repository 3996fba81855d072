/** What `whitepay devnet` refuses before it starts anything. */
import { createServer, type AddressInfo } from "node:net";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exitCodes } from "../../cli/console/exit.ts";
import { runCli } from "../support/cli.ts";
import { temporaryFolder } from "../support/files.ts";

describe("whitepay devnet", () => {
  it("refuses a folder that is not empty, and leaves it as it is", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "letter"), "mine");
    const refused = await runCli(["devnet", "--data-dir", folder]);
    expect(refused).toMatchObject({ code: exitCodes.usage, stdout: "" });
    expect(refused.stderr).toContain("a new or empty folder, as a devnet starts a chain of its own");
    expect(refused.stderr).toContain("holds 1 entry");
    expect(await readdir(folder)).toEqual(["letter"]);
  });

  it("refuses a port that is taken, and makes no folder", async () => {
    const folder = join(await temporaryFolder(), "data");
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    const refused = await runCli(["devnet", "--port", String(port), "--data-dir", folder]);
    server.close();
    expect(refused).toMatchObject({ code: exitCodes.usage, stdout: "" });
    expect(refused.stderr).toContain(`--port ${port} cannot be used`);
    expect(refused.stderr).toContain("EADDRINUSE");
    await expect(readdir(folder)).rejects.toThrow("ENOENT");
  });

  it.each([
    [["--keepers", "5"], "4 | 7 | 10"],
    [["--keepers", "10", "--providers", "5"], "keepers × providers of at most 40"],
  ])("refuses %j", async (args, expected) => {
    const refused = await runCli(["devnet", ...args]);
    expect(refused).toMatchObject({ code: exitCodes.usage, stdout: "" });
    expect(refused.stderr).toContain(expected);
  });
});
