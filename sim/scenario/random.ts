/** Random scenarios from one seed: any mixture of faults that a committee must tolerate. */
import { faultBound } from "../../protocol/quorum.ts";
import { behaviours } from "../byzantine/behaviours.ts";
import type { BehaviourName } from "../byzantine/behaviours.ts";
import { Random } from "../world.ts";
import { faultKinds, scenarioSchema } from "./schema.ts";
import type { FaultKind, Scenario } from "./schema.ts";

type DrawnKind = Exclude<FaultKind, "withhold-list">;
const drawnKinds = faultKinds.filter((kind): kind is DrawnKind => kind !== "withhold-list");

const behaviourNames = Object.keys(behaviours) as BehaviourName[];

/** A Byzantine behaviour with its parameters. */
function lie(random: Random, committee: number): object {
  const behaviour = behaviourNames[random.integer(0, behaviourNames.length)] ?? "collude";
  const told: Partial<Record<typeof behaviour, () => object>> = {
    inflate: () => ({ factor: random.integer(2, 30) / 10 }),
    lazy: () => (random.integer(0, 1) === 0 ? {} : { oneIn: random.integer(2, 5) }),
    "forge-receipts": () => ({ oneIn: random.integer(1, 12) }),
    "borrow-receipts": () => ({ oneIn: random.integer(1, 12) }),
    censor: () => ({ victim: random.integer(0, committee - 1) }),
    "omit-reveal": () => ({ victim: random.integer(0, committee - 1) }),
    "close-twice": () => ({ victim: random.integer(0, committee - 1) }),
    collude: () => ({ provider: random.integer(0, 2) }),
  };
  return { behaviour, ...told[behaviour]?.() };
}

/** Parameters of a group: the defaults twice, then longer turns and slots, more confirmations, no tolerance. */
const rhythms: readonly Partial<Scenario["params"]>[] = [
  {},
  {},
  { turn: 50 },
  { turn: 40, interval: 80, slot: 10, answer: 4, confirmations: 2, toleranceBps: 0 },
  { interval: 96, turn: 48, slot: 8, answer: 3, confirmations: 2 },
];

/** Drawn apart from the other kinds: a keeper fetches a list once, so the fault matters at the start and after a change of data. */
function withheldList(seed: number, committee: number): object[] {
  const random = new Random(seed ^ 0x11575);
  if (random.integer(0, 7) !== 0) return [];
  const [provider, keeper] = [random.integer(0, 2), random.integer(0, committee - 1)];
  const block = random.integer(11, 120);
  const withheld = {
    kind: "withhold-list",
    when: { block },
    provider,
    keeper,
    forBlocks: random.integer(20, 120),
  };
  const bytes = random.integer(1, 4_000_000);
  const changed = { kind: "change-data", when: { block: block + 2 }, provider, bytes };
  return random.integer(0, 1) === 0 ? [withheld] : [withheld, changed];
}

/** The values drawn for every fault, before its kind. */
type Draw = {
  readonly committee: number;
  readonly committees: number;
  readonly group: number;
  readonly block: number;
  readonly forBlocks: number;
  readonly keeper: number;
  readonly provider: number;
  /** Keepers below this index are on one side of a partition. */
  readonly cut: number;
  /** Keepers that are Byzantine already. */
  readonly liars: Set<number>;
};

/** For each kind of fault its fields; undefined: one more Byzantine keeper would exceed f. */
function shapesOf(random: Random, draw: Draw): Record<DrawnKind, () => object | undefined> {
  const { committee, committees, group, block, forBlocks, keeper, provider, cut, liars } = draw;
  const at = { when: { block } };
  const untilBlock = block + forBlocks;
  const all = Array.from({ length: committee }, (_, i) => i);
  const share = (): number => random.integer(1, 9) / 10;
  const ofKeeper = (): object => ({ ...at, keeper, forBlocks });
  const ofProvider = (): object => ({ ...at, provider, forBlocks });
  return {
    crash: ofKeeper,
    restart: () => ({ ...at, keeper }),
    pause: ofKeeper,
    "torn-write": ofKeeper,
    "disk-full": ofKeeper,
    "old-data": () => ({ ...at, keeper, from: Math.max(11, block - forBlocks) }),
    twin: ofKeeper,
    partition: () => ({ ...at, groups: [all.slice(0, cut), all.slice(cut)], untilBlock }),
    "one-way": () => ({ ...at, from: [keeper], to: all.filter((k) => k !== keeper), untilBlock }),
    loss: () => ({ ...at, share: share(), forBlocks }),
    delay: () => ({ ...at, delayMs: [100, random.integer(200, 5_000)], forBlocks }),
    duplicate: () => ({ ...at, share: share(), forBlocks }),
    reorg: () => ({ ...at, depth: random.integer(1, 4) }),
    "rpc-stale": () => ({ ...at, keeper, forBlocks, behind: random.integer(0, 20) }),
    "rpc-down": ofKeeper,
    "rpc-wrong-chain": ofKeeper,
    "tx-stuck": ofKeeper,
    "tx-lost": ofKeeper,
    "gas-spike": () => ({ ...at, forBlocks }),
    byzantine: () => {
      if (liars.size >= faultBound(committee) && !liars.has(keeper)) return undefined;
      liars.add(keeper);
      return { ...at, keeper, ...lie(random, committee) };
    },
    "lose-data": () => ({ ...at, provider, fraction: random.integer(1, 10) / 10 }),
    offline: ofProvider,
    slow: ofProvider,
    hang: ofProvider,
    corrupt: ofProvider,
    replay: ofProvider,
    selective: () => ({ ...at, provider, keepers: all.slice(0, cut), forBlocks }),
    return: () => ({ ...at, provider }),
    // The escrow first uses up the money of the lockup.
    "under-funded": () => ({ ...at, group, forBlocks: forBlocks + 300 }),
    shortage: () => ({ ...at, group, forBlocks: forBlocks + 200 }),
    "change-data": () => ({ ...at, group, provider, bytes: random.integer(1, 4_000_000) }),
    "remove-provider": () => ({ ...at, group, provider }),
    "change-members": () => ({ ...at, keeper }),
    handover: () => ({ ...at, keepers: all.slice(0, faultBound(committee)) }),
    resign: () => ({ ...at, keeper, committee: group % committees }),
    terminate: () => ({ ...at, group }),
    join: () => ({ ...at, committee: group % committees }),
    move: () => (committees < 2 ? undefined : { ...at, group, to: (group + 1) % committees }),
    release: () => ({ ...at, group }),
  };
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.integer(0, list.length - 1)] as T;
}

/** Members of a committee, committees, and groups. */
type Size = { readonly committee: number; readonly committees: number; readonly groups: number };

/** One fault, at times with a second one that belongs to it. */
function drawFaults(random: Random, world: Size, end: number, liars: Set<number>): object[] {
  const { committee, committees } = world;
  const block = random.integer(15, end);
  const forBlocks = random.integer(3, 40);
  const keeper = random.integer(0, committee - 1);
  const provider = random.integer(0, 2);
  const cut = random.integer(1, committee - 1);
  const group = random.integer(0, world.groups - 1);
  const shapes = shapesOf(random, {
    committee,
    committees,
    group,
    block,
    forBlocks,
    keeper,
    provider,
    cut,
    liars,
  });
  // One kind stands for all Byzantine behaviours, so it is drawn more often than the others.
  const kind = random.integer(0, 4) === 0 ? "byzantine" : pick(random, drawnKinds);
  const shape = shapes[kind]();
  if (shape === undefined) return [];
  // R23: a keeper that restarts on an endpoint that lags sees less of the chain than before.
  const again = kind === "rpc-stale" && random.integer(0, 1) === 0;
  return [{ kind, ...shape }, ...(again ? [{ kind: "restart", when: { block: block + 1 }, keeper }] : [])];
}

/** A scenario with two to five faults, none of which hurts more than f keepers for good. */
export function randomScenario(seed: number, committeeSizes: readonly number[]): Scenario {
  const params = rhythms[new Random(seed ^ 0x4e17).integer(0, rhythms.length - 1)] ?? {};
  const random = new Random(seed ^ 0x5eed);
  const sizes = new Random(seed ^ 0x96c7);
  const groups = pick(sizes, [1, 1, 2, 3, 6]);
  const committees = groups > 1 ? pick(sizes, [1, 1, 2]) : 1;
  const committee = pick(random, committeeSizes);
  const settlements = random.integer(3, 6);
  const end = 10 + settlements * (params.interval ?? 60);
  const liars = new Set<number>();
  const faults = Array.from({ length: random.integer(2, 5) }, () =>
    drawFaults(random, { committee, committees, groups }, end, liars),
  ).flat();
  const network = {
    delayMs: [5, random.integer(20, 150)],
    loss: random.integer(0, 3) / 100,
    duplicate: random.integer(0, 5) / 100,
  };
  return scenarioSchema.parse({
    name: `random ${seed}`,
    committee,
    committees,
    groups,
    params,
    settlements,
    network,
    faults: [...faults, ...withheldList(seed, committee)],
  });
}
