/** The file of a committee that is to be made: rhythm, terms, members and their consents. */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import type { Rhythm, Terms } from "../../client/committee-view.ts";
import { coin } from "../../client/units.ts";
import { addressText as address } from "../../daemon/settings/address.ts";
import { resolveLayers } from "../../daemon/settings/layers.ts";
import { isCommitteeSize } from "../../protocol/quorum.ts";
import { presetNames, presets } from "../chain/presets.ts";
import { asUsage } from "../console/config-options.ts";

const block = z.int().min(0).max(1_000_000_000);
const rhythmNames = ["interval", "turn", "slot", "answer", "confirmations"] as const;

const schema = z
  .strictObject({
    /** Blocks that `blocks` does not name are those that the preset suggests. */
    preset: z.enum(presetNames as [string, ...string[]]).optional(),
    blocks: z
      .strictObject({
        interval: block.optional(),
        turn: block.optional(),
        slot: block.optional(),
        answer: block.optional(),
        confirmations: block.optional(),
      })
      .default({}),
    toleranceBps: z.int().min(0).max(10_000).default(100),
    /** Zero or absent: the chain's coin. */
    token: address.optional(),
    /** Token units per reserved provider and 65,536 blocks. */
    leastKeeperFee: z
      .string("expected units in quotes")
      .regex(/^(0|[1-9]\d{0,28})$/, "expected token units in quotes, from 0 up")
      .transform((text) => BigInt(text)),
    leastKeeperShareBps: z.int().min(0).max(10_000).default(1_000),
    mostProviders: z.int().min(1).max(4_294_967_295),
    /** False: the convener lets each group in. */
    open: z.boolean().default(true),
    keepers: z
      .array(address)
      .refine((all) => isCommitteeSize(all.length), {
        error: ({ input }) => `expected 3f+1 keepers: 4, 7, 10, … 124; actual ${(input as unknown[]).length}`,
      })
      .refine(
        (all) => new Set(all.map((one) => one.toLowerCase())).size === all.length,
        "a keeper is listed twice",
      ),
    /** Files of signed consents; keepers without one consent later. */
    consents: z.array(z.string().min(1)).default([]),
  })
  .refine(({ open, leastKeeperFee }) => !open || leastKeeperFee > 0n, {
    path: ["leastKeeperFee"],
    message: "expected above 0 in a committee that is open to any group (R38)",
  })
  .refine((value) => missingBlocks(value).length === 0, {
    path: ["blocks"],
    error: ({ input }) =>
      `missing: ${missingBlocks(input as Pick<Parsed, "preset" | "blocks">).join(", ")}; use a preset, or give them`,
  });

type Blocks = Partial<Record<(typeof rhythmNames)[number], number | undefined>>;
type Parsed = { readonly preset?: string | undefined; readonly blocks: Blocks };

function suggestedBlocks({ preset }: Pick<Parsed, "preset">): Blocks {
  return presets.find(({ name }) => name === preset)?.suggested ?? {};
}

function missingBlocks(file: Parsed): string[] {
  const suggested = suggestedBlocks(file);
  return rhythmNames.filter((name) => (file.blocks[name] ?? suggested[name]) === undefined);
}

export type CommitteeFile = {
  readonly rhythm: Rhythm;
  readonly terms: Terms;
  readonly operators: readonly string[];
  /** Absolute paths. */
  readonly consents: readonly string[];
};

/** @throws CliError exit 2 with the file and the line */
export async function readCommitteeFile(path: string): Promise<CommitteeFile> {
  const { config } = await asUsage(() => resolveLayers({ schema, settings: [] }, { file: path }));
  const suggested = suggestedBlocks(config);
  const of = (name: (typeof rhythmNames)[number]): number => config.blocks[name] ?? suggested[name] ?? 0;
  const { toleranceBps, leastKeeperFee, leastKeeperShareBps, mostProviders, open } = config;
  return {
    rhythm: {
      interval: of("interval"),
      turn: of("turn"),
      slot: of("slot"),
      answer: of("answer"),
      confirmations: of("confirmations"),
      toleranceBps,
    },
    terms: {
      token: config.token ?? coin.address,
      leastKeeperFee,
      leastKeeperShareBps,
      mostProviders,
      open,
    },
    operators: config.keepers,
    consents: config.consents.map((file) => resolve(dirname(resolve(path)), file)),
  };
}
