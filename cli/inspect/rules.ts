/** `inspect turns | spacetime | decide`: applies the protocol's functions to input of the user. */
import { z } from "zod";
import { decideValue } from "../../protocol/median.ts";
import { faultBound, isCommitteeSize, quorum } from "../../protocol/quorum.ts";
import { bySlot, slotRuns, spaceTime } from "../../protocol/spacetime.ts";
import { failedLeaders, leaderOf, turnOrder, turnWindow } from "../../protocol/turns.ts";
import { usageError } from "../console/exit.ts";
import { amount, checkInput, readJsonInput, wholeNumber } from "../console/json-input.ts";
import { printJson, printLine } from "../console/output.ts";

export type TurnsOptions = {
  ts: number;
  interval: number;
  turn: number;
  committeeSeed: string;
  operators: string[];
  turns?: number;
};

type TurnRow = { turn: number; leader: string; from: number; to: number; te: number; failed: string[] };

/** R5–R7 for the first `turns` turns after `ts`; addresses keep the spelling of the input. */
export function turnRows(options: TurnsOptions): TurnRow[] {
  const { operators } = options;
  if (!isCommitteeSize(operators.length)) {
    throw usageError("--operators is not a committee", {
      expected: "3f+1 addresses: 4, 7, 10, … 124 (R2)",
      actual: `${operators.length}`,
    });
  }
  const distinct = new Set(operators.map((operator) => operator.toLowerCase()));
  if (distinct.size !== operators.length) {
    throw usageError("--operators names an address twice", {
      expected: `${operators.length} different addresses`,
      actual: `${distinct.size} different ones`,
    });
  }
  const turns = options.turns ?? operators.length;
  const last = turnWindow(options.ts, options, turns);
  if (!Number.isSafeInteger(last.to)) {
    throw usageError("the turns exceed the largest block number", {
      expected: "last block below 2^53",
      actual: `about ${last.to}`,
    });
  }
  const order = turnOrder(options.ts, options.committeeSeed, operators);
  const f = faultBound(operators.length);
  const name = (index: number): string => operators[index] as string;
  return Array.from({ length: turns }, (_, i) => {
    const turn = i + 1;
    const { te, from, to } = turnWindow(options.ts, options, turn);
    return {
      turn,
      leader: name(leaderOf(order, turn)),
      from,
      to,
      te,
      failed: failedLeaders(order, turn, f).map(name),
    };
  });
}

export function inspectTurns(options: TurnsOptions & { json?: true }): void {
  const turns = turnRows(options);
  if (options.json) {
    printJson({ turns });
    return;
  }
  for (const { turn, leader, from, to, te, failed } of turns) {
    const lapsed = failed.length === 0 ? "no failed leaders" : `failed: ${failed.join(", ")}`;
    printLine(
      `turn ${turn}: ${leader} leads in blocks ${from} to ${to - 1}, settles through ${te}; ${lapsed}`,
    );
  }
}

const record = z.strictObject({
  slot: wholeNumber(),
  bytes: amount.optional(),
  failed: z.string().min(1).optional(),
});

const spaceTimeInput = z
  .strictObject({
    slotBlocks: wholeNumber(1),
    fromSlot: wholeNumber(),
    toSlot: wholeNumber(),
    before: amount.optional(),
    committed: z.union([amount, z.array(z.strictObject({ fromSlot: wholeNumber(), bytes: amount }))]),
    records: z.array(record),
  })
  .superRefine((input, context) => {
    const complain = (path: PropertyKey[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    if (input.toSlot < input.fromSlot)
      complain(["toSlot"], `expected at least fromSlot ${input.fromSlot}, actual ${input.toSlot}`);
    const slots = new Set<number>();
    input.records.forEach(({ slot, bytes, failed }, i) => {
      if (slots.has(slot))
        complain(["records", i, "slot"], `a second record of slot ${slot}; expected one a slot (R13)`);
      slots.add(slot);
      if (slot < input.fromSlot || slot >= input.toSlot) {
        complain(
          ["records", i, "slot"],
          `expected a slot in [${input.fromSlot}, ${input.toSlot}), actual ${slot}`,
        );
      }
      if ((bytes === undefined) === (failed === undefined)) {
        complain(["records", i], "expected either bytes or failed");
      }
    });
    if (typeof input.committed === "bigint") return;
    const steps = new Set<number>();
    input.committed.forEach(({ fromSlot }, i) => {
      if (steps.has(fromSlot))
        complain(["committed", i, "fromSlot"], `a second commitment from slot ${fromSlot}`);
      steps.add(fromSlot);
    });
  });

/** Space-time (R14) of a document. */
export function spaceTimeOf(document: unknown, source: string): bigint {
  const input = checkInput(source, spaceTimeInput, document);
  const committed =
    typeof input.committed === "bigint" ? [{ fromSlot: 0, bytes: input.committed }] : input.committed;
  const range = {
    fromSlot: input.fromSlot,
    toSlot: input.toSlot,
    before: input.before ?? 0n,
    committed,
    records: bySlot(input.records.map(({ slot, bytes }) => ({ slot, bytes: bytes ?? 0n }))),
  };
  return spaceTime(slotRuns(range), (from, to) => (to - from) * input.slotBlocks);
}

export async function inspectSpaceTime({ file, json }: { file: string; json?: true }): Promise<void> {
  const total = spaceTimeOf(await readJsonInput(file, z.unknown()), file);
  if (json) printJson({ spaceTime: total });
  else printLine(`${total} byte·blocks`);
}

const providerKey = z
  .string()
  .regex(/^(0|[1-9]\d{0,9})$/, "expected a provider index")
  .refine((text) => Number(text) <= 0xffff_ffff, "expected a provider index below 2^32");

const decideInput = z
  .strictObject({
    n: wholeNumber().refine(isCommitteeSize, "expected a committee of 3f+1 keepers: 4, 7, 10, … 124 (R2)"),
    toleranceBps: wholeNumber(0, 10_000),
    reveals: z.array(z.strictObject({ keeper: wholeNumber(), values: z.record(providerKey, amount) })),
  })
  .superRefine((input, context) => {
    const complain = (path: PropertyKey[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    const { n, reveals } = input;
    if (!isCommitteeSize(n)) return;
    if (reveals.length < quorum(n) || reveals.length > n) {
      complain(["reveals"], `expected ${quorum(n)} (quorum) to ${n} of them, actual ${reveals.length}`);
    }
    const keepers = new Set<number>();
    const providersOf = (values: object): string => Object.keys(values).sort().join(",");
    const providers = reveals[0] === undefined ? "" : providersOf(reveals[0].values);
    reveals.forEach(({ keeper, values }, i) => {
      if (keeper >= n) complain(["reveals", i, "keeper"], `expected an index below ${n}, actual ${keeper}`);
      if (keepers.has(keeper)) complain(["reveals", i, "keeper"], `keeper ${keeper} reveals twice`);
      keepers.add(keeper);
      if (providersOf(values) !== providers) {
        complain(
          ["reveals", i, "values"],
          `expected the providers of the first reveal (${providers}), actual ${providersOf(values)}`,
        );
      }
    });
  });

type Decisions = Record<string, { value: bigint; agreed: boolean }>;

/** Decision (R22) for every provider of a document. */
export function decisionsOf(document: unknown, source: string): Decisions {
  const { n, toleranceBps, reveals } = checkInput(source, decideInput, document);
  const providers = Object.keys(reveals[0]?.values ?? {}).sort((a, b) => Number(a) - Number(b));
  return Object.fromEntries(
    providers.map((provider) => {
      const values = reveals.map((reveal) => reveal.values[provider] as bigint);
      return [provider, decideValue(values, faultBound(n), toleranceBps)];
    }),
  );
}

export async function inspectDecide({ file, json }: { file: string; json?: true }): Promise<void> {
  const decisions = decisionsOf(await readJsonInput(file, z.unknown()), file);
  if (json) {
    printJson({ decisions });
    return;
  }
  for (const [provider, { value, agreed }] of Object.entries(decisions)) {
    printLine(
      `provider ${provider}: ${value} byte·blocks, ${agreed ? "agreed" : "disputed: the keepers exchange records (R24)"}`,
    );
  }
}
