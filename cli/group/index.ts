/** `whitepay group …`: the payer's commands: quote, create, fund, watch, change and end a group, and retrieve its data. */
import type { Command } from "commander";
import { registerDraft } from "./create/draft.ts";
import { registerCreate } from "./create/index.ts";
import { registerKey } from "./key.ts";
import { registerMembers } from "./members.ts";
import { registerMoney } from "./money.ts";
import { registerPayments } from "./payments.ts";
import { registerQuote } from "./quote.ts";
import { registerRetrieve } from "./retrieve/index.ts";
import { registerRights } from "./rights.ts";
import { registerService } from "./service.ts";
import { registerStatus } from "./status.ts";
import { registerVolunteers } from "./volunteers.ts";
import { registerWatch } from "./watch.ts";

export function register(program: Command): void {
  const group = program
    .command("group")
    .description("pay for storage: quote, create, fund, watch and end a group, retrieve its data");
  registerQuote(group);
  registerKey(group);
  registerDraft(group);
  registerCreate(group);
  registerMoney(group);
  registerStatus(group);
  registerWatch(group);
  registerPayments(group);
  registerMembers(group);
  registerVolunteers(group);
  registerService(group);
  registerRights(group);
  registerRetrieve(group);
}
