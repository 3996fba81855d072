/** Entry point of the daemon: reads the configuration, says when it is ready, stops on a signal. */
import { readConfig } from "./config.ts";
import { wire } from "./wire.ts";
import type { Decorate } from "./wire.ts";

/** Runs a keeper until SIGINT or SIGTERM. One JSON line on `print` when it is up. */
export async function runKeeper(
  configFile: string,
  print: (line: string) => void,
  decorate?: Decorate,
): Promise<void> {
  const config = await readConfig(configFile);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    const daemon = await wire(config, decorate);
    const { peerId, addresses: addrs, api } = daemon;
    print(JSON.stringify({ event: "ready", peerId, addrs, api }));
    await daemon.run(stop.signal);
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}
