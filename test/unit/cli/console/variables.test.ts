/** Environment variables: known ones, misspelt ones, and the environment of child processes. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { settings as keeperSettings } from "../../../../keeper/config.ts";
import { settings as providerSettings } from "../../../../provider/config.ts";
import { CliError } from "../../../../cli/console/exit.ts";
import { payeePurse, payerPurse } from "../../../../cli/chain/account.ts";
import { projectRoot, sourceFolders } from "../../../../scripts/paths.ts";
import {
  otherVariables,
  refuseUnknownVariables,
  withoutSettings,
} from "../../../../cli/console/variables.ts";

const payerSettings = payerPurse.definition.settings;

async function refusalOf(env: Record<string, string>, settings = payerSettings): Promise<string> {
  const refused: unknown = await refuseUnknownVariables(env, settings).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(CliError);
  const { code, message, hint } = refused as CliError;
  expect({ code, hint }).toEqual({ code: 2, hint: "correct the name, or unset the variable" });
  return message;
}

describe("an environment variable", () => {
  it.each([
    ["WHITEPAY_GROPU", "WHITEPAY_GROUP"],
    ["WHITEPAY_LEDGER_PASWORD", "WHITEPAY_LEDGER_PASSWORD"],
    ["WHITEPAY_CONFG", "WHITEPAY_CONFIG"],
    // A keeper's setting in a payer's shell.
    ["WHITEPAY_LOGLEVEL", "WHITEPAY_LOG_LEVEL"],
  ])("%s is refused with the suggestion %s", async (name, meant) => {
    expect(await refusalOf({ [name]: "1" })).toBe(`${name}: unknown variable; did you mean ${meant}?`);
  });

  it("without a similar one is refused with the variables of the command; several are listed", async () => {
    const message = await refusalOf({ WHITEPAY_COLOUR: "blue", PATH: "/bin", WHITEPAY_KYE: "k" });
    const own = [
      ...payerSettings.map(({ env }) => env),
      "WHITEPAY_CONFIG",
      "WHITEPAY_DEPLOYMENTS",
      "WHITEPAY_LEDGER_PASSWORD",
    ];
    expect(message).toBe(
      `WHITEPAY_COLOUR: unknown variable; expected one of ${own.join(", ")}\n  WHITEPAY_KYE: unknown variable; did you mean WHITEPAY_KEY?`,
    );
  });

  it("of another role, of the project's processes, or without a value is accepted by every command", async () => {
    const roles = [keeperSettings, providerSettings, payerSettings, payeePurse.definition.settings];
    const names = [...roles.flat().map((setting) => setting.env), ...otherVariables];
    const all = Object.fromEntries(names.map((name) => [name, "1"]));
    const env = { ...all, WHITEPAY_NONE: "", WHITEPAPER: "1", whitepay_rpc: "1" };
    const looked = roles.map((settings) => refuseUnknownVariables(env, settings));
    expect(await Promise.all(looked)).toEqual(roles.map(() => undefined));
  });

  it("that Kubernetes sets for a service is accepted; a similar name is not", async () => {
    const links = {
      WHITEPAY_KEEPER_SERVICE_HOST: "10.0.0.1",
      WHITEPAY_KEEPER_SERVICE_PORT_METRICS: "9464",
      WHITEPAY_KEEPER_PORT: "tcp://10.0.0.1:9464",
      WHITEPAY_KEEPER_PORT_9464_TCP_ADDR: "10.0.0.1",
    };
    await refuseUnknownVariables(links, keeperSettings);
    expect(await refusalOf({ WHITEPAY_KEEPER_PORT: "9464" }, keeperSettings)).toContain(
      "WHITEPAY_KEEPER_PORT:",
    );
  });

  it("is known exactly if the project reads it", () => {
    const folders = [...sourceFolders, "test"];
    const files = globSync([`{${folders.join()}}/**/*.ts`, "*.config.ts"], { cwd: projectRoot });
    const read = files.flatMap((file) =>
      [...readFileSync(join(projectRoot, file), "utf8").matchAll(/process\.env\["(WHITEPAY_\w+)"\]/g)].map(
        (match) => match[1] ?? "",
      ),
    );
    expect(new Set(read)).toEqual(new Set(otherVariables));
  });

  it("that is a setting is removed from the environment of child processes; others are inherited", () => {
    const env = { PATH: "/bin", WHITEPAY_LONG: "1", WHITEPAY_RPC: "http://a/", WHITEPAY_RCP: "http://b/" };
    expect(withoutSettings(env)).toEqual({ PATH: "/bin", WHITEPAY_LONG: "1" });
  });
});
