/** Known deployments: a file for each chain, which presets and the commands of payers and payees read. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { addressText as address } from "../../daemon/settings/address.ts";
import { usageError } from "../console/exit.ts";
import { checkInput } from "../console/json-input.ts";

/** What `whitepay deploy` writes as <chain id>.json. */
const schema = z.strictObject({
  chainId: z.int().positive(),
  /** Release of the command that deployed it. */
  version: z.string().max(40),
  /** `proxy`: the addresses are the same on every chain. */
  way: z.enum(["proxy", "nonce"]),
  deployer: address,
  registry: address,
  factory: address,
  lens: address,
  committee: address,
  group: address,
  desk: address,
  vouchers: address,
});

export type Deployment = z.output<typeof schema>;

const ownFolder = fileURLToPath(new URL("deployments", import.meta.url));

/** Files of this folder replace those of the package. */
const deploymentsVariable = "WHITEPAY_DEPLOYMENTS";

function filesIn(folder: string, isOwn: boolean): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch (error) {
    if (isOwn) return [];
    throw usageError(`${deploymentsVariable} cannot be read`, {
      expected: "a folder of files as whitepay deploy writes them",
      actual: `${folder} (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
    });
  }
}

function read(folder: string, name: string): Deployment {
  const file = join(folder, name);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw usageError(`${file} cannot be read: ${(error as Error).message.replaceAll(/\s+/g, " ")}`);
  }
  const deployment = checkInput(file, schema, value);
  if (name === `${deployment.chainId}.json`) return deployment;
  throw usageError(`${file} has another name than its chain`, {
    expected: `${deployment.chainId}.json`,
    actual: name,
  });
}

/**
 * By chain id.
 * @throws CliError exit 2 if a file is not valid
 */
export function knownDeployments(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Map<number, Deployment> {
  const folders = [ownFolder, ...(env[deploymentsVariable] ? [env[deploymentsVariable]] : [])];
  const found = folders.flatMap((folder) =>
    filesIn(folder, folder === ownFolder).map((name) => read(folder, name)),
  );
  return new Map(found.map((deployment) => [deployment.chainId, deployment]));
}
