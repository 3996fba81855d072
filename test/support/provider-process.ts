/** The provider's daemon as a process of its own. */
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { providerIdentity } from "../../provider/identity.ts";
import { startCli } from "./cli.ts";
import type { CliProcess } from "./cli.ts";
import type { StoreProvider } from "./store-scene.ts";

export type ProviderProcess = {
  readonly peerId: string;
  readonly addrs: readonly string[];
  readonly process: CliProcess;
  /** Everything that it said. */
  log(): string;
  /** Waits for a line of the log. */
  logged(text: string): Promise<void>;
};

/** The scrub looks every 30 s. */
const wait_ms = 120_000;

/** Runs until the test ends. */
export async function runProvider({ configPath, keys }: StoreProvider): Promise<ProviderProcess> {
  const process = startCli(["provider", "run", "--config", configPath, "--log-level", "info"]);
  onTestFinished(async () => {
    process.child.kill("SIGTERM");
    await process.ended;
  });
  let said = "";
  for (const stream of [process.child.stdout, process.child.stderr]) {
    stream?.on("data", (text: string) => (said += text));
  }
  await process.said('"event":"ready"');
  const line = said.split("\n").find((one) => one.includes('"event":"ready"')) as string;
  const { addrs } = JSON.parse(line) as { addrs: string[] };
  return {
    addrs,
    peerId: (await providerIdentity(keys)).peerId,
    process,
    log: () => said,
    async logged(text) {
      const late = sleep(wait_ms).then(() => {
        throw new Error(`${text}: not logged within ${wait_ms} ms; the log: ${said}`);
      });
      await Promise.race([process.said(text), late]);
    },
  };
}
