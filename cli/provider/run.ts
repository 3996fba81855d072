/** `whitepay provider run`: runs the daemon. */
import type { Command } from "commander";
import type { Logger } from "pino";
import { alwaysJson } from "../console/options.ts";
import { exitCodes } from "../console/exit.ts";
import { printJson } from "../console/output.ts";
import { stopSignals } from "../../daemon/stop-signals.ts";
import type { ProviderConfig } from "../../provider/config.ts";
import type { ProviderDecorator } from "../../provider/responder.ts";
import { asProviderFailure, configOption, loadProvider, providerKeys } from "./context.ts";

/** Time for open streams to end; below the limits of usual supervisors. */
const stopTimeout_ms = 2_000;

/** @param decoratorOf adds the faults of `provider-sim run`; without it the provider is honest */
export function registerRun(
  provider: Command,
  decoratorOf?: (config: ProviderConfig, log: Logger) => ProviderDecorator,
): void {
  configOption(alwaysJson(provider.command("run")))
    .description("answer challenges until SIGINT, SIGTERM or SIGHUP; prints one JSON line when ready")
    .action(async (options: { config?: string }) => {
      const { pino } = await import("pino");
      const { logDestination } = await import("../../daemon/log-lines.ts");
      const { startProvider } = await import("../../provider/compose.ts");
      const config = await loadProvider(options);
      const keys = await asProviderFailure(providerKeys(config));
      const log = pino({ name: "provider", level: config.logLevel }, logDestination(config.logFormat));
      const stopSignal = new Promise<NodeJS.Signals>((resolve) => {
        for (const signal of stopSignals) process.once(signal, () => resolve(signal));
      });
      const running = await asProviderFailure(
        startProvider(config, keys, log, decoratorOf?.(config, log), {
          settings: () => loadProvider(options),
        }),
      );
      const { peerId, addrs, api, reading } = running;
      printJson({ event: "ready", peerId, addrs, api, ...(reading === undefined ? {} : { reading }) });
      log.info({ signal: await stopSignal }, "stopping");
      // A peer that keeps its connection must not keep the process alive. Sent answers are on disk already (R12).
      setTimeout(() => process.exit(exitCodes.ok), stopTimeout_ms).unref();
      await running.stop();
      process.exit(exitCodes.ok);
    });
}
