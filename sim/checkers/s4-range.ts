/**
 * S4: with at most f liars a provider is paid within the range of what honest keepers integrated for that turn, give or take
 * the tolerance, and never above what it committed (R16).
 */
import { faultBound } from "../../protocol/quorum.ts";
import { leavesOf } from "./disk.ts";
import { liars } from "./checker.ts";
import type { MemoryStore } from "../keepers/memory-store.ts";
import type { Fired } from "../scenario/strike.ts";
import type { Checker, Run, Violation } from "./checker.ts";

/**
 * Whether it is the provider's own failure. One whose first call a keeper's clock cuts answers in time, by blocks (R13), and a piece
 * list that it withholds from one keeper is served by the others (R10).
 */
function failsAt({ fault }: Fired, provider: number): boolean {
  const answers = fault.kind === "hang" || fault.kind === "withhold-list";
  return "provider" in fault && fault.provider === provider && !answers;
}

/**
 * A provider that never failed is owed all it committed, as long as no more than f keepers ever did: an outage of a keeper
 * costs no provider anything (R14). In the first interval nothing is carried in.
 */
function owedInFull({ fired, scenario, cluster }: Run, provider: number, ts: number, te: number): boolean {
  if (ts === cluster.options.params.originBlock) return false;
  const before = fired.filter(({ block, fault }) => block < te && fault.kind !== "under-funded");
  if (before.some((one) => failsAt(one, provider))) return false;
  const hurt = new Set(before.flatMap(({ keepers }) => keepers));
  return hurt.size <= faultBound(scenario.committee);
}

/** What a keeper committed to, on its own disk or on a copy of it. */
function integratedOf({ cluster }: Run, keeper: number): MemoryStore["integrated"] {
  return cluster.processes.flatMap((one) => (one.keeper === keeper ? one.seat.store.integrated : []));
}

/**
 * Sums over the slots of [ts, te) of the least and of the most that any of these keepers counts for a slot (R14), from what was on
 * its disk when it committed.
 */
function slotBySlot(
  run: Run,
  keepers: readonly number[],
  provider: number,
  ts: number,
  te: number,
): { readonly low: bigint; readonly high: bigint } | undefined {
  const counted = new Map<number, bigint[]>();
  for (const { keeper, seat } of run.cluster.processes) {
    const own = seat.store.integrated.find((one) => one.ts === ts && one.te === te);
    if (own === undefined || !keepers.includes(keeper)) continue;
    for (const before of ["capped", "uncapped"] as const) {
      for (const one of leavesOf(run, seat.store, { provider, ts, te, at_ms: own.at_ms, before }))
        counted.set(one.slot, [...(counted.get(one.slot) ?? []), one.counted]);
    }
  }
  if (counted.size === 0) return undefined;
  const blocks = BigInt(run.cluster.options.params.slot);
  const sum = (of: (bytes: readonly bigint[]) => bigint): bigint =>
    [...counted.values()].reduce((total, bytes) => total + of(bytes), 0n) * blocks;
  return {
    low: sum((bytes) => bytes.reduce((a, b) => (b < a ? b : a))),
    high: sum((bytes) => bytes.reduce((a, b) => (b > a ? b : a))),
  };
}

/**
 * R14: an outage of a keeper costs no provider anything, in its own eyes too. Asked of keepers that had seen the provider before
 * the first of their outages, in intervals after the first.
 */
function costlyOutages(run: Run, lying: ReadonlySet<number>): Violation[] {
  const { cluster, fired } = run;
  const { originBlock, interval } = cluster.options.params;
  const early = fired.filter(
    ({ block, fault }) => block < originBlock + interval || fault.kind === "old-data",
  );
  const blind = new Set(early.flatMap(({ keepers }) => keepers));
  return cluster.chain.settled.flatMap(({ settlement: { ts, te, items }, block, before }) =>
    cluster.chain.seatsOf(before.active).flatMap((keeper) => {
      if (ts === originBlock || lying.has(keeper) || blind.has(keeper)) return [];
      if (keeper >= cluster.options.committee) return [];
      const own = integratedOf(run, keeper).find((o) => o.ts === ts && o.te === te);
      return (own?.values ?? []).flatMap(({ provider, value }) => {
        const one = before.providers[provider];
        const failed = fired.some((one) => one.block < te && failsAt(one, provider));
        if (one === undefined || failed || !items.some((item) => item.provider === provider)) return [];
        const whole = before.committed(one, ts, te);
        if (value >= whole) return [];
        const text = `keeper ${keeper} integrated ${value} for provider ${provider}, who never failed and is owed ${whole}`;
        return [{ checker: "S4", block, text }];
      });
    }),
  );
}

export const range: Checker = {
  name: "S4",
  check(run) {
    const { cluster, scenario } = run;
    const lying = liars(run);
    const costly = costlyOutages(run, lying);
    if (costly.length > 0) return costly;
    if (lying.size > faultBound(scenario.committee)) return [];
    const tolerance = BigInt(scenario.params.toleranceBps);
    return cluster.chain.settled.flatMap(({ settlement, block, before }) => {
      const { ts, te, items } = settlement;
      const seats = cluster.chain.seatsOf(before.active);
      return items.flatMap(({ provider, spaceTime }) => {
        const one = before.providers[provider];
        if (one === undefined)
          return [{ checker: "S4", block, text: `pays provider ${provider}, who is none` }];
        const honest = cluster.seats.flatMap((_, keeper) => {
          if (lying.has(keeper) || !seats.includes(keeper)) return [];
          const own = integratedOf(run, keeper).find((o) => o.ts === ts && o.te === te);
          return own?.values.filter((v) => v.provider === provider).map((v) => v.value) ?? [];
        });
        if (honest.length === 0) return [];
        const whole = before.committed(one, ts, te);
        if (owedInFull(run, provider, ts, te) && spaceTime < whole) {
          const text = `provider ${provider} held all its data: expected ${whole}, actual ${spaceTime}`;
          return [{ checker: "S4", block, text }];
        }
        let low = honest.reduce((a, b) => (b < a ? b : a));
        let high = honest.reduce((a, b) => (b > a ? b : a));
        if (high * 10_000n > low * (10_000n + tolerance)) {
          // They may have exchanged records: each slot then counts what lies between the honest keepers' bytes for it.
          const honestSeats = seats.filter((keeper) => !lying.has(keeper));
          const sums = slotBySlot(run, honestSeats, provider, ts, te);
          if (sums !== undefined && sums.low < low) low = sums.low;
          if (sums !== undefined && sums.high > high) high = sums.high;
        }
        const fits = spaceTime * 10_000n >= low * (10_000n - tolerance);
        if (fits && spaceTime * 10_000n <= high * (10_000n + tolerance)) return [];
        const text = `provider ${provider}: expected ${low} to ${high}, actual ${spaceTime}`;
        return [{ checker: "S4", block, text }];
      });
    });
  },
};
