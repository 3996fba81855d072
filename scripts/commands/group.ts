/** `whitepay group …`: what a payer does: quote, make, fund, watch, change and end a group, and get the data back. */
import type { Command } from "commander";
import { registerCreate } from "./group-create.ts";
import { registerKey } from "./group-key.ts";
import { registerMembers } from "./group-members.ts";
import { registerMoney } from "./group-money.ts";
import { registerPayments } from "./group-payments.ts";
import { registerQuote } from "./group-quote.ts";
import { registerRetrieve } from "./group-retrieve.ts";
import { registerRights } from "./group-rights.ts";
import { registerStatus } from "./group-status.ts";
import { registerWatch } from "./group-watch.ts";

export function register(program: Command): void {
  const group = program
    .command("group")
    .description("pay for storage: quote, make, fund, watch and end a group, get the data back");
  registerQuote(group);
  registerKey(group);
  registerCreate(group);
  registerMoney(group);
  registerStatus(group);
  registerWatch(group);
  registerPayments(group);
  registerMembers(group);
  registerRights(group);
  registerRetrieve(group);
}
