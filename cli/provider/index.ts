/** `whitepay provider …`: store data, sign for it, answer challenges. */
import type { Command } from "commander";
import { addressOption, choiceOption, integerOption } from "../console/options.ts";
import { exitCodes, usageError } from "../console/exit.ts";
import { alwaysJson } from "../chain/transact.ts";
import { printJson, say } from "../console/output.ts";
import { asProviderFailure, configOption, loadProvider, providerKeys } from "./context.ts";
import { registerData } from "./data.ts";
import { registerEarnings } from "./earnings.ts";
import { registerInit } from "./init.ts";
import { registerRegister } from "./register.ts";
import { registerRights } from "./rights.ts";
import { registerStatus } from "./status.ts";
import { toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { Fault } from "../../provider-sim/faults.ts";
import { stopSignals } from "../../daemon/stop-signals.ts";

const logLevels = ["debug", "info", "warn", "error", "silent"] as const;
/** Long enough for open streams to end, short enough for a supervisor. */
const STOP_TIMEOUT_MS = 2_000;

export function register(program: Command): void {
  const provider = program.command("provider").description("store data, answer challenges");
  registerInit(provider);
  registerData(provider);
  registerRegister(provider);
  registerRun(provider);
  registerStatus(provider);
  registerEarnings(provider);
  registerRights(provider);
  registerFault(provider);
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function registerRun(provider: Command): void {
  configOption(alwaysJson(provider.command("run")))
    .description("answer challenges until SIGINT, SIGTERM or SIGHUP; prints one JSON line when ready")
    .option("--log-level <level>", logLevels.join(", "), choiceOption("--log-level", logLevels), "info")
    .option(
      "--log-format <format>",
      "text or json (default: text at a terminal, JSON elsewhere)",
      choiceOption("--log-format", ["text", "json"]),
    )
    .action(async (options: { config?: string; logLevel: string; logFormat?: "text" | "json" }) => {
      const { pino } = await import("pino");
      const { logDestination } = await import("../../daemon/log-lines.ts");
      const { startProvider } = await import("../../provider/main.ts");
      const config = await loadProvider(options);
      const keys = await asProviderFailure(providerKeys(config));
      const log = pino({ name: "provider", level: options.logLevel }, logDestination(options.logFormat));
      const stopSignal = new Promise<NodeJS.Signals>((resolve) => {
        for (const signal of stopSignals) process.once(signal, () => resolve(signal));
      });
      const running = await asProviderFailure(startProvider(config, keys, log));
      const { peerId, addrs, metrics } = running;
      printJson({ event: "ready", peerId, addrs, ...(metrics === undefined ? {} : { metrics }) });
      log.info({ signal: await stopSignal }, "stopping");
      // A peer that does not let go must not keep the process: answers are durable before they leave.
      setTimeout(() => process.exit(exitCodes.ok), STOP_TIMEOUT_MS).unref();
      await running.stop();
      process.exit(exitCodes.ok);
    });
}

interface FaultOptions {
  readonly config?: string;
  readonly fraction?: number;
  readonly delayMs?: number;
  readonly keeper?: string[];
}

const FAULTS = ["none", "lose-data", "offline", "slow", "corrupt", "replay", "only-keepers"] as const;

function registerFault(provider: Command): void {
  configOption(alwaysJson(provider.command("fault")))
    .description("make a provider misbehave, running or not, to see what keepers do about it")
    .argument("<kind>", FAULTS.join(", "))
    .option("--fraction <part>", "lose-data: part of each piece to destroy, 0 to 1", Number)
    .option("--delay-ms <ms>", "slow: how long to wait", integerOption("--delay-ms", { max: 600_000 }))
    .option("--keeper <address>", "only-keepers: who still gets answers; repeatable", collect)
    .action(async (kind: string, options: FaultOptions) => {
      const config = await loadProvider(options);
      if (kind === "lose-data") {
        printJson(await loseStoredData(config, options.fraction));
        return;
      }
      const { writeFaults } = await import("../../provider-sim/fault-file.ts");
      const faults = faultsOf(kind, options);
      await writeFaults(config.dataDir, faults);
      printJson({ faults });
    });
}

async function loseStoredData(
  config: import("../../provider/config.ts").ProviderConfig,
  fraction: number | undefined,
): Promise<{ bytesLost: number }> {
  const { openStore } = await import("../../provider/main.ts");
  const { loseData } = await import("../../provider-sim/lose-data.ts");
  const { makePieceList } = await import("../../storage/core/piece-list.ts");
  const { nativeHash } = await import("../../storage/disk/native-hash.ts");
  if (fraction === undefined || !(fraction >= 0 && fraction <= 1)) {
    throw usageError("--fraction is not valid", {
      expected: "a number from 0 to 1",
      actual: String(fraction ?? "nothing"),
    });
  }
  const store = await openStore(config);
  // A piece that is in two lists loses its bytes once.
  const pieces = new Map<string, PieceEntry>();
  for (const { list } of await store.currentLists())
    for (const piece of list.pieces) pieces.set(toHex(piece.root), piece);
  if (pieces.size === 0) throw usageError("nothing is stored that could be lost");
  const list = makePieceList([...pieces.values()], nativeHash);
  const bytesLost = await loseData(store, list, fraction);
  say(`destroyed ${bytesLost} of ${list.totalBytes} bytes; "provider ingest" the files again to mend it`);
  return { bytesLost };
}

function faultsOf(kind: string, options: FaultOptions): Fault[] {
  switch (kind) {
    case "none":
      return [];
    case "offline":
    case "corrupt":
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
      throw usageError("unknown fault", { expected: FAULTS.join(", "), actual: kind });
  }
}
