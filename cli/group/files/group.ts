/** The group file (YAML): committee, providers, data and prices; errors have line numbers. */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { parseAmount, type Token } from "../../../client/units.ts";
import { resolveLayers } from "../../../daemon/settings/layers.ts";
import type { Rhythm } from "../../../client/committee-view.ts";
import type { GroupConfig } from "../../../client/group-view.ts";
import { priceFor } from "../../../client/prices.ts";
import { coin } from "../../../client/units.ts";
import { isCommitteeSize } from "../../../protocol/quorum.ts";
import { asUsage } from "../../console/config-options.ts";
import { addressText as address } from "../../../daemon/settings/address.ts";
import { presetNames, presets, type Preset } from "../../chain/presets.ts";

const blocks = z.int().min(1).max(0xffff_ffff);
const decimal = z
  .string('expected an amount in quotes, as in "12.5"')
  .regex(/^\d{1,40}(\.\d+)?$/, 'expected whole tokens in quotes, as in "12.5"');
const priceUnits = z
  .string("expected units in quotes")
  .regex(/^(0|[1-9]\d{0,24})$/, "expected token units in quotes, from 0 up")
  .transform((text) => BigInt(text));
const feeUnits = z
  .string("expected units in quotes")
  .regex(/^(0|[1-9]\d{0,28})$/, "expected token units in quotes, from 0 up")
  .transform((text) => BigInt(text));
const units = z
  .string("expected units in quotes")
  .regex(/^[1-9]\d{0,28}$/, "expected token units in quotes, from 1 up")
  .transform((text) => BigInt(text));

const data = z
  .strictObject({
    files: z.array(z.string().min(1)).min(1).optional(),
    root: z
      .string()
      .regex(/^0x[0-9a-f]{64}$/, "expected a list root: 0x and 64 hex digits")
      .optional(),
    bytes: units.optional(),
  })
  .refine(
    ({ files, root, bytes }) =>
      (root === undefined) === (bytes === undefined) && (files === undefined) === (root !== undefined),
    {
      message: "expected either files, or root and bytes",
    },
  );

const rules = z.strictObject({
  interval: blocks.optional(),
  turn: blocks.optional(),
  slot: blocks.optional(),
  answer: blocks.optional(),
  confirmations: blocks.optional(),
  lockup: blocks.optional(),
});

const member = z
  .array(address)
  .refine((all) => isCommitteeSize(all.length), {
    error: ({ input }) => `expected 3f+1 keepers: 4, 7, 10, … 124; actual ${(input as unknown[]).length}`,
  })
  .refine(
    (all) => new Set(all.map((one) => one.toLowerCase())).size === all.length,
    "a keeper is listed twice",
  );

const provider = z.strictObject({
  operator: address,
  data,
  consent: z.string().min(1).optional(),
  /** Instead of the file's. */
  price: priceUnits.optional(),
  pricePerMonth: decimal.optional(),
});

const schema = z
  .strictObject({
    preset: z.enum(presetNames as [string, ...string[]]).optional(),
    blocks: rules.default({}),
    blockTime_s: z.number().positive().optional(),
    /** Zero or absent: the chain's coin. */
    token: address.optional(),
    price: priceUnits.optional(),
    pricePerMonth: decimal.optional(),
    keeperShareBps: z.int().min(0).max(10_000).default(1_000),
    /** Token units per reserved provider and 65,536 blocks. */
    keeperFee: feeUnits.optional(),
    toleranceBps: z.int().min(0).max(10_000).default(100),
    deposit: decimal.optional(),
    /** Instead of a deposit: the number of months of 30 days that it covers. */
    months: z.number().positive().max(1_200).optional(),
    /** A committee that serves other groups, too. */
    committee: address.optional(),
    /** Or the members of a private committee, with the files of their consents. */
    keepers: member.optional(),
    consents: z.array(z.string().min(1)).optional(),
    /** Providers to reserve. */
    ceiling: z.int().min(1).max(256).optional(),
    providers: z
      .array(provider)
      .min(1)
      .max(256)
      .refine(
        (all) => new Set(all.map(({ operator }) => operator.toLowerCase())).size === all.length,
        "a provider is listed twice",
      ),
  })
  .refine(({ price, pricePerMonth }) => (price === undefined) !== (pricePerMonth === undefined), {
    path: ["price"],
    message:
      "expected one of price (units per 2^64 byte·blocks) and pricePerMonth (tokens per TiB and 30 days)",
  })
  .refine(({ committee, keepers }) => (committee === undefined) !== (keepers === undefined), {
    path: ["keepers"],
    message: "expected one of committee (the address of a shared one) and keepers (of a private one)",
  })
  .refine(({ ceiling, providers }) => ceiling === undefined || ceiling >= providers.length, {
    path: ["ceiling"],
    message: "expected at least the number of providers",
  });

const oneDeposit = schema.refine(({ deposit, months }) => deposit === undefined || months === undefined, {
  path: ["months"],
  message: "expected one of deposit (whole tokens) and months",
});

type Parsed = z.output<typeof schema>;

export type GroupFile = {
  readonly path: string;
  readonly token: string;
  /** Address of a shared committee; undefined for a private one. */
  readonly committee: string | undefined;
  /** Members of a private committee; empty for a shared one. */
  readonly keepers: readonly string[];
  /** Files of the keepers' consents, with absolute paths. */
  readonly consents: readonly string[];
  readonly ceiling: number;
  /** Paths are absolute. */
  readonly providers: Parsed["providers"];
  /** Whole tokens. */
  readonly deposit: string | undefined;
  /** Duration that the deposit covers, if the file gives it instead of an amount. */
  readonly months: number | undefined;
  readonly preset: Preset | undefined;
  readonly blockTime_s: number | undefined;
  readonly rhythm: Rhythm;
  readonly config: GroupConfig;
  /** Price of a provider for a token and a block time, in units per 2^64 byte·blocks. */
  priceOf(provider: Parsed["providers"][number], token: Token, blockTime_s: number): bigint;
};

const wanted = ["interval", "turn", "slot", "answer", "confirmations", "lockup"] as const;

/** @throws CliError exit 2 with the file and the line */
export async function readGroupFile(path: string): Promise<GroupFile> {
  const definition = {
    schema: oneDeposit.refine(hasAllBlocks, {
      path: ["blocks"],
      error: ({ input }) =>
        `missing: ${missingBlocks(input as Parsed).join(", ")}; use a preset, or give them`,
    }),
    settings: [],
  };
  const { config } = await asUsage(() => resolveLayers(definition, { file: path }));
  const preset = presets.find(({ name }) => name === config.preset);
  const folder = dirname(resolve(path));
  const times = { ...preset?.suggested, ...defined(config.blocks) } as Record<
    (typeof wanted)[number],
    number
  >;
  const { lockup, ...rhythm } = times;
  const { keeperShareBps, toleranceBps, keeperFee = 0n } = config;
  const token = config.token ?? coin.address;
  return {
    path,
    token,
    committee: config.committee,
    keepers: config.keepers ?? [],
    consents: (config.consents ?? []).map((file) => resolve(folder, file)),
    ceiling: config.ceiling ?? config.providers.length,
    providers: config.providers.map((one) => absolute(one, folder)),
    deposit: config.deposit,
    months: config.months,
    preset,
    blockTime_s: config.blockTime_s ?? preset?.blockTime_s,
    rhythm: { ...rhythm, toleranceBps },
    config: { token, lockup, keeperShareBps, keeperFee },
    priceOf(one, paid, blockTime_s) {
      const own = one.price !== undefined || one.pricePerMonth !== undefined ? one : config;
      return own.price ?? monthlyPrice(own.pricePerMonth ?? "0", paid, blockTime_s);
    },
  };
}

/** Whole tokens per TiB and month in units per 2^64 byte·blocks. */
export function monthlyPrice(perMonth: string, token: Token, blockTime_s: number): bigint {
  return priceFor({ perMonth: parseAmount(perMonth, token), blockTime_s });
}

function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as Partial<T>;
}

function missingBlocks({ preset, blocks: given }: Parsed): string[] {
  const suggested = presets.find(({ name }) => name === preset)?.suggested;
  return wanted.filter((key) => given[key] === undefined && suggested === undefined);
}

function hasAllBlocks(value: Parsed): boolean {
  return missingBlocks(value).length === 0;
}

function absolute(provider: Parsed["providers"][number], folder: string): Parsed["providers"][number] {
  const { files } = provider.data;
  return {
    ...provider,
    data: {
      ...provider.data,
      ...(files === undefined ? {} : { files: files.map((file) => resolve(folder, file)) }),
    },
    ...(provider.consent === undefined ? {} : { consent: resolve(folder, provider.consent) }),
  };
}
