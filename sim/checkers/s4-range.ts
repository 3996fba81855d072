/**
 * S4: with at most f Byzantine keepers a provider is paid for space-time within the range of the honest keepers' values, extended
 * by the tolerance, and never for more than it committed (R16).
 */
import { slotAt } from "../../protocol/committee.ts";
import { faultBound } from "../../protocol/quorum.ts";
import type { Certified } from "../chain/chain-model.ts";
import { addressOfCommittee } from "../chain/snapshots.ts";
import { leavesOf, recordsOf } from "./disk.ts";
import { scopeThen } from "./scope.ts";
import { groupName } from "../group-names.ts";
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
function owedInFull(run: Run, about: About): boolean {
  const { fired, scenario } = run;
  const { provider, te } = about;
  if (isNew(run, about)) return false;
  const before = fired.filter(({ block, fault }) => block < te && !ofPayers.has(fault.kind));
  if (before.some((one) => failsAt(one, provider))) return false;
  const hurt = new Set(before.flatMap(({ keepers }) => keepers));
  return hurt.size <= faultBound(scenario.committee);
}

/** Faults that concern money and memberships alone. */
const ofPayers: ReadonlySet<string> = new Set(["under-funded", "shortage", "join", "move", "release"]);

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
  { committee, group, provider, ts, te }: About,
): { readonly low: bigint; readonly high: bigint } | undefined {
  const counted = new Map<number, bigint[]>();
  const blocksOf = new Map<number, number>();
  for (const { keeper, seat } of run.cluster.processes) {
    const own = seat.store.integrated.find((one) => isOf(one, committee) && one.ts === ts && one.te === te);
    if (own === undefined || !keepers.includes(keeper)) continue;
    for (const before of ["capped", "uncapped"] as const) {
      const asked = { committee, group, provider, ts, te, at_ms: own.at_ms, before };
      for (const one of leavesOf(run, seat.store, asked)) {
        counted.set(one.slot, [...(counted.get(one.slot) ?? []), one.counted]);
        blocksOf.set(one.slot, one.blocks);
      }
    }
  }
  if (counted.size === 0) return undefined;
  const sum = (of: (bytes: readonly bigint[]) => bigint): bigint =>
    [...counted].reduce((total, [slot, bytes]) => total + of(bytes) * BigInt(blocksOf.get(slot) ?? 0), 0n);
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
  const { interval } = cluster.options.params;
  const last = cluster.chain.paramsOf(cluster.chain.committees - 1).originBlock;
  const early = fired.filter(({ block, fault }) => block < last + interval || fault.kind === "old-data");
  const blind = new Set(early.flatMap(({ keepers }) => keepers));
  const isAsked = (keeper: number): boolean =>
    keeper < cluster.options.committee && !lying.has(keeper) && !blind.has(keeper);
  return cluster.chain.certified.flatMap((certified) => {
    const { committee, certificate, block } = certified;
    if (certificate.ts === cluster.chain.paramsOf(committee).originBlock) return [];
    const keepers = cluster.chain.seatsOf(committee, certificate.version).filter(isAsked);
    return keepers
      .flatMap((keeper) => tooLow(run, certified, keeper))
      .map((text) => ({ checker: "S4", block, text }));
  });
}

/** A provider of a group in one interval of a committee. */
type About = {
  readonly committee: number;
  readonly group: number;
  readonly provider: number;
  readonly ts: number;
  readonly te: number;
};

function isOf(one: MemoryStore["integrated"][number], committee: number): boolean {
  return one.committee === addressOfCommittee(committee);
}

type OwnValues = MemoryStore["integrated"][number]["values"];
const known = new WeakMap<Run, Map<string, OwnValues>>();

/** A keeper's own values of an interval, of a run that is over. */
function ownValues(
  run: Run,
  keeper: number,
  { committee, ts, te }: Omit<About, "group" | "provider">,
): OwnValues {
  const all = known.get(run) ?? new Map<string, OwnValues>();
  known.set(run, all);
  const key = `${keeper}/${committee}/${ts}/${te}`;
  let values = all.get(key);
  if (values === undefined) {
    const own = integratedOf(run, keeper).find(
      (one) => isOf(one, committee) && one.ts === ts && one.te === te,
    );
    values = own?.values ?? [];
    all.set(key, values);
  }
  return values;
}

/** Whether the group's membership began with or after this interval, so that no bytes were carried into its first slot. */
function isNew(
  { cluster }: Run,
  { committee, group, ts }: Pick<About, "committee" | "group" | "ts">,
): boolean {
  const membership = cluster.chain.committeeAt(committee).membership(group);
  return membership === undefined || membership.entered >= ts;
}

/** Space-time that a provider committed by slots, as R14 caps it. */
function wholeOf(run: Run, { committee, group, provider, ts, te }: About): bigint {
  const one = scopeThen(run, committee, ts, te).find((o) => o.group === group && o.provider === provider);
  return (one?.slots ?? []).reduce((sum, { bytes, blocks }) => sum + bytes * BigInt(blocks), 0n);
}

/** Values of a keeper that are below what a provider is owed that never failed. */
function tooLow(run: Run, { committee, certificate, groups }: Certified, keeper: number): string[] {
  const { ts, te } = certificate;
  const certifiedNames = new Set(
    groups.flatMap(({ number, items }) => items.map((i) => `${number}/${i.provider}`)),
  );
  return ownValues(run, keeper, { committee, ts, te }).flatMap(({ group, provider, value }) => {
    const about = { committee, group, provider, ts, te };
    const failed = run.fired.some((fired) => fired.block < te && failsAt(fired, provider));
    if (failed || isNew(run, about) || !certifiedNames.has(`${group}/${provider}`)) return [];
    if (missedTheBegin(run, keeper, about)) return [];
    const whole = wholeOf(run, about);
    if (value >= whole) return [];
    return [
      `keeper ${keeper} integrated ${value} for ${groupName(run.cluster.chain, committee, group)}, provider ${provider}, which never failed and is owed ${whole}`,
    ];
  });
}

/** R14: whether an outage left the keeper without a record of the provider before this interval, so that it has no bytes to carry. */
function missedTheBegin({ cluster, fired }: Run, keeper: number, about: About): boolean {
  const { committee, group, provider, ts } = about;
  if (!fired.some(({ block, keepers }) => block < ts && keepers.includes(keeper))) return false;
  const first = slotAt(cluster.chain.paramsOf(committee), ts);
  return cluster.processes
    .filter((one) => one.keeper === keeper)
    .every(({ seat }) => {
      const slots = recordsOf(seat.store, addressOfCommittee(committee), group, provider).keys();
      return [...slots].every((slot) => slot >= first);
    });
}

/** The least and the most that honest keepers count for a provider over an interval; undefined: none of them counts anything. */
function honestRange(
  run: Run,
  version: number,
  about: About,
  lying: ReadonlySet<number>,
): { readonly low: bigint; readonly high: bigint } | undefined {
  const { committee, group, provider } = about;
  const honest = run.cluster.chain.seatsOf(committee, version).filter((keeper) => !lying.has(keeper));
  const values = honest.flatMap((keeper) =>
    ownValues(run, keeper, about)
      .filter((one) => one.group === group && one.provider === provider)
      .map(({ value }) => value),
  );
  if (values.length === 0) return undefined;
  const low = values.reduce((a, b) => (b < a ? b : a));
  const high = values.reduce((a, b) => (b > a ? b : a));
  const tolerance = BigInt(run.scenario.params.toleranceBps);
  if (high * 10_000n <= low * (10_000n + tolerance)) return { low, high };
  // R24: keepers may have exchanged records, and each slot then counts a value within the honest keepers' range for that slot.
  const sums = slotBySlot(run, honest, about);
  if (sums === undefined) return { low, high };
  return { low: sums.low < low ? sums.low : low, high: sums.high > high ? sums.high : high };
}

/** The reason why the space-time that a certificate gives a provider is wrong; undefined: it is right. */
function itemFault(
  run: Run,
  version: number,
  about: About,
  spaceTime: bigint,
  lying: ReadonlySet<number>,
): string | undefined {
  const { committee, group, provider } = about;
  const who = (): string => `${groupName(run.cluster.chain, committee, group)}, provider ${provider}`;
  const range = honestRange(run, version, about, lying);
  if (range === undefined) return undefined;
  const whole = wholeOf(run, about);
  if (owedInFull(run, about) && spaceTime < whole) {
    return `${who()} held all its data: expected ${whole}, actual ${spaceTime}`;
  }
  const tolerance = BigInt(run.scenario.params.toleranceBps);
  const { low, high } = range;
  const isAbove = spaceTime * 10_000n >= low * (10_000n - tolerance);
  if (isAbove && spaceTime * 10_000n <= high * (10_000n + tolerance)) return undefined;
  return `${who()}: expected ${low} to ${high}, actual ${spaceTime}`;
}

export const range: Checker = {
  name: "S4",
  check(run) {
    const lying = liars(run);
    const costly = costlyOutages(run, lying);
    if (costly.length > 0) return costly;
    if (lying.size > faultBound(run.scenario.committee)) return [];
    return run.cluster.chain.certified.flatMap(({ committee, certificate, groups, block }) => {
      const { ts, te, version } = certificate;
      return groups.flatMap(({ number, items }) =>
        items.flatMap(({ provider, spaceTime }) => {
          const about = { committee, group: number, provider, ts, te };
          const text = itemFault(run, version, about, spaceTime, lying);
          return text === undefined ? [] : [{ checker: "S4", block, text }];
        }),
      );
    });
  },
};
