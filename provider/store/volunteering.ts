/**
 * R33: consents that the operator gives groups without a request (`whitepay provider volunteer`): the payer asks for them. Each is a file,
 * `volunteer/<group>.json` of the data folder; another process writes it. The provider answers challenges of these groups.
 */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { address } from "../../daemon/settings/address.ts";
import type { ConsentGiven } from "../../protocol/codec/store-response.ts";
import { fromHex, type Hex } from "../../protocol/hash.ts";
import type { DataConsent } from "../consent.ts";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import type { StoreChain } from "./ports.ts";

const folderName = "volunteer";
/** Groups that are served; each costs the chain's endpoint calls. */
const mostGroups = 256;

const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`)) as unknown as z.ZodType<Hex, string>;
const schema = z.strictObject({
  operator: address,
  group: address,
  committee: address,
  listRoot: hex(32),
  bytes: z.int().min(1),
  price: z.string().regex(/^\d{1,25}$/),
  receiptKey: address,
  sequence: z.int().min(1),
  deadline: z.int().min(1),
  signature: hex(65),
});

function pathOf(dataDir: string, group: string): string {
  return join(dataDir, folderName, `${group.toLowerCase()}.json`);
}

/** The consent that was given to a group; undefined: none. @throws Error if the file is damaged */
export async function volunteeredConsent(dataDir: string, group: string): Promise<DataConsent | undefined> {
  const text = await readFile(pathOf(dataDir, group), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const { price, bytes, ...rest } = schema.parse(JSON.parse(text));
  return { ...rest, bytes: BigInt(bytes), price: BigInt(price) };
}

/** Replaces what was given to the group before; a running provider answers with it from now on. */
export async function keepVolunteeredConsent(dataDir: string, consent: DataConsent): Promise<string> {
  const path = pathOf(dataDir, consent.group);
  await mkdir(join(dataDir, folderName), { recursive: true });
  const { bytes, price, group } = consent;
  const values = { ...consent, group: group.toLowerCase(), bytes: Number(bytes), price: String(price) };
  await writeFileAtomic(path, `${JSON.stringify(values, undefined, 1)}\n`);
  return path;
}

export class Volunteering {
  readonly #dataDir: string;
  readonly #chain: Pick<StoreChain, "serve">;

  constructor(dataDir: string, chain: Pick<StoreChain, "serve">) {
    this.#dataDir = dataDir;
    this.#chain = chain;
  }

  /** Serves the groups of all consents from now on. */
  async look(): Promise<void> {
    const names = await readdir(join(this.#dataDir, folderName)).catch(() => []);
    const groups = names.flatMap((name) => /^(0x[0-9a-f]{40})\.json$/.exec(name)?.[1] ?? []);
    for (const group of groups.slice(0, mostGroups)) this.#chain.serve(group as Hex);
  }

  /** @throws Error if the file is damaged */
  async consent(group: Hex): Promise<ConsentGiven | undefined> {
    const given = await volunteeredConsent(this.#dataDir, group);
    if (given === undefined) return undefined;
    this.#chain.serve(group);
    const { operator, committee, listRoot, bytes, price, receiptKey, sequence, deadline, signature } = given;
    return {
      kind: "consented",
      operator,
      committee,
      listRoot,
      bytes: Number(bytes),
      price,
      receiptKey,
      sequence,
      deadline,
      signature: fromHex(signature),
    };
  }
}
