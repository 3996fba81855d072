/** Watches the age of the chain's head: without new blocks no keeper sends a challenge. */
import { setTimeout as sleep } from "node:timers/promises";
import { oldHeadText } from "../daemon/chain/pace.ts";
import type { HeadLook } from "../daemon/chain/pace.ts";

/** Endpoints limit calls, so the head is read this often while no challenge comes. */
const readEvery_ms = 4_000;
const checkEvery_ms = 1_000;

export type WatchedChain = {
  /** Reads the head from the chain. Rejects if no endpoint answers. */
  head(): Promise<number>;
  /** Age of the head that was read last; makes no call. */
  look(): HeadLook;
};

export type HeadLog = {
  warn(fields: object, text: string): void;
  info(fields: object, text: string): void;
};

/** Runs until `signal` aborts. The age is checked apart from the calls, since an endpoint may hang. */
export async function watchHead(chain: WatchedChain, log: HeadLog, signal: AbortSignal): Promise<void> {
  await Promise.all([readHeads(chain, signal), checkAge(chain, log, signal)]);
}

async function readHeads(chain: WatchedChain, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // A failed call shows in the head's age.
    await chain.head().catch(() => undefined);
    await pause(readEvery_ms, signal);
  }
}

async function checkAge(chain: WatchedChain, log: HeadLog, signal: AbortSignal): Promise<void> {
  let wasOld = false;
  while (!signal.aborted) {
    const look = chain.look();
    if (look.isOld !== wasOld) logChange(look, log);
    wasOld = look.isOld;
    await pause(checkEvery_ms, signal);
  }
}

function logChange(look: HeadLook, log: HeadLog): void {
  const age_s = Math.floor(look.age_s);
  if (look.isOld) {
    log.warn(
      { reason: "chain-stopped", age_s },
      `no new block: the chain has stopped or cannot be reached: ${oldHeadText(look)}`,
    );
  } else log.info({ block: look.block }, `new blocks again: head ${look.block}`);
}

async function pause(delay_ms: number, signal: AbortSignal): Promise<void> {
  await sleep(delay_ms, undefined, { signal }).catch(() => undefined);
}
