/** A thread that plays the random scenario of each seed that it receives. */
import { parentPort, workerData } from "node:worker_threads";
import type { PlayedSeed } from "./campaign.ts";
import type { Reality } from "../cluster.ts";
import { randomScenario } from "../scenario/random.ts";
import { simulate } from "../simulate.ts";

/** Settings that all scenarios of a campaign share. */
export type CampaignWorld = {
  readonly keepers: readonly number[];
  readonly crypto: "real" | "cheap";
  readonly proofs: "real" | "cheap";
};

const { keepers, crypto, proofs } = workerData as CampaignWorld;

async function realityOf(): Promise<Reality> {
  if (crypto === "cheap") return { proofs };
  const { realSignatures } = await import("../signatures/real-signatures.ts");
  return { proofs, signatures: realSignatures() };
}

const reality = await realityOf();

parentPort?.on("message", (seed: number) => {
  void simulate(randomScenario(seed, keepers), seed, reality).then(
    ({ settled, faults, violations }) => {
      const played: PlayedSeed = { seed, settled, faults, violations };
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a browser window
      parentPort?.postMessage(played);
    },
    (error: unknown) => {
      // Ends the thread with this error, which the campaign then fails with.
      setImmediate(() => {
        throw error;
      });
    },
  );
});
