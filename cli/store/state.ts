/**
 * What `store` has begun, in a folder beside the payer's configuration: keys of the copies that are under way, the transaction that was
 * signed last, and the trees of the pieces. Everything in it can be made anew but the keys, so it is readable for the user alone.
 */
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { configFile, type ConfigOptions } from "../console/config-options.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { isRunning } from "../../storage/disk/is-running.ts";

const hex = z.string().regex(/^0x([0-9a-f]{2})*$/);
const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/);
const units = z.string().regex(/^\d{1,78}$/);

const envelope = z.strictObject({ head: hex, payloadKey: hex });
const piece = z.strictObject({
  /** Undefined in a public copy. */
  envelope: envelope.optional(),
  /** Undefined until the source is hashed. */
  made: z.strictObject({ root: hex, bytes: z.int().positive() }).optional(),
});
const sending = z.strictObject({
  operator: address,
  /** In a repair: the provider whose copies it takes over. */
  instead: address.optional(),
  price: units,
  /** By item's name. */
  copies: z.record(z.string(), piece),
  /** Pieces of the group that it stores already and keeps: root and bytes. */
  kept: z.array(z.strictObject({ root: hex, bytes: z.int().positive() })),
  catalogue: piece.optional(),
});
const work = z.strictObject({
  kind: z.enum(["store", "remove", "repair"]),
  items: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.enum(["file", "folder"]),
      bytes: z.int().nonnegative(),
      modified_us: z.number(),
      fingerprint: hex,
      isPublic: z.boolean(),
      wanted: z.int().positive(),
      /** Copies that stay as they are. */
      kept: z.array(z.strictObject({ provider: address, root: hex, bytes: z.int().positive() })),
    }),
  ),
  /** Names that are taken out of the catalogue. */
  removed: z.array(z.string()),
  /** Providers that are given notice. */
  leaving: z.array(address),
  /** The catalogue before, as its JSON text. */
  base: z.string(),
  /** By operator in lower case: the list that the plan found on chain, and those that this work puts there. */
  lists: z.record(address, z.array(hex)),
  committee: address,
  group: address,
  config: z.strictObject({
    token: address,
    lockup: z.int().positive(),
    keeperShareBps: z.int().nonnegative(),
    keeperFee: units,
  }),
  ceiling: z.int().positive(),
  /** Token units: what the group's deposits amount to when this work is paid for. */
  depositedThen: units,
  /** Of that, what this work deposits. */
  deposit: units,
  providers: z.array(sending),
  /** The catalogue that is stored with the data, as its JSON text. */
  catalogue: z.string().optional(),
  /** Providers that were lost on the way, and are not chosen again. */
  lost: z.array(address),
});
const schema = z.strictObject({
  version: z.literal(1),
  chainId: z.int().positive(),
  payer: address,
  group: address.optional(),
  /** A transaction that was signed and may have been sent. */
  pending: z.strictObject({ hash: hex, raw: hex }).optional(),
  /** Transactions of the work so far. */
  transactions: z.array(hex),
  work: work.optional(),
});

export type StoreWork = z.output<typeof work>;
export type Sending = z.output<typeof sending>;
export type SentPiece = z.output<typeof piece>;
export type StoreState = z.output<typeof schema>;

/** The work under way. */
export function workOf({ folder }: { readonly folder: StateFolder }): StoreWork {
  const { work: present } = folder.state;
  if (present === undefined) throw new Error("there is no work");
  return present;
}

/** The folder of the state for a configuration file: `payer.yaml` → `payer.store`. */
export function stateFolder(configFile: string | undefined): string {
  const file = configFile ?? "payer.yaml";
  return join(dirname(file), `${basename(file, extname(file))}.store`);
}

export class StateFolder {
  readonly dir: string;
  state: StoreState;

  private constructor(dir: string, state: StoreState) {
    this.dir = dir;
    this.state = state;
  }

  /**
   * Opens the folder, for one process at a time.
   * @throws CliError exit 2 if it is another payer's or chain's or damaged, exit 6 if another process has it
   */
  static async open(
    dir: string,
    whose: { readonly chainId: number; readonly payer: string },
  ): Promise<StateFolder> {
    await mkdir(join(dir, "trees"), { recursive: true, mode: 0o700 });
    await lock(dir);
    try {
      return new StateFolder(dir, await readState(dir, whose));
    } catch (error) {
      await rm(join(dir, "lock"), { force: true });
      throw error;
    }
  }

  /** Replaces fields of the state, durably. */
  async save(change: Partial<StoreState>): Promise<void> {
    this.state = { ...this.state, ...change };
    const text = `${JSON.stringify(this.state, undefined, 2)}\n`;
    await writeFileAtomic(join(this.dir, "state.json"), text, 0o600);
  }

  async saveTree(root: string, bytes: Uint8Array): Promise<void> {
    await writeFileAtomic(join(this.dir, "trees", root.slice(2)), bytes, 0o600);
  }

  async readTree(root: string): Promise<Uint8Array | undefined> {
    return readFile(join(this.dir, "trees", root.slice(2))).catch(() => undefined);
  }

  /** Ends the work: its keys and trees are needed no more. */
  async finish(group: string): Promise<void> {
    const { version, chainId, payer } = this.state;
    this.state = { version, chainId, payer, transactions: [] };
    await this.save({ group });
    for (const name of await readdir(join(this.dir, "trees"))) await rm(join(this.dir, "trees", name));
  }

  async close(): Promise<void> {
    await rm(join(this.dir, "lock"), { force: true });
  }
}

async function readState(
  dir: string,
  whose: { readonly chainId: number; readonly payer: string },
): Promise<StoreState> {
  const file = join(dir, "state.json");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  const fresh: StoreState = { version: 1, ...whose, transactions: [] };
  if (text === undefined) return fresh;
  const parsed = schema.safeParse(parsedJson(text));
  if (!parsed.success) {
    throw usageError(`${file} is damaged`, {
      expected: "the state that `whitepay store` wrote",
      actual: parsed.error.issues[0]?.message ?? "another document",
      hint: `remove ${dir} to begin anew: what is stored and paid for stays; only an unfinished transfer begins again`,
    });
  }
  const { chainId, payer } = parsed.data;
  if (chainId !== whose.chainId || payer.toLowerCase() !== whose.payer.toLowerCase()) {
    throw usageError(`${dir} belongs to another payer or chain`, {
      expected: `payer ${whose.payer} on chain ${whose.chainId}`,
      actual: `payer ${payer} on chain ${chainId}`,
      hint: "keep the configuration of each payer in a folder of its own",
    });
  }
  return parsed.data;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Takes the lock of the folder; one that a killed process left is taken over. */
async function lock(dir: string): Promise<void> {
  const path = join(dir, "lock");
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(path, "wx", 0o600);
      await file.writeFile(`${process.pid}\n`);
      await file.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = Number.parseInt(await readFile(path, "utf8").catch(() => ""), 10);
    // With the id of this process, the lock is of a killed process that had the same id.
    if (holder !== process.pid && isRunning(holder)) {
      throw new CliError({
        code: exitCodes.unsafe,
        message: `another command of this payer is under way (process ${holder})`,
        hint: `wait until it ends; if there is no such command, remove ${path}`,
      });
    }
    await rm(path, { force: true });
  }
  throw new CliError({
    code: exitCodes.unsafe,
    message: `another command of this payer has just begun: ${path}`,
  });
}

/** The group that `store` made with this configuration; undefined if it made none. Takes no lock. */
export async function madeGroup(options: ConfigOptions): Promise<string | undefined> {
  const file = join(stateFolder(await configFile(options, "payer.yaml")), "state.json");
  const parsed = schema.safeParse(parsedJson(await readFile(file, "utf8").catch(() => "")));
  return parsed.success ? parsed.data.group : undefined;
}
