/** `whitepay inspect …`: commands that evaluate one rule each. */
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
    .description("print leader, blocks and failed leaders of the next turns (R5-R7)")
    .requiredOption("--ts <block>", "block through which the committee last certified", integerOption("--ts"))
    .requiredOption("--interval <blocks>", "interval h", integerOption("--interval", { min: 1 }))
    .requiredOption("--turn <blocks>", "turn t", integerOption("--turn", { min: 1 }))
    .requiredOption(
      "--committee-seed <hex>",
      "the committee's seed, 32 bytes",
      hexOption("--committee-seed", 32),
    )
    .requiredOption(
      "--operators <addresses>",
      "operator addresses in contract order, separated by commas",
      operatorList,
    )
    .option(
      "--turns <count>",
      "number of turns (default: one per keeper)",
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
    .description("compute the space-time of one provider from one keeper's records (R14, R15)")
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
    .description("compute a committee's decision from revealed values (R22)")
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
      "verify a certificate from chain data alone, and print its signers and the groups that the transaction settles (R25, R27, R29)",
    )
    .requiredOption("--rpc <url>", "RPC endpoint of the chain")
    .requiredOption("--tx <hash>", "transaction that certifies or settles", hexOption("--tx", 32))
    .option(...jsonFlag)
    .action(async (options: { rpc: string; tx: string } & JsonOption) =>
      (await import("./certificate.ts")).inspectCertificate(options),
    );
}

export async function register(program: Command): Promise<void> {
  const inspect = program
    .command("inspect")
    .description("evaluate one rule of the protocol, or verify one certificate or one ceremony");
  registerTurns(inspect);
  registerFileCommands(inspect);
  registerCertificate(inspect);
  const more = [
    await import("./piece.ts"),
    await import("./evidence.ts"),
    await import("./ceremony.ts"),
    await import("./nitro.ts"),
  ];
  for (const { register: add } of more) add(inspect);
}
