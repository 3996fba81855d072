/** Ends the work of a fleet early: after a signal, or when a daemon has died. */
import { CliError, exitCodes } from "../../cli/console/exit.ts";
import type { Processes } from "./processes.ts";

function interrupted(): CliError {
  return new CliError({
    code: exitCodes.interrupted,
    message: "interrupted; everything it started has ended",
  });
}

export class Stop {
  readonly #failed = Promise.withResolvers<never>();
  #reason: CliError | undefined;

  constructor() {
    this.#failed.promise.catch(() => undefined);
  }

  now(reason: CliError): void {
    this.#reason ??= reason;
    this.#failed.reject(this.#reason);
  }

  /** The result of `work`, unless the run must end first. */
  guard<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined);
    return Promise.race([this.#failed.promise, work]);
  }
}

/** The first Ctrl-C stops all processes in order; a second one kills them. Returns a function that ends the listening. */
export function listenForSignals(stop: Stop, processes: Processes): () => void {
  let signals = 0;
  const onSignal = (): void => {
    signals++;
    if (signals > 1) {
      processes.killAll();
      process.exit(exitCodes.interrupted);
    }
    stop.now(interrupted());
  };
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of names) process.on(name, onSignal);
  return () => {
    for (const name of names) process.removeListener(name, onSignal);
  };
}
