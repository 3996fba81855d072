/**
 * S4: with at most f Byzantine keepers a provider is paid for space-time within the range of the honest keepers' values, extended
 * by the tolerance, and never for more than it committed (R16).
 */
import { faultBound } from "../../protocol/quorum.ts";
import type { Settled } from "../chain/chain-model.ts";
import { leavesOf } from "./disk.ts";
import { liars } from "./checker.ts";
import type { MemoryStore } from "../keepers/memory-store.ts";
import type { Fired } from "../scenario/strike.ts";
import type { Checker, Run, Violation } from "./checker.ts";

/**
 * Whether a fault makes a provider fail challenges. `hang` does not: the second call is answered in time by blocks (R13).
 * `withhold-list` does not: other keepers serve the list (R10).
 */
function failsAt({ fault }: Fired, provider: number): boolean {
  const answers = fault.kind === "hang" || fault.kind === "withhold-list";
  return "provider" in fault && fault.provider === provider && !answers;
}

/**
 * R14: a provider that never failed is owed all that it committed if at most f keepers ever failed, since an outage of a keeper
 * costs no provider anything. In the first interval no bytes are carried in.
 */
function owedInFull({ fired, scenario, cluster }: Run, provider: number, ts: number, te: number): boolean {
  if (ts === cluster.options.params.originBlock) return false;
  const before = fired.filter(({ block, fault }) => block < te && fault.kind !== "under-funded");
  if (before.some((one) => failsAt(one, provider))) return false;
  const hurt = new Set(before.flatMap(({ keepers }) => keepers));
  return hurt.size <= faultBound(scenario.committee);
}

/** Values that the processes of a keeper committed to. */
function integratedOf({ cluster }: Run, keeper: number): MemoryStore["integrated"] {
  return cluster.processes.flatMap((one) => (one.keeper === keeper ? one.seat.store.integrated : []));
}

/**
 * Sums over the slots of [ts, te) of the least and of the most bytes that any of these keepers counts for a slot (R14), from the
 * records on its disk when it committed.
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
 * R14: an outage of a keeper costs no provider anything, in its own values too. This holds for keepers that had challenged the
 * provider before their first outage, in intervals after the first.
 */
function costlyOutages(run: Run, lying: ReadonlySet<number>): Violation[] {
  const { cluster, fired } = run;
  const { originBlock, interval } = cluster.options.params;
  const early = fired.filter(
    ({ block, fault }) => block < originBlock + interval || fault.kind === "old-data",
  );
  const blind = new Set(early.flatMap(({ keepers }) => keepers));
  const isAsked = (keeper: number): boolean =>
    keeper < cluster.options.committee && !lying.has(keeper) && !blind.has(keeper);
  return cluster.chain.settled.flatMap((settled) => {
    const { settlement, block, before } = settled;
    if (settlement.ts === originBlock) return [];
    const keepers = cluster.chain.seatsOf(before.active).filter(isAsked);
    return keepers
      .flatMap((keeper) => tooLow(run, settled, keeper))
      .map((text) => ({ checker: "S4", block, text }));
  });
}

/** Values of a keeper that are below what a provider is owed that never failed. */
function tooLow(run: Run, { settlement, before }: Settled, keeper: number): string[] {
  const { ts, te, items } = settlement;
  const own = integratedOf(run, keeper).find((one) => one.ts === ts && one.te === te);
  return (own?.values ?? []).flatMap(({ provider, value }) => {
    const one = before.providers[provider];
    const failed = run.fired.some((fired) => fired.block < te && failsAt(fired, provider));
    if (one === undefined || failed || !items.some((item) => item.provider === provider)) return [];
    const whole = before.committed(one, ts, te);
    if (value >= whole) return [];
    return [
      `keeper ${keeper} integrated ${value} for provider ${provider}, which never failed and is owed ${whole}`,
    ];
  });
}

/** The least and the most that honest keepers count for a provider over an interval; undefined: none of them counts anything. */
function honestRange(
  run: Run,
  { settlement, before }: Settled,
  provider: number,
  lying: ReadonlySet<number>,
): { readonly low: bigint; readonly high: bigint } | undefined {
  const { ts, te } = settlement;
  const honest = run.cluster.chain.seatsOf(before.active).filter((keeper) => !lying.has(keeper));
  const values = honest.flatMap((keeper) => {
    const own = integratedOf(run, keeper).find((one) => one.ts === ts && one.te === te);
    return own?.values.filter((one) => one.provider === provider).map(({ value }) => value) ?? [];
  });
  if (values.length === 0) return undefined;
  const low = values.reduce((a, b) => (b < a ? b : a));
  const high = values.reduce((a, b) => (b > a ? b : a));
  const tolerance = BigInt(run.scenario.params.toleranceBps);
  if (high * 10_000n <= low * (10_000n + tolerance)) return { low, high };
  // R24: keepers may have exchanged records, and each slot then counts a value within the honest keepers' range for that slot.
  const sums = slotBySlot(run, honest, provider, ts, te);
  if (sums === undefined) return { low, high };
  return { low: sums.low < low ? sums.low : low, high: sums.high > high ? sums.high : high };
}

/** The reason why the space-time that a settlement pays a provider for is wrong; undefined: it is right. */
function itemFault(
  run: Run,
  settled: Settled,
  { provider, spaceTime }: Settled["settlement"]["items"][number],
  lying: ReadonlySet<number>,
): string | undefined {
  const { settlement, before } = settled;
  const { ts, te } = settlement;
  const one = before.providers[provider];
  if (one === undefined) return `pays provider ${provider}, which does not exist`;
  const range = honestRange(run, settled, provider, lying);
  if (range === undefined) return undefined;
  const whole = before.committed(one, ts, te);
  if (owedInFull(run, provider, ts, te) && spaceTime < whole) {
    return `provider ${provider} held all its data: expected ${whole}, actual ${spaceTime}`;
  }
  const tolerance = BigInt(run.scenario.params.toleranceBps);
  const { low, high } = range;
  const isAbove = spaceTime * 10_000n >= low * (10_000n - tolerance);
  if (isAbove && spaceTime * 10_000n <= high * (10_000n + tolerance)) return undefined;
  return `provider ${provider}: expected ${low} to ${high}, actual ${spaceTime}`;
}

export const range: Checker = {
  name: "S4",
  check(run) {
    const lying = liars(run);
    const costly = costlyOutages(run, lying);
    if (costly.length > 0) return costly;
    if (lying.size > faultBound(run.scenario.committee)) return [];
    return run.cluster.chain.settled.flatMap((settled) =>
      settled.settlement.items.flatMap((item) => {
        const text = itemFault(run, settled, item, lying);
        return text === undefined ? [] : [{ checker: "S4", block: settled.block, text }];
      }),
    );
  },
};
