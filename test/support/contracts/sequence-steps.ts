/** Random calls of a group, and the weight of each. */
import fc from "fast-check";
import type { Model } from "../../../sim/chain/contract-model.ts";
import { unitsFor } from "../../../sim/chain/contract-rules.ts";

export type Step =
  | { kind: "deposit"; amount: bigint }
  | { kind: "fund"; permille: number }
  | { kind: "withdraw"; permille: number }
  | { kind: "resize" | "add"; who: number; size: bigint }
  | { kind: "remove" | "pull" | "collect" | "touch"; who: number }
  | { kind: "settle"; choice: Choice }
  | { kind: "mine"; blocks: number }
  | { kind: "pullKeeper"; version: number; who: number }
  | { kind: "abandon"; wait: boolean; byProvider: boolean }
  | { kind: "terminate" }
  | SuccessionStep;

export type SuccessionStep =
  | { kind: "accept" | "cancel" }
  | { kind: "propose"; offset: number; large: boolean };

/** The content of a settlement; an index counts modulo the number of keepers or providers. */
export type Choice = {
  lapsed: number;
  leader: number;
  sender: number;
  failedFrom: number;
  payees: number;
  absent: number;
  permilles: number[];
  flaw: "none" | "early" | "sender" | "count";
};

/** Stands for a provider that does not exist: the call must be refused. */
export const nobody = -1;
const who = fc.oneof({ weight: 19, arbitrary: fc.nat(11) }, { weight: 1, arbitrary: fc.constant(nobody) });
const size = fc.bigInt(1n, 1n << 34n);
const choice: fc.Arbitrary<Choice> = fc.record({
  lapsed: fc.constantFrom(0, 0, 0, 1, 2, 4),
  leader: fc.nat(6),
  sender: fc.nat(6),
  failedFrom: fc.nat(6),
  payees: fc.nat(127),
  absent: fc.nat(6),
  permilles: fc.array(fc.constantFrom(0, 1, 500, 999, 1000, 1000, 1250), { minLength: 12, maxLength: 12 }),
  flaw: fc.constantFrom("none", "none", "none", "none", "early", "sender", "count"),
});

/** Adds the first providers, after a deposit of `times` the money that R32 requires for them. */
export function beginning({ config }: Model, times: bigint): Step[] {
  const sizes = [3n << 30n, 12_345_678_901n];
  const bytes = sizes.reduce((a, b) => a + b, 0n);
  const amount = times * (unitsFor(bytes * BigInt(config.lockup), config.price) + 1n);
  return [{ kind: "deposit", amount }, ...sizes.map((size, who): Step => ({ kind: "add", who, size }))];
}

/** Most steps are those of a running group; the steps that end it are rare. */
export const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("settle" as const), choice }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("deposit" as const), amount: fc.bigInt(0n, 1n << 34n) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("fund" as const),
      permille: fc.constantFrom(1, 300, 1000, 2000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("withdraw" as const), permille: fc.nat(1100) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("add" as const, "resize" as const), who, size }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("remove", "pull", "collect", "touch", "pull"), who }),
  } as fc.WeightedArbitrary<Step>,
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("mine" as const), blocks: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pullKeeper" as const), version: fc.nat(3), who }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("abandon" as const),
      wait: fc.boolean(),
      byProvider: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("propose" as const), offset: fc.nat(3), large: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("accept" as const) }) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom("terminate" as const, "cancel" as const, "cancel" as const, "mine" as const)
      .map((kind): Step => (kind === "mine" ? { kind, blocks: 1 } : { kind })),
  },
);
