/** The payer's group: the one that is configured, the one that `store` made here, or the one that the chain shows (R45). */
import type { GroupAt } from "../../client/group-view.ts";
import { groupsOf } from "../../client/committees.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { say } from "../console/output.ts";
import type { Session } from "./session.ts";
import { readStored } from "./stored.ts";

/** Newest groups of a payer that are looked at. */
const mostLookedAt = 16;

/**
 * Undefined if the payer has no group with a catalogue. A machine without state needs the payer's key alone: the factory's events name the
 * payer's groups, and a group with a catalogue that this key opens is one of `store`.
 * @throws CliError exit 2 if there are several, exit 3 if none of a group's providers answers
 */
export async function findGroup(session: Session, made: string | undefined): Promise<GroupAt | undefined> {
  const { payer, lens, provider, account } = session;
  const known = payer.config.group ?? made;
  if (known !== undefined) return { address: known, lens };
  // An account that never sent a transaction has made nothing.
  if ((await provider.getTransactionCount(account.address)) === 0) return undefined;
  const groups = (await groupsOf(provider, session, account.address)).slice(0, mostLookedAt);
  const found: string[] = [];
  const failures: CliError[] = [];
  for (const address of groups) {
    try {
      const { holders } = await readStored(session, { address, lens });
      if (holders.some(({ catalogueRoot }) => catalogueRoot !== undefined)) found.push(address);
    } catch (error) {
      if (!(error instanceof CliError) || error.code !== exitCodes.network) throw error;
      failures.push(error);
    }
  }
  const [only, ...others] = found;
  if (others.length > 0) {
    throw usageError("several groups of this payer have a catalogue", {
      actual: found.join(", "),
      hint: "name one with `group` in payer.yaml, --group or WHITEPAY_GROUP",
    });
  }
  if (only === undefined) {
    // Its providers may be offline for a while; with a second group, the payer's data would be in two groups.
    if (failures[0] !== undefined) throw failures[0];
    return undefined;
  }
  say(`group ${only} was found on the chain`);
  return { address: only, lens };
}

/** Like `findGroup`, for commands that need a group. @throws CliError exit 2 if there is none */
export async function knownGroup(session: Session, made: string | undefined): Promise<GroupAt> {
  const group = await findGroup(session, made);
  if (group !== undefined) return group;
  throw usageError("nothing is stored yet: this payer has no group", {
    hint: "`whitepay store PATH…` makes one",
  });
}
