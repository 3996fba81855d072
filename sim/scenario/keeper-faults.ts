/** Faults of one keeper: its process, its disk, its endpoint, its transactions, its honesty. */
import type { Cluster } from "../cluster.ts";
import { behaviourName } from "./in-force.ts";
import type { FaultOf, Fired, Scene, Strikes } from "./strike.ts";

type Seat = Cluster["seats"][number];

/** The keeper that a fault hits, by index, and its seat. */
type Target = { readonly keeper: number; readonly seat: Seat };

/** Every fault of a keeper hits one keeper: the first of the scene's entry. */
function onKeeper<F>(
  strike: (fault: F, target: Target, scene: Scene) => void,
): (fault: F, scene: Scene) => void {
  return (fault, scene) => {
    const [keeper = -1] = scene.entry.keepers;
    const seat = scene.cluster.seats[keeper];
    if (seat !== undefined) strike(fault, { keeper, seat }, scene);
  };
}

/** For a fault that ends in the block in which it strikes. */
function endNow({ cluster, entry }: Scene): void {
  entry.until = cluster.chain.head;
}

function breakDisk(trouble: "torn" | "full") {
  return onKeeper<{ readonly forBlocks: number }>(
    ({ forBlocks }, { keeper, seat }, { cluster, endAfter }) => {
      if (trouble === "torn") seat.store.onTorn = () => cluster.crash(keeper);
      seat.store.trouble = trouble;
      endAfter(forBlocks, () => {
        seat.store.trouble = undefined;
        cluster.start(keeper);
      });
    },
  );
}

/** A stale endpoint stays `behind` blocks behind the head of the block in which the fault strikes. */
function breakEndpoint(endpoint: Seat["endpoint"]) {
  return onKeeper<{ readonly forBlocks: number; readonly behind?: number | undefined }>(
    ({ forBlocks, behind = 0 }, { seat }, { cluster, endAfter }) => {
      seat.endpoint = endpoint;
      seat.staleAt = cluster.chain.head - behind;
      endAfter(forBlocks, () => (seat.endpoint = "well"));
    },
  );
}

function holdTransactions(transactions: "stuck" | "lost") {
  return onKeeper<{ readonly forBlocks: number }>(({ forBlocks }, { seat }, { endAfter }) => {
    seat.transactions = transactions;
    endAfter(forBlocks, () => (seat.transactions = "mined"));
  });
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
  crash: onKeeper(({ forBlocks }, { keeper }, { cluster, endAfter }) => {
    cluster.crash(keeper);
    endAfter(forBlocks, () => cluster.start(keeper));
  }),
  restart: onKeeper((_fault, { keeper }, scene) => {
    scene.cluster.crash(keeper);
    scene.cluster.start(keeper);
    endNow(scene);
  }),
  pause: onKeeper(({ forBlocks }, { keeper }, { cluster, endAfter }) => {
    const { paused } = cluster.network;
    const operator = cluster.operatorOf(keeper);
    paused.add(operator);
    endAfter(forBlocks, () => paused.delete(operator));
  }),
  "torn-write": breakDisk("torn"),
  "disk-full": breakDisk("full"),
  "old-data": onKeeper((_fault, { keeper, seat }, scene) => {
    scene.cluster.crash(keeper);
    seat.store.restore(scene.backup ?? new Map());
    scene.cluster.start(keeper);
    endNow(scene);
  }),
  twin: onKeeper(({ forBlocks }, { keeper }, { cluster, endAfter }) => {
    cluster.startTwin(keeper);
    // D9: both processes may have gone silent, so one stops and the other restarts.
    endAfter(forBlocks, () => {
      cluster.stopTwin(keeper);
      cluster.crash(keeper);
      cluster.start(keeper);
    });
  }),
  "rpc-stale": breakEndpoint("stale"),
  "rpc-down": breakEndpoint("down"),
  "rpc-wrong-chain": breakEndpoint("wrong-chain"),
  "tx-stuck": holdTransactions("stuck"),
  "tx-lost": holdTransactions("lost"),
  byzantine: onKeeper((fault, { keeper }, scene) => {
    if (fault.behaviour === "collude") collude(fault, keeper, scene);
    else behave(fault, keeper, scene);
  }),
};
