/** `whitepay store --watch`: looks after what is stored, and repairs it, until Ctrl-C or SIGTERM. */
import { setTimeout as sleep } from "node:timers/promises";
import { explain } from "../console/exit.ts";
import { say } from "../console/output.ts";
import type { StoringOptions } from "./options.ts";
import { faultOf, repair } from "./repair.ts";
import { knownGroup } from "./find-group.ts";
import { withWritingSession } from "./session.ts";
import { readStored } from "./stored.ts";

/** Runs until `signal` aborts. Between two looks other commands of the payer may run. */
export async function watchCopies(
  options: StoringOptions,
  { every_s, signal }: { readonly every_s: number; readonly signal: AbortSignal },
): Promise<void> {
  let silentBefore: ReadonlySet<string> = new Set();
  say(`looks at the copies every ${every_s} s, and repairs them; Ctrl-C stops it`);
  while (!signal.aborted) {
    await sleep(every_s * 1000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      silentBefore = await look(options, silentBefore);
    } catch (error) {
      // The endpoint or all providers may be away for a while, or another command of the payer is under way.
      if (!signal.aborted) say(`looks again in ${every_s} s: ${explain(error).message}`);
    }
  }
}

/** A provider that is silent once may be restarting: its copies are made anew when it is silent twice. Returns the silent ones. */
async function look(
  options: StoringOptions,
  silentBefore: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  return withWritingSession(options, async (session) => {
    const { group, work } = session.folder.state;
    const stored = await readStored(session, await knownGroup(session, group ?? work?.group));
    const silent = new Set(
      stored.holders.filter(({ list }) => list === undefined).map(({ account }) => account.operator),
    );
    const isNew = [...silent].some((operator) => !silentBefore.has(operator));
    const isFaulty = stored.catalogue.items.some(({ copies }) =>
      copies.some(({ provider }) => {
        const holder = stored.holders.find(({ account }) => account.operator === provider);
        return faultOf(stored, holder) !== undefined;
      }),
    );
    if (work !== undefined || (isFaulty && !isNew)) {
      const { repaired, unrepairable } = await repair(session, { ...options, yes: true });
      for (const { name, from, to } of repaired) say(`${name}: moved from ${from} to ${to}`);
      for (const name of unrepairable) say(`${name} cannot be repaired now`);
    }
    return silent;
  });
}
