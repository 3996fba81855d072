/** Kills a payer's command at chosen steps and starts it again; what is on the chain and on the disks tells how far it came. */
import { readFileSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Storing } from "./storing.ts";

const look_ms = 5;

export type Seen = {
  /** Text of the payer's state file. */
  readonly state: string;
  /** Transactions of the payer that are in a block, since `killedAt` began. */
  readonly sent: number;
  /** Bytes that arrived on the providers' disks since then. */
  readonly arrived: number;
  /** Bytes of pieces that the payer has read back into its state folder. */
  readonly read: number;
};
/** What is done, and how it is seen. */
export type Step = readonly [name: string, isReached: (seen: Seen) => boolean];

export const times = (text: string, word: string): number => text.split(word).length - 1;

async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0;
  for (const path of await readdir(folder, { recursive: true }).catch(() => [])) {
    if (path === "log") continue;
    const found = await stat(join(folder, path)).catch(() => undefined);
    if (found?.isFile() === true) bytes += found.blocks * 512;
  }
  return bytes;
}

/** Bytes in the providers' folders, without their logs; of one provider, if it is named. */
export async function arrivedBytes({ community }: Storing, only?: number): Promise<number> {
  const { daemons } = community.providers;
  const chosen = only === undefined ? daemons : daemons.slice(only, only + 1);
  const sizes = await Promise.all(chosen.map(({ dataDir }) => bytesBelow(dataDir)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

export const stateFolderOf = ({ folder }: Storing): string => join(folder, "payer", "payer.store");

export function payerOf({ folder }: Storing): string {
  const { address } = JSON.parse(readFileSync(join(folder, "payer", "payer.json"), "utf8")) as {
    address: string;
  };
  return `0x${address.replace(/^0x/, "")}`;
}

/** Hashes of the payer's transactions in blocks after `block`, oldest first. */
export async function transactionsAfter(scene: Storing, block: number): Promise<string[]> {
  const { provider } = scene.community.base;
  const payer = payerOf(scene).toLowerCase();
  const head = await provider.getBlockNumber();
  const found: string[] = [];
  for (let at = block + 1; at <= head; at++) {
    const { prefetchedTransactions = [] } = (await provider.getBlock(at, true)) ?? {};
    for (const { from, hash } of prefetchedTransactions) if (from.toLowerCase() === payer) found.push(hash);
  }
  return found;
}

/**
 * Starts the command once for each step, and kills it with SIGKILL when it has reached the step. Returns the names of the steps that were
 * reached; a command that ends before its step leaves a gap.
 */
export async function killedAt(
  scene: Storing,
  command: readonly string[],
  steps: readonly Step[],
): Promise<string[]> {
  const { provider } = scene.community.base;
  const [payer, folder] = [payerOf(scene), stateFolderOf(scene)];
  const [sentBefore, arrivedBefore] = await Promise.all([
    provider.getTransactionCount(payer),
    arrivedBytes(scene),
  ]);
  const reached: string[] = [];
  for (const [name, isReached] of steps) {
    const running = scene.start(...command);
    const end = new AbortController();
    void running.ended.then(() => end.abort());
    while (!end.signal.aborted) {
      const [state, sent, arrived, read] = await Promise.all([
        readFile(join(folder, "state.json"), "utf8").catch(() => ""),
        provider.getTransactionCount(payer),
        name.includes("bytes") ? arrivedBytes(scene) : arrivedBefore,
        bytesBelow(join(folder, "parts")),
      ]);
      if (isReached({ state, sent: sent - sentBefore, arrived: arrived - arrivedBefore, read })) {
        reached.push(name);
        running.kill("SIGKILL");
        break;
      }
      await sleep(look_ms);
    }
    await running.ended;
  }
  return reached;
}
