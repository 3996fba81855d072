/** The group file (YAML): keepers, providers, data and price; errors have line numbers. */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { parseAmount, type Token } from "../../../client/units.ts";
import { resolveLayers } from "../../../daemon/settings/layers.ts";
import type { GroupRules } from "../../../client/group-view.ts";
import { coin, month_s } from "../../../client/units.ts";
import { asUsage } from "../../console/config-options.ts";
import { addressText as address } from "../../../daemon/settings/address.ts";
import { presetNames, presets, type Preset } from "../../chain/presets.ts";

const blocks = z.int().min(1).max(0xffff_ffff);
const decimal = z
  .string('expected an amount in quotes, as in "12.5"')
  .regex(/^\d{1,40}(\.\d+)?$/, 'expected whole tokens in quotes, as in "12.5"');
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

const schema = z
  .strictObject({
    preset: z.enum(presetNames as [string, ...string[]]).optional(),
    blocks: rules.default({}),
    blockTime_s: z.number().positive().optional(),
    /** Zero or absent: the chain's coin. */
    token: address.optional(),
    price: units.optional(),
    pricePerMonth: decimal.optional(),
    keeperShareBps: z.int().min(0).max(10_000).default(1_000),
    toleranceBps: z.int().min(0).max(10_000).default(100),
    deposit: decimal.optional(),
    /** Instead of a deposit: the number of months of 30 days that it covers. */
    months: z.number().positive().max(1_200).optional(),
    keepers: z
      .array(address)
      .refine((all) => all.length >= 4 && all.length <= 124 && all.length % 3 === 1, {
        error: ({ input }) => `expected 3f+1 keepers: 4, 7, 10, … 124; actual ${(input as unknown[]).length}`,
      })
      .refine(
        (all) => new Set(all.map((one) => one.toLowerCase())).size === all.length,
        "a keeper is listed twice",
      ),
    providers: z
      .array(z.strictObject({ operator: address, data, consent: z.string().min(1).optional() }))
      .min(1)
      .max(256)
      .refine(
        (all) => new Set(all.map(({ operator }) => operator.toLowerCase())).size === all.length,
        "a provider is listed twice",
      ),
  })
  .refine(({ price, pricePerMonth }) => (price === undefined) !== (pricePerMonth === undefined), {
    path: ["price"],
    message: "expected one of price (units per GiB and block) and pricePerMonth (tokens per GiB and 30 days)",
  });

const oneDeposit = schema.refine(({ deposit, months }) => deposit === undefined || months === undefined, {
  path: ["months"],
  message: "expected one of deposit (whole tokens) and months",
});

type Parsed = z.output<typeof schema>;

export type GroupFile = {
  readonly path: string;
  readonly token: string;
  readonly keepers: readonly string[];
  /** Paths are absolute. */
  readonly providers: Parsed["providers"];
  /** Whole tokens. */
  readonly deposit: string | undefined;
  /** Duration that the deposit covers, if the file gives it instead of an amount. */
  readonly months: number | undefined;
  readonly preset: Preset | undefined;
  readonly blockTime_s: number | undefined;
  /** The parameters of the group for a token and a block time. */
  rulesFor(token: Token, blockTime_s: number): GroupRules;
};

const wanted = ["interval", "turn", "slot", "answer", "confirmations", "lockup"] as const;

/** Units per GiB and block for whole tokens per GiB and month, rounded to the nearest. */
export function pricePerBlock(perMonth: string, token: Token, blockTime_s: number): bigint {
  const monthly = parseAmount(perMonth, token);
  const blocksAMonth = BigInt(Math.round(month_s / blockTime_s));
  return (2n * monthly + blocksAMonth) / (2n * blocksAMonth);
}

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
  return {
    path,
    token: config.token ?? coin.address,
    keepers: config.keepers,
    providers: config.providers.map((provider) => absolute(provider, folder)),
    deposit: config.deposit,
    months: config.months,
    preset,
    blockTime_s: config.blockTime_s ?? preset?.blockTime_s,
    rulesFor(token, blockTime_s) {
      const { price = pricePerBlock(config.pricePerMonth ?? "0", token, blockTime_s) } = config;
      const { keeperShareBps, toleranceBps } = config;
      return { token: token.address, price, ...times, keeperShareBps, toleranceBps, merkle: false };
    },
  };
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
