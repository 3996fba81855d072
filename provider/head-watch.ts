/** Watches the age of the chain's head: a provider is asked only as long as blocks come. */
import { setTimeout as sleep } from "node:timers/promises";
import { oldHeadText } from "../daemon/chain/pace.ts";
import type { HeadLook } from "../daemon/chain/pace.ts";

/** Endpoints count questions; a block is seen so much late at most. */
const ask_ms = 4_000;
const look_ms = 1_000;

export type WatchedChain = {
  /** Asks for the head. Rejects if no endpoint answers. */
  head(): Promise<number>;
  /** How old the head is that was told last; asks nobody. */
  look(): HeadLook;
};

export type HeadLog = {
  warn(fields: object, text: string): void;
  info(fields: object, text: string): void;
};

/** Until `signal` aborts. The look does not wait for endpoints: these may hang. */
export async function watchHead(chain: WatchedChain, log: HeadLog, signal: AbortSignal): Promise<void> {
  await Promise.all([askOn(chain, signal), lookOn(chain, log, signal)]);
}

async function askOn(chain: WatchedChain, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // What is not answered shows in the head's age.
    await chain.head().catch(() => undefined);
    await pause(ask_ms, signal);
  }
}

async function lookOn(chain: WatchedChain, log: HeadLog, signal: AbortSignal): Promise<void> {
  let wasOld = false;
  while (!signal.aborted) {
    const look = chain.look();
    if (look.isOld !== wasOld) tell(look, log);
    wasOld = look.isOld;
    await pause(look_ms, signal);
  }
}

function tell(look: HeadLook, log: HeadLog): void {
  const age_s = Math.floor(look.age_s);
  if (look.isOld) {
    log.warn(
      { reason: "chain-stopped", age_s },
      `the chain has stopped, or the way to it: ${oldHeadText(look)}`,
    );
  } else log.info({ block: look.block }, `the chain goes on: block ${look.block}`);
}

async function pause(delay_ms: number, signal: AbortSignal): Promise<void> {
  await sleep(delay_ms, undefined, { signal }).catch(() => undefined);
}
