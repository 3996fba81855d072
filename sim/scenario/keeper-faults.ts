/** Faults of one keeper: its process, its disk, its endpoint, its transactions, its honesty. */
import type { Cluster } from "../cluster.ts";
import { behaviourName } from "./in-force.ts";
import type { FaultOf, Fired, Scene, Strikes } from "./strike.ts";

type Seat = Cluster["seats"][number];

/** The keeper that the fault hits, with its seat; every fault of a keeper hits one. */
function hit({ cluster, entry }: Scene): { readonly keeper: number; readonly seat: Seat } | undefined {
  const [keeper = -1] = entry.keepers;
  const seat = cluster.seats[keeper];
  return seat === undefined ? undefined : { keeper, seat };
}

/** A fault that is over as soon as it has struck. */
function endNow({ cluster, entry }: Scene): void {
  entry.until = cluster.chain.head;
}

function breakDisk(trouble: "torn" | "full", forBlocks: number, scene: Scene): void {
  const struck = hit(scene);
  if (struck === undefined) return;
  const { keeper, seat } = struck;
  const { cluster } = scene;
  if (trouble === "torn") seat.store.onTorn = () => cluster.crash(keeper);
  seat.store.trouble = trouble;
  scene.endAfter(forBlocks, () => {
    seat.store.trouble = undefined;
    cluster.start(keeper);
  });
}

function breakEndpoint(endpoint: Seat["endpoint"], behind: number, forBlocks: number, scene: Scene): void {
  const seat = hit(scene)?.seat;
  if (seat === undefined) return;
  seat.endpoint = endpoint;
  seat.staleAt = scene.cluster.chain.head - behind;
  scene.endAfter(forBlocks, () => (seat.endpoint = "well"));
}

function holdTransactions(transactions: "stuck" | "lost", forBlocks: number, scene: Scene): void {
  const seat = hit(scene)?.seat;
  if (seat === undefined) return;
  seat.transactions = transactions;
  scene.endAfter(forBlocks, () => (seat.transactions = "mined"));
}

/** The provider answers this keeper as if it had lost nothing. */
function collude({ provider = 0, forBlocks }: FaultOf<"byzantine">, keeper: number, scene: Scene): void {
  const { colluding } = scene.inForce;
  const keepers = colluding.get(provider) ?? new Set();
  colluding.set(provider, keepers.add(keeper));
  scene.endAfter(forBlocks, () => keepers.delete(keeper));
}

/** Whether the keeper follows a behaviour of its own because of this fault. */
function isBehaving({ fault, keepers, until }: Fired, keeper: number): boolean {
  return (
    fault.kind === "byzantine" &&
    fault.behaviour !== "collude" &&
    until === undefined &&
    keepers.includes(keeper)
  );
}

/** A keeper follows one behaviour at a time: a new one ends the one before. */
function behave(fault: FaultOf<"byzantine">, keeper: number, scene: Scene): void {
  const { cluster, entry, fired } = scene;
  const { behaviour } = scene.inForce;
  const name = behaviourName(fault);
  const before = fired.findLast((one) => one !== entry && isBehaving(one, keeper));
  if (before !== undefined) before.until = cluster.chain.head;
  behaviour.set(keeper, name);
  scene.endAfter(fault.forBlocks, () => {
    if (behaviour.get(keeper) === name) behaviour.delete(keeper);
  });
}

type Kind =
  | "crash"
  | "restart"
  | "pause"
  | "torn-write"
  | "disk-full"
  | "old-data"
  | "twin"
  | "rpc-stale"
  | "rpc-down"
  | "rpc-wrong-chain"
  | "tx-stuck"
  | "tx-lost"
  | "byzantine";

export const keeperStrikes: Strikes<Kind> = {
  crash: ({ forBlocks }, scene) => {
    const keeper = hit(scene)?.keeper;
    if (keeper === undefined) return;
    scene.cluster.crash(keeper);
    scene.endAfter(forBlocks, () => scene.cluster.start(keeper));
  },
  restart: (_fault, scene) => {
    const keeper = hit(scene)?.keeper;
    if (keeper === undefined) return;
    scene.cluster.crash(keeper);
    scene.cluster.start(keeper);
    endNow(scene);
  },
  pause: ({ forBlocks }, scene) => {
    const keeper = hit(scene)?.keeper;
    if (keeper === undefined) return;
    const { paused } = scene.cluster.network;
    const operator = scene.cluster.operatorOf(keeper);
    paused.add(operator);
    scene.endAfter(forBlocks, () => paused.delete(operator));
  },
  "torn-write": ({ forBlocks }, scene) => breakDisk("torn", forBlocks, scene),
  "disk-full": ({ forBlocks }, scene) => breakDisk("full", forBlocks, scene),
  "old-data": (_fault, scene) => {
    const struck = hit(scene);
    if (struck === undefined) return;
    scene.cluster.crash(struck.keeper);
    struck.seat.store.restore(scene.backup ?? new Map());
    scene.cluster.start(struck.keeper);
    endNow(scene);
  },
  twin: ({ forBlocks }, scene) => {
    const keeper = hit(scene)?.keeper;
    if (keeper === undefined) return;
    const { cluster } = scene;
    cluster.startTwin(keeper);
    // D9: both processes may have gone silent, so one stops and the other restarts.
    scene.endAfter(forBlocks, () => {
      cluster.stopTwin(keeper);
      cluster.crash(keeper);
      cluster.start(keeper);
    });
  },
  "rpc-stale": ({ behind = 0, forBlocks }, scene) => breakEndpoint("stale", behind, forBlocks, scene),
  "rpc-down": ({ forBlocks }, scene) => breakEndpoint("down", 0, forBlocks, scene),
  "rpc-wrong-chain": ({ forBlocks }, scene) => breakEndpoint("wrong-chain", 0, forBlocks, scene),
  "tx-stuck": ({ forBlocks }, scene) => holdTransactions("stuck", forBlocks, scene),
  "tx-lost": ({ forBlocks }, scene) => holdTransactions("lost", forBlocks, scene),
  byzantine: (fault, scene) => {
    const keeper = hit(scene)?.keeper;
    if (keeper === undefined) return;
    if (fault.behaviour === "collude") collude(fault, keeper, scene);
    else behave(fault, keeper, scene);
  },
};
