/** Life cycle of the daemon: reports when it is ready, stops on a signal, or drains and then stops. */
import { ConfigError } from "../daemon/settings/layers.ts";
import type { KeeperConfig } from "./config.ts";
import { Drain } from "./drain.ts";
import { removeRunFile, writeRunFile } from "./run-file.ts";
import { stopSignals } from "../daemon/stop-signals.ts";
import { composeKeeper } from "./compose.ts";
import type { Daemon, Decorate } from "./compose.ts";

export type RunOptions = {
  readonly config: KeeperConfig;
  /** Password of the keys, if it was asked for; otherwise it is in the configured password file. */
  readonly password?: string;
  /** Gets one JSON line when the keeper is ready. */
  readonly print: (line: string) => void;
  /** Gets texts for the operator. */
  readonly say: (text: string) => void;
  readonly decorate?: Decorate;
};

const drainLook_ms = 100;

/** SIGUSR2: finish the duties of the present turn, then stop. Other stop signals stop at once. */
function drainOnSignal(
  daemon: () => Daemon | undefined,
  stop: AbortController,
  say: RunOptions["say"],
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onSignal = (): void => {
    if (timer !== undefined) return;
    const drain = new Drain(daemon()?.states() ?? new Map());
    say("draining: the keeper finishes the duties of the present turn and then stops");
    timer = setInterval(() => {
      if (drain.waiting(daemon()?.states() ?? new Map()) > 0) return;
      say("drained: no signed certificate is unsubmitted");
      stop.abort();
    }, drainLook_ms);
  };
  process.on("SIGUSR2", onSignal);
  return () => {
    process.off("SIGUSR2", onSignal);
    clearInterval(timer);
  };
}

/** Runs a keeper until a stop signal, or until a drain is over. */
export async function runKeeper({ config, password, print, say, decorate }: RunOptions): Promise<void> {
  if (config.chain.factories.length === 0) {
    throw new ConfigError(
      "chain.factories: expected at least one factory whose committees are followed, actual none; add it to the config file",
    );
  }
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const signal of stopSignals) process.once(signal, onSignal);
  let daemon: Daemon | undefined;
  const offDrain = drainOnSignal(() => daemon, stop, say);
  try {
    daemon = await composeKeeper(config, decorate, password);
    const { peerId, addresses: addrs, api } = daemon;
    await writeRunFile(config.dataDir, { pid: process.pid, api, peerId });
    print(JSON.stringify({ event: "ready", peerId, addrs, api }));
    say(`keeper ${peerId} is up: ${addrs.join(", ")}; dashboard at ${api}`);
    await daemon.run(stop.signal);
    await removeRunFile(config.dataDir);
    say("stopped");
  } finally {
    offDrain();
    for (const signal of stopSignals) process.off(signal, onSignal);
  }
}
