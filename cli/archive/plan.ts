/** `whitepay archive plan`: which provider is to store which file, by what is needed most (R46). Needs no key. */
import type { Command } from "commander";
import { filesOf } from "../../archive/manifest.ts";
import { planArchive, type ArchivePlan, type Capacity } from "../../archive/plan.ts";
import type { Manifest } from "../../archive/schema.ts";
import { parseBytes } from "../../client/units.ts";
import { counted } from "../../protocol/counted.ts";
import { payerOptions, type PayerOptions } from "../chain/account.ts";
import { usageError } from "../console/exit.ts";
import { addressOption, integerOption, jsonOption, quote } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { readManifestFile } from "./manifest-file.ts";
import { withStanding } from "./standing.ts";

const defaultCopies = 3;

type PlanOptions = PayerOptions & {
  readonly manifest: string;
  readonly capacity: readonly Capacity[];
  readonly copies: number;
  /** False: nothing is read from the chain. */
  readonly chain: boolean;
};

/** "0xA…=200GB,0xB…=2TB". @throws CliError exit 2 */
export function capacities(text: string): Capacity[] {
  const found = text.split(",").map((part) => {
    const [provider, amount, ...rest] = part.split("=");
    if (provider === undefined || amount === undefined || rest.length > 0) {
      throw usageError("--capacity is not valid", { expected: "ADDRESS=BYTES,…", actual: quote(part) });
    }
    const bytes = Number(parseBytes(amount));
    if (!Number.isSafeInteger(bytes)) {
      throw usageError("--capacity is not valid", { expected: "less than 8 PiB", actual: quote(amount) });
    }
    return { provider: addressOption("--capacity")(provider), bytes };
  });
  const twice = found.find(({ provider }, i) => found.findIndex((one) => one.provider === provider) !== i);
  if (twice === undefined) return found;
  throw usageError("--capacity is not valid", {
    expected: "each provider once",
    actual: `${twice.provider} twice`,
  });
}

export function register(archive: Command): void {
  const command = archive
    .command("plan")
    .description(
      "plan which provider stores which file: higher priorities and fewer proven copies first, derivable files last",
    )
    .requiredOption("--manifest <file>", "the archive's manifest")
    .requiredOption(
      "--capacity <list>",
      "room of each provider: ADDRESS=BYTES,… for example 0xA…=200GB",
      capacities,
    )
    .option(
      "--copies <n>",
      "proven copies wanted of each file",
      integerOption("--copies", { min: 1, max: 256 }),
      defaultCopies,
    )
    .option("--no-chain", "count no copies that exist already");
  payerOptions(jsonOption(command)).action((options: PlanOptions) => plan(options));
}

async function plan(options: PlanOptions): Promise<void> {
  const { manifest } = await readManifestFile(options.manifest);
  const holders = options.chain
    ? await withStanding(
        options,
        manifest,
        { groups: undefined, days: 1, lists: `${options.manifest}.lists` },
        async ({ files }) => files.map(({ copies }) => copies.holders.map(({ provider }) => provider)),
      )
    : [];
  const planned = planOf(manifest, holders, options);
  if (options.json === true) return printJson(planned);
  for (const { provider, files, bytes, free } of planned.providers) {
    printLine(
      `${provider}  ${counted(files.length, "file")}, ${formatBytes(bytes)}, ${formatBytes(free)} stay free`,
    );
    for (const name of files) printLine(`  ${name}`);
  }
  for (const { name, bytes, copies, wanted, largestRoom } of planned.missing) {
    const why =
      largestRoom === undefined
        ? "each provider has a copy"
        : `the largest room is ${formatBytes(largestRoom)}`;
    printLine(
      `missing  ${name}  ${formatBytes(bytes)}, ${copies} of ${counted(wanted, "copy", "copies")}: ${why}`,
    );
  }
}

function planOf(
  manifest: Manifest,
  holders: readonly (readonly string[])[],
  { capacity, copies }: Pick<PlanOptions, "capacity" | "copies">,
): ArchivePlan {
  const files = filesOf(manifest).map(({ name, bytes, priority, derivedFrom }, i) => {
    return { name, bytes, priority, isDerivable: derivedFrom !== undefined, holders: holders[i] ?? [] };
  });
  return planArchive(files, capacity, copies);
}
