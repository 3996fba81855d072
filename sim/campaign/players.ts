/** Players for a campaign of the simulator: threads, of which each plays one scenario at a time. */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { PlayedSeed, Player } from "./campaign.ts";
import type { CampaignWorld } from "./player.ts";

/** TypeScript in a clone, JavaScript in the built package: the extension is that of this file. */
const playerFile = new URL(`./player${extname(import.meta.filename)}`, import.meta.url);

export type Players = { readonly players: readonly Player[]; readonly close: () => Promise<void> };

export function openPlayers(count: number, world: CampaignWorld): Players {
  const threads = Array.from({ length: count }, () => new Worker(playerFile, { workerData: world }));
  return {
    players: threads.map(playerOf),
    close: async () => {
      await Promise.all(threads.map((thread) => thread.terminate()));
    },
  };
}

function playerOf(thread: Worker): Player {
  return (seed) =>
    new Promise<PlayedSeed>((resolve, reject) => {
      const settle = (): void => {
        thread.off("message", onPlayed);
        thread.off("error", onError);
        thread.off("exit", onExit);
      };
      const onPlayed = (played: PlayedSeed): void => (settle(), resolve(played));
      const onError = (error: unknown): void => (settle(), reject(error));
      const onExit = (code: number): void => {
        settle();
        reject(new Error(`the thread that played seed ${seed} ended with code ${code}`));
      };
      thread.on("message", onPlayed).on("error", onError).on("exit", onExit);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a browser window
      thread.postMessage(seed);
    });
}
