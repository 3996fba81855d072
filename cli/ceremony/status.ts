/** `whitepay ceremony status`: the queue, the slot, and what was accepted, refused and lost. */
import { counted } from "../../protocol/counted.ts";
import { say, printJson, printLine } from "../console/output.ts";
import { clock } from "./options.ts";
import { openRemote } from "./participant.ts";
import { statusOf } from "./status-document.ts";
import type { StatusDocument } from "./status-document.ts";

export type StatusOptions = {
  readonly ceremony?: string;
  readonly rpc?: readonly string[];
  readonly json?: true;
};

const at = (time_s: number): string => new Date(time_s * 1_000).toISOString();

export async function showStatus(url: string, options: StatusOptions): Promise<void> {
  const remote = await openRemote(url, options);
  const status = statusOf(remote.log.state, clock());
  if (options.json) printJson(status);
  else printStatus(status);
  const replayed = counted(remote.log.entries.length, "entry", "entries");
  say(`log of ${replayed}, replayed here: all signatures hold`);
}

function printStatus(status: StatusDocument): void {
  printLine(`ceremony   ${status.ceremony}`);
  printLine(`title      ${status.title}, ${status.curve}, 2^${status.power} powers; ${status.phase}`);
  const { slot } = status;
  if (slot) {
    const what = slot.submitted ? "its response is being verified" : `until ${at(slot.ends_s)}`;
    printLine(`slot       ${slot.index}: ${slot.participant} ${slot.name}, ${what}`);
  }
  for (const one of status.queue) printLine(`queue      ${one.position}: ${one.participant} ${one.name}`);
  for (const one of status.contributions) {
    printLine(
      `accepted   ${one.index}: ${one.participant} ${one.name}, ${at(one.accepted_s)}${one.settled ? "" : ", not settled"}`,
    );
    printLine(`           ${one.blake2b}`);
  }
  for (const one of status.refused)
    printLine(
      `refused    ${one.index}: ${one.participant} ${one.name}: ${one.failed.join(", ")}: ${one.reason}`,
    );
  for (const one of status.lost)
    printLine(`lost       ${one.index}: ${one.participant} ${one.name}, ${at(one.time_s)}`);
  const { announced, beacon } = status;
  if (announced) {
    const { beacon: source } = announced;
    printLine(
      source.source === "drand"
        ? `beacon     announced: round ${source.round} of drand chain ${source.chain}`
        : `beacon     announced: block ${source.number} of chain ${source.chainId}`,
    );
  }
  if (beacon) printLine(`beacon     contribution ${beacon.index}, value ${beacon.value}`);
}
