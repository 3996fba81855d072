/** Random scenarios: as many faults as a committee must bear, in any mixture, from one seed. */
import { faultBound } from "../../protocol/quorum.ts";
import { behaviours } from "../byzantine/behaviours.ts";
import type { BehaviourName } from "../byzantine/behaviours.ts";
import { Random } from "../world.ts";
import { faultKinds, scenarioSchema } from "./schema.ts";
import type { FaultKind, Scenario } from "./schema.ts";

type DrawnKind = Exclude<FaultKind, "withhold-list">;
const drawnKinds = faultKinds.filter((kind): kind is DrawnKind => kind !== "withhold-list");

const behaviourNames = Object.keys(behaviours) as BehaviourName[];

/** A way to cheat, with what it can be told. */
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

/** Rhythms of a group, the first more often than each other one: longer turns and slots, more blocks to confirm, no tolerance. */
const rhythms: readonly Partial<Scenario["params"]>[] = [
  {},
  {},
  { turn: 50 },
  { turn: 40, interval: 80, slot: 10, answer: 4, confirmations: 2, toleranceBps: 0 },
  { interval: 96, turn: 48, slot: 8, answer: 3, confirmations: 2 },
];

/** Drawn apart from the other kinds: a list is asked for once, so it matters at the start and after a change of data. */
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

/** A scenario with two to five faults, none of which hurts more than f keepers for good. */
export function randomScenario(seed: number, committees: readonly number[]): Scenario {
  const params = rhythms[new Random(seed ^ 0x4e17).integer(0, rhythms.length - 1)] ?? {};
  const random = new Random(seed ^ 0x5eed);
  const pick = <T>(list: readonly T[]): T => list[random.integer(0, list.length - 1)] as T;
  const committee = pick(committees);
  const settlements = random.integer(3, 6);
  const end = 10 + settlements * (params.interval ?? 60);
  const liars = new Set<number>();
  const faults = Array.from({ length: random.integer(2, 5) }, () => {
    const block = random.integer(15, end);
    const forBlocks = random.integer(3, 40);
    const keeper = random.integer(0, committee - 1);
    const provider = random.integer(0, 2);
    const at = { when: { block } };
    const untilBlock = block + forBlocks;
    const cut = random.integer(1, committee - 1);
    const all = Array.from({ length: committee }, (_, i) => i);
    const shapes: Record<DrawnKind, () => object | undefined> = {
      crash: () => ({ ...at, keeper, forBlocks }),
      restart: () => ({ ...at, keeper }),
      pause: () => ({ ...at, keeper, forBlocks }),
      "torn-write": () => ({ ...at, keeper, forBlocks }),
      "disk-full": () => ({ ...at, keeper, forBlocks }),
      "old-data": () => ({ ...at, keeper, from: Math.max(11, block - forBlocks) }),
      twin: () => ({ ...at, keeper, forBlocks }),
      partition: () => ({ ...at, groups: [all.slice(0, cut), all.slice(cut)], untilBlock }),
      "one-way": () => ({ ...at, from: [keeper], to: all.filter((k) => k !== keeper), untilBlock }),
      loss: () => ({ ...at, share: random.integer(1, 9) / 10, forBlocks }),
      delay: () => ({ ...at, delayMs: [100, random.integer(200, 5_000)], forBlocks }),
      duplicate: () => ({ ...at, share: random.integer(1, 9) / 10, forBlocks }),
      reorg: () => ({ ...at, depth: random.integer(1, 4) }),
      "rpc-stale": () => ({ ...at, keeper, forBlocks, behind: random.integer(0, 20) }),
      "rpc-down": () => ({ ...at, keeper, forBlocks }),
      "rpc-wrong-chain": () => ({ ...at, keeper, forBlocks }),
      "tx-stuck": () => ({ ...at, keeper, forBlocks }),
      "tx-lost": () => ({ ...at, keeper, forBlocks }),
      "gas-spike": () => ({ ...at, forBlocks }),
      byzantine: () => {
        if (liars.size >= faultBound(committee) && !liars.has(keeper)) return undefined;
        liars.add(keeper);
        return { ...at, keeper, ...lie(random, committee) };
      },
      "lose-data": () => ({ ...at, provider, fraction: random.integer(1, 10) / 10 }),
      offline: () => ({ ...at, provider, forBlocks }),
      slow: () => ({ ...at, provider, forBlocks }),
      hang: () => ({ ...at, provider, forBlocks }),
      corrupt: () => ({ ...at, provider, forBlocks }),
      replay: () => ({ ...at, provider, forBlocks }),
      selective: () => ({ ...at, provider, keepers: all.slice(0, cut), forBlocks }),
      return: () => ({ ...at, provider }),
      // The escrow holds the lockup's money first.
      "under-funded": () => ({ ...at, forBlocks: forBlocks + 300 }),
      "change-data": () => ({ ...at, provider, bytes: random.integer(1, 4_000_000) }),
      "remove-provider": () => ({ ...at, provider }),
      "change-members": () => ({ ...at, keeper }),
      terminate: () => ({ ...at }),
    };
    // There are many ways to cheat, and one kind of fault for them all.
    const kind = random.integer(0, 4) === 0 ? "byzantine" : pick(drawnKinds);
    const shape = shapes[kind]();
    if (shape === undefined) return [];
    // Who is started again on an endpoint that lags sees less of the chain than before (R23).
    const again = kind === "rpc-stale" && random.integer(0, 1) === 0;
    return [{ kind, ...shape }, ...(again ? [{ kind: "restart", when: { block: block + 1 }, keeper }] : [])];
  }).flat();
  const network = {
    delayMs: [5, random.integer(20, 150)],
    loss: random.integer(0, 3) / 100,
    duplicate: random.integer(0, 5) / 100,
  };
  const all = [...faults, ...withheldList(seed, committee)];
  return scenarioSchema.parse({
    name: `random ${seed}`,
    committee,
    params,
    settlements,
    network,
    faults: all,
  });
}
