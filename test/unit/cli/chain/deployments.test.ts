import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { knownDeployments } from "../../../../cli/chain/deployments.ts";
import { loadPayer } from "../../../../cli/chain/account.ts";
import { runCli } from "../../../support/cli.ts";
import { temporaryFolder } from "../../../support/files.ts";

const address = (digit: string): string => `0x${digit.repeat(40)}`;
const deployment = {
  chainId: 8453,
  version: "0.1.0",
  way: "proxy",
  deployer: address("1"),
  registry: address("2"),
  factory: address("3"),
  lens: address("4"),
  committee: address("5"),
  group: address("6"),
  desk: address("7"),
  vouchers: address("8"),
};

async function folderWith(name: string, value: unknown): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
  return folder;
}

describe("known deployments", () => {
  it("are none but those of files", () => {
    expect([...knownDeployments({})]).toEqual([]);
  });

  it("are shown by presets, and give a payer the contracts that its configuration does not name", async () => {
    const folder = await folderWith("8453.json", deployment);
    const shown = await runCli(["presets", "base"], { env: { WHITEPAY_DEPLOYMENTS: folder } });
    expect(shown, shown.stderr).toMatchObject({ code: 0 });
    expect(shown.stdout).toContain(`registry ${address("2")}, factory ${address("3")}, lens ${address("4")}`);
    process.env["WHITEPAY_DEPLOYMENTS"] = folder;
    const other = await loadPayer({ chainId: "8453", factory: address("9") });
    const unknown = await loadPayer({ chainId: "10" });
    delete process.env["WHITEPAY_DEPLOYMENTS"];
    expect(other.config.chain).toMatchObject({
      registry: address("2"),
      factory: address("9"),
      lens: address("4"),
    });
    expect(unknown.config.chain.factory).toBeUndefined();
  });

  it.each([
    ["8453.json", { ...deployment, factory: "0x12" }, /8453\.json is not valid: factory/],
    ["8453.json", { ...deployment, owner: address("9") }, /owner/],
    ["10.json", deployment, /expected/],
    ["8453.json", "{", /cannot be read/],
  ])("in a file %s that is not valid are refused: %j", async (name, value, reason) => {
    const folder = await folderWith(name, value);
    const refused = await runCli(["presets"], { env: { WHITEPAY_DEPLOYMENTS: folder } });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(reason);
  });

  it("in a folder that does not exist are refused", async () => {
    const refused = await runCli(["presets"], { env: { WHITEPAY_DEPLOYMENTS: "/nowhere" } });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("/nowhere (ENOENT)");
  });
});
