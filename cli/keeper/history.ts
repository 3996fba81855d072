/** `whitepay keeper history …`: exports and imports the signing history, to move a keeper (R23, S5). */
import { join } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import type { Write } from "../../keeper/core/effects.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { readJsonInput } from "../console/json-input.ts";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig } from "./context.ts";
import { printJson, say } from "../console/output.ts";
import { exists } from "../console/output-file.ts";
import { jsonOption } from "../console/options.ts";
import { counted } from "../../protocol/counted.ts";

type Hex = `0x${string}`;
const hex = (bytes: number): z.ZodType<Hex> =>
  z
    .string()
    .regex(
      new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`),
      `expected 0x and ${2 * bytes} lower-case hex digits`,
    ) as never;

/** The interchange format, described in docs/run-a-keeper.md. */
const historySchema = z.strictObject({
  format: z.literal("whitepay-signing-history"),
  version: z.literal(2),
  chainId: z.int().positive(),
  operator: hex(20),
  committees: z
    .array(
      z.strictObject({
        committee: hex(20),
        /** Highest block seen: the keeper signs nothing new for turns up to it (R23). */
        head: z.int().min(-1),
        notes: z.array(z.strictObject({ ts: z.int().min(0), turn: z.int().min(1), digest: hex(32) })),
      }),
    )
    .max(100_000),
});
export type SigningHistory = z.infer<typeof historySchema>;
type CommitteeHistory = SigningHistory["committees"][number];

type Known = {
  readonly head: number;
  readonly notes: readonly { readonly ts: number; readonly turn: number; readonly digest: Hex }[];
};

/** No certificate has this digest: with this note the keeper never signs the turn again. */
const signNothing: Hex = `0x${"00".repeat(32)}`;

/**
 * The writes that merge two histories: all notes of both, the higher head, and `signNothing` for each turn with two different
 * digests.
 */
function stricter(here: Known, there: Known): { readonly writes: Write[]; readonly contradictions: number } {
  const known = new Map(here.notes.map((note) => [`${note.ts}/${note.turn}`, note.digest]));
  const writes: Write[] = [];
  let contradictions = 0;
  for (const { ts, turn, digest } of there.notes) {
    const key = `${ts}/${turn}`;
    const own = known.get(key);
    if (own === digest || own === signNothing) continue;
    if (own !== undefined) contradictions++;
    const kept = own === undefined ? digest : signNothing;
    known.set(key, kept);
    writes.push({ kind: "note", ts, turn, digest: kept });
  }
  if (there.head > here.head) writes.push({ kind: "head", head: there.head });
  return { writes, contradictions };
}

export async function registerHistory(keeper: Command): Promise<void> {
  const history = keeper
    .command("history")
    .description("export or import the signing history, to move a keeper safely");
  const out = history
    .command("export")
    .description("write the signing history in all committees to a file or stdout; the keeper must not run")
    .option("--out <file>", "file to write");
  (await configOptions(jsonOption(out))).action((options: ConfigOptions) => exportHistory(options));
  const into = history
    .command("import")
    .description(
      "merge a signing history from a file; a turn with two different digests is not signed again; the keeper must not run",
    )
    .requiredOption("--file <file>", "file that `history export` wrote");
  (await configOptions(jsonOption(into))).action((options: ConfigOptions) => importHistory(options));
}

async function operatorOf(keys: string): Promise<Hex> {
  const { describeKeys } = await import("../../daemon/keys/keystore.ts");
  const operator = (await describeKeys(keys)).find(({ name }) => name === "operator");
  return (operator?.public ?? "0x") as Hex;
}

/** A keeper that never ran has no history; this is not damage. */
async function mustHaveRun(dataDir: string): Promise<void> {
  if (await exists(join(dataDir, "store"))) return;
  throw usageError(`no keeper has run with the data folder ${dataDir}: there is no history`, {
    hint: "check dataDir; a new keeper needs no history",
  });
}

async function exportHistory(options: ConfigOptions): Promise<void> {
  const { config } = await loadConfig(options);
  await mustHaveRun(config.dataDir);
  const { LevelStore } = await import("../../keeper/adapters/store-level.ts");
  const history = await asKeeperFailure(async (): Promise<SigningHistory> => {
    const operator = await operatorOf(config.keys);
    const store = await LevelStore.openExisting(join(config.dataDir, "store"));
    try {
      const committees: CommitteeHistory[] = [];
      for (const committee of await store.committees()) {
        const { head, notes } = await store.load(committee);
        committees.push({
          committee,
          head,
          notes: notes.map(({ ts, turn, digest }) => ({ ts, turn, digest })),
        });
      }
      const { id: chainId } = config.chain;
      return { format: "whitepay-signing-history", version: 2, chainId, operator, committees };
    } finally {
      await store.close();
    }
  });
  const { out } = options;
  if (typeof out !== "string") return printJson(history);
  await writeFileAtomic(out, `${JSON.stringify(history, undefined, 2)}\n`, 0o600);
  const notes = history.committees.reduce((total, { notes }) => total + notes.length, 0);
  if (options["json"] === true) printJson({ file: out, committees: history.committees.length, notes });
  else
    say(
      `${counted(notes, "note")} and the heads of ${counted(history.committees.length, "committee")} written to ${out}. After an import on another machine, never start the keeper here again.`,
    );
}

async function importHistory(options: ConfigOptions): Promise<void> {
  const { config } = await loadConfig(options);
  const file = String(options["file"]);
  const history = await readJsonInput(file, historySchema);
  const { LevelStore } = await import("../../keeper/adapters/store-level.ts");
  const result = await asKeeperFailure(async () => {
    const operator = await operatorOf(config.keys);
    if (history.operator !== operator) {
      throw foreign(file, `operator ${operator}`, history.operator);
    }
    if (history.chainId !== config.chain.id)
      throw foreign(file, `chain ${config.chain.id}`, `${history.chainId}`);
    const store = await LevelStore.open(join(config.dataDir, "store"));
    try {
      let written = 0;
      let heads = 0;
      let contradictions = 0;
      for (const { committee, ...there } of history.committees) {
        const merged = stricter(await store.load(committee), there);
        if (merged.writes.length > 0) await store.write(committee, merged.writes);
        written += merged.writes.filter(({ kind }) => kind === "note").length;
        heads += merged.writes.filter(({ kind }) => kind === "head").length;
        contradictions += merged.contradictions;
      }
      return { committees: history.committees.length, written, heads, contradictions };
    } finally {
      await store.close();
    }
  });
  if (options["json"] === true) printJson(result);
  else if (result.written + result.heads > 0) {
    say(
      `${counted(result.written, "note")} and the heads of ${counted(result.heads, "committee")} added from ${file}`,
    );
  } else say(`nothing to add from ${file}: this keeper has all of it`);
  if (result.contradictions > 0) {
    say(
      `warning: ${counted(result.contradictions, "turn")} with two different signatures; the keeper signs no more there. Find out where a second instance of this keeper ran.`,
    );
  }
}

function foreign(file: string, expected: string, actual: string): CliError {
  return new CliError({
    code: exitCodes.usage,
    message: `${file} belongs to another keeper or chain`,
    expected,
    actual,
    hint: "import it on the machine with its keys",
  });
}
