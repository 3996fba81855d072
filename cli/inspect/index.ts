/** `whitepay inspect …`: small commands that explain one rule each, for people and (`--json`) for other tools. */
import type { Command } from "commander";
import { addressOption, hexOption, integerOption, jsonFlag } from "../console/options.ts";
import { usageError } from "../console/exit.ts";

type JsonOption = { json?: true };

function operatorList(text: string): string[] {
  const parse = addressOption("--operators");
  return text.split(",").map((part, i) => {
    if (part === "")
      throw usageError("--operators is not valid", {
        expected: "addresses separated by commas",
        actual: `nothing at position ${i}`,
      });
    return parse(part);
  });
}

function registerTurns(inspect: Command): void {
  inspect
    .command("turns")
    .description("who may lead the next settlement, in which blocks, and who would count as failed (R5-R7)")
    .requiredOption("--ts <block>", "block through which the group was last settled", integerOption("--ts"))
    .requiredOption("--interval <blocks>", "interval h", integerOption("--interval", { min: 1 }))
    .requiredOption("--turn <blocks>", "turn t", integerOption("--turn", { min: 1 }))
    .requiredOption(
      "--committee-seed <hex>",
      "the committee's seed, 32 bytes",
      hexOption("--committee-seed", 32),
    )
    .requiredOption(
      "--operators <addresses>",
      "operator addresses in contract order, with commas",
      operatorList,
    )
    .option(
      "--turns <count>",
      "turns to show (default: one per keeper)",
      integerOption("--turns", { min: 1, max: 100_000 }),
    )
    .option(...jsonFlag)
    .action(async (options: import("./rules.ts").TurnsOptions & JsonOption) =>
      (await import("./rules.ts")).inspectTurns(options),
    );
}

function registerFileCommands(inspect: Command): void {
  inspect
    .command("spacetime")
    .description("space-time of one provider from one keeper's records (R14, R15)")
    .requiredOption(
      "--file <path>",
      "JSON with slotBlocks, fromSlot, toSlot, before, committed, records (- reads stdin)",
    )
    .option(...jsonFlag)
    .action(async (options: { file: string } & JsonOption) =>
      (await import("./rules.ts")).inspectSpaceTime(options),
    );
  inspect
    .command("decide")
    .description("what a committee decides from revealed values (R22)")
    .requiredOption("--file <path>", "JSON with n, toleranceBps, reveals (- reads stdin)")
    .option(...jsonFlag)
    .action(async (options: { file: string } & JsonOption) =>
      (await import("./rules.ts")).inspectDecide(options),
    );
}

function registerCertificate(inspect: Command): void {
  inspect
    .command("certificate")
    .description(
      "check a settlement's aggregate signature from chain data alone, and say who signed (R25, R27)",
    )
    .requiredOption("--rpc <url>", "RPC endpoint of the chain")
    .requiredOption("--tx <hash>", "transaction that settled", hexOption("--tx", 32))
    .option(...jsonFlag)
    .action(async (options: { rpc: string; tx: string } & JsonOption) =>
      (await import("./certificate.ts")).inspectCertificate(options),
    );
}

export async function register(program: Command): Promise<void> {
  const inspect = program
    .command("inspect")
    .description("explain one rule of the protocol, or verify one settlement");
  registerTurns(inspect);
  registerFileCommands(inspect);
  registerCertificate(inspect);
  for (const { register: add } of [await import("./piece.ts"), await import("./evidence.ts")]) add(inspect);
}
