/** `whitepay status`: items, providers and money of what is stored, in one view. */
import type { Command } from "commander";
import { groupStatus } from "../../client/status.ts";
import { formatAmount, formatTime } from "../../client/units.ts";
import type { PayerOptions } from "../chain/account.ts";
import { printJson, printLine } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { provenCopies } from "./list.ts";
import { readingOptions } from "./options.ts";
import { faultOf, needsRepair } from "./repair.ts";
import { knownGroup } from "./find-group.ts";
import { withSession } from "./session.ts";
import { madeGroup } from "./state.ts";
import { readStored } from "./stored.ts";

export function register(program: Command): void {
  const command = program
    .command("status")
    .description("show what is stored, where, how well it is proven, and until when it is paid for");
  readingOptions(command).action((options: PayerOptions) => status(options));
}

async function status(options: PayerOptions): Promise<void> {
  await withSession(options, async (session) => {
    const stored = await readStored(session, await knownGroup(session, await madeGroup(options)));
    const { escrow, token, fundedUntil, head } = await groupStatus(session.provider, stored.group);
    const items = stored.catalogue.items.map((item) => {
      const { name, bytes, wanted, copies } = item;
      return { name, bytes, wanted, copies: copies.length, provenCopies: provenCopies(stored, item) };
    });
    const providers = stored.holders.map((holder) => ({
      operator: holder.account.operator,
      bytes: holder.data.bytes,
      fault: faultOf(stored, holder),
    }));
    const money = { available: escrow.available, required: escrow.required, fundedUntil: fundedUntil?.block };
    if (options.json === true) {
      return printJson({ group: stored.group.address, head: head.block, ...money, items, providers });
    }
    printLine(`group     ${stored.group.address}`);
    const until =
      fundedUntil === undefined
        ? "never runs dry"
        : `paid until block ${fundedUntil.block}, about ${formatTime(fundedUntil.time_s)}`;
    printLine(`money     ${formatAmount(escrow.available, token)}, ${until}`);
    for (const { name, bytes, wanted, copies, provenCopies: proven } of items) {
      printLine(
        `item      ${name}  ${formatBytes(bytes)}, ${copies} of ${wanted} copies, ${proven} proven lately`,
      );
    }
    for (const { operator, bytes, fault } of providers) {
      printLine(`provider  ${operator}  ${formatBytes(Number(bytes))}, ${fault ?? "well"}`);
    }
    if (needsRepair(stored)) printLine("next      whitepay repair");
  });
}
