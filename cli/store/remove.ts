/** `whitepay remove NAME…`: providers stop storing items, and are paid for them until their notice ends (R33). */
import type { Command } from "commander";
import { GroupView } from "../../client/group-view.ts";
import { encodeCatalogue } from "../../client/storing/catalogue.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { listsOf } from "./beside.ts";
import { carryOut } from "./carry-out.ts";
import { itemsNamed } from "./get.ts";
import { agreed, itemName, storingOptions, type StoringOptions } from "./options.ts";
import { keptPieces, shrunk } from "./plan.ts";
import { unfinished } from "./replace.ts";
import { knownGroup } from "./find-group.ts";
import { withWritingSession, type WritingSession } from "./session.ts";
import type { StoreWork } from "./state.ts";
import { readStored, type StoredGroup } from "./stored.ts";
import { counted } from "../../protocol/counted.ts";

export function register(program: Command): void {
  const command = program
    .command("remove")
    .description("stop storing files and folders; providers whose data ends get notice")
    .argument("<names...>", "names as `whitepay list` shows them");
  storingOptions(command).action((names: string[], options: StoringOptions) => remove(names, options));
}

async function remove(names: readonly string[], options: StoringOptions): Promise<void> {
  const wanted = [...new Set(names.map(itemName))].toSorted();
  await withWritingSession(options, async (session) => {
    const { folder } = session;
    const { work } = folder.state;
    if (work !== undefined && (work.kind !== "remove" || work.removed.join("/") !== wanted.join("/"))) {
      throw unfinished(work);
    }
    if (work === undefined) {
      const planned = await planRemoval(session, wanted);
      say(
        `removes ${wanted.join(", ")}: ${counted(planned.leaving.length, "provider")} will leave, ${planned.providers.length} will keep other data`,
      );
      if (!(await agreed(options, "Remove it?"))) return;
      await folder.save({ work: planned, transactions: [] });
    }
    const { leaving, providers } = folder.state.work as StoreWork;
    const nothing = (): Promise<never> => Promise.reject(new Error("a removal sends no item"));
    const { group } = await carryOut(session, nothing, async () => undefined);
    const touched = new Set(
      [...leaving, ...providers.map(({ operator }) => operator)].map((one) => one.toLowerCase()),
    );
    const accounts = await new GroupView(session.provider, group).providers();
    const ends = accounts
      .filter(({ operator }) => touched.has(operator.toLowerCase()))
      .map(({ leavesAt, data }) => leavesAt ?? data.at(-1)?.from ?? 0);
    const endsAtBlock = Math.max(0, ...ends);
    if (options.json === true) printJson({ removed: wanted, endsAtBlock });
    else printLine(`removed ${wanted.join(", ")}; stored and paid for until block ${endsAtBlock}`);
  });
}

/** What is left of a group's own parameters for a work that needs no new money. */
export function unchangedMoney({
  page,
  group,
}: StoredGroup): Pick<StoreWork, "committee" | "group" | "config" | "ceiling" | "depositedThen" | "deposit"> {
  const { config, state, escrow } = page;
  const { service } = state;
  if (service === undefined) {
    throw new CliError({
      code: exitCodes.refused,
      message: `group ${group.address} has no committee`,
      hint: "`whitepay group enter` enters one",
    });
  }
  return {
    committee: service.committee,
    group: group.address,
    config: { ...config, keeperFee: String(config.keeperFee) },
    ceiling: service.ceiling,
    depositedThen: String(escrow.deposited),
    deposit: "0",
  };
}

async function planRemoval(session: WritingSession, names: readonly string[]): Promise<StoreWork> {
  const stored = await readStored(session, await knownGroup(session, session.folder.state.group));
  const items = itemsNamed(stored.catalogue, names);
  const gone = items.flatMap(({ copies }) => copies);
  const staying = stored.holders.filter(
    ({ account, list }) => account.leavesAt === undefined && list !== undefined,
  );
  const { providers, leaving } = shrunk(staying, gone);
  // The new catalogue must be somewhere: with those that store other items, if nobody else has a new list.
  const rest = staying
    .filter(({ account }) => !leaving.includes(account.operator))
    .map((holder) => {
      const { account, data } = holder;
      return {
        operator: account.operator,
        price: String(data.price),
        copies: {},
        kept: keptPieces(holder, gone),
      };
    });
  return {
    kind: "remove",
    items: [],
    removed: [...names],
    leaving,
    base: new TextDecoder().decode(encodeCatalogue(stored.catalogue)),
    lists: listsOf(stored),
    ...unchangedMoney(stored),
    providers: providers.length > 0 ? providers : rest,
    lost: [],
  };
}
