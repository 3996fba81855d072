/** `whitepay provider-sim …`: the provider's daemon with faults, for the demo, for tests and for trying out keepers. */
import type { Command } from "commander";
import { usageError } from "../cli/console/exit.ts";
import { addressOption, integerOption, alwaysJson } from "../cli/console/options.ts";
import { printJson, say } from "../cli/console/output.ts";
import { configOption, loadProvider } from "../cli/provider/context.ts";
import { registerRun } from "../cli/provider/run.ts";
import type { ProviderConfig } from "../provider/config.ts";
import { toHex } from "../storage/core/bytes.ts";
import type { PieceEntry } from "../storage/core/piece-list.ts";
import { faultDecorator } from "./decorator.ts";
import type { Fault } from "./faults.ts";
import { counted } from "../protocol/counted.ts";

export function register(program: Command): void {
  const provider = program
    .command("provider-sim")
    .description("run a provider with faults, to test how keepers react");
  registerRun(provider, faultDecorator);
  registerFault(provider);
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

type FaultOptions = {
  readonly config?: string;
  readonly fraction?: number;
  readonly delayMs?: number;
  readonly keeper?: string[];
};

const faultKinds = [
  "none",
  "lose-data",
  "offline",
  "slow",
  "corrupt",
  "discard",
  "forge-consent",
  "replay",
  "only-keepers",
] as const;

function registerFault(provider: Command): void {
  configOption(alwaysJson(provider.command("fault")))
    .description("set a fault of a provider, whether it runs or not, to see how keepers react")
    .argument("<kind>", faultKinds.join(", "))
    .option("--fraction <part>", "lose-data: fraction of each piece to destroy, 0 to 1", Number)
    .option(
      "--delay-ms <ms>",
      "slow: delay before each answer",
      integerOption("--delay-ms", { max: 600_000 }),
    )
    .option(
      "--keeper <address>",
      "only-keepers: operator of a keeper that still gets answers; repeatable",
      collect,
    )
    .action(async (kind: string, options: FaultOptions) => {
      const config = await loadProvider(options);
      if (kind === "lose-data") {
        printJson(await loseStoredData(config, options.fraction));
        return;
      }
      const { writeFaults } = await import("./fault-file.ts");
      const faults = faultsOf(kind, options);
      await writeFaults(config.dataDir, faults);
      printJson({ faults });
    });
}

async function loseStoredData(
  config: ProviderConfig,
  fraction: number | undefined,
): Promise<{ bytesLost: number }> {
  const { openStore } = await import("../provider/ingest.ts");
  const { loseData } = await import("./lose-data.ts");
  const { makePieceList } = await import("../storage/core/piece-list.ts");
  if (fraction === undefined || !(fraction >= 0 && fraction <= 1)) {
    throw usageError("--fraction is not valid", {
      expected: "a number from 0 to 1",
      actual: String(fraction ?? "nothing"),
    });
  }
  const store = await openStore(config);
  // A piece may be in several lists; its data is destroyed once.
  const pieces = new Map<string, PieceEntry>();
  for (const { list } of await store.currentLists())
    for (const piece of list.pieces) pieces.set(toHex(piece.root), piece);
  if (pieces.size === 0)
    throw usageError("no data is stored, so none can be lost", { hint: "whitepay provider ingest FILES" });
  const list = makePieceList([...pieces.values()]);
  const bytesLost = await loseData(store, list, fraction);
  say(
    `destroyed ${bytesLost} of ${counted(list.totalBytes, "byte")}; to repair, ingest the files again: whitepay provider ingest FILES`,
  );
  return { bytesLost };
}

function faultsOf(kind: string, options: FaultOptions): Fault[] {
  switch (kind) {
    case "none":
      return [];
    case "offline":
    case "corrupt":
    case "discard":
    case "forge-consent":
    case "replay":
      return [{ kind }];
    case "slow":
      return [{ kind, delay_ms: options.delayMs ?? 60_000 }];
    case "only-keepers": {
      const parse = addressOption("--keeper");
      return [
        { kind, keepers: (options.keeper ?? []).map((text) => parse(text).toLowerCase() as `0x${string}`) },
      ];
    }
    default:
      throw usageError("unknown fault", { expected: faultKinds.join(", "), actual: kind });
  }
}
