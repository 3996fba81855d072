/** Injects a scenario's faults into a cluster: each fires once, at its time. Records the keepers that it hit and its duration. */
import { leaderOf, turnAt, turnOrder } from "../../protocol/turns.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import type { Kind } from "../../protocol/messages.ts";
import type { Cluster } from "../cluster.ts";
import { addressOfCommittee } from "../chain/snapshots.ts";
import { InForce } from "./in-force.ts";
import type { Fault, Phase, Scenario } from "./schema.ts";
import { strike } from "./strike.ts";
import type { FaultOf, Fired, Scene } from "./strike.ts";

/** The kind of message that starts a phase. */
const firstMessageOf: Record<Exclude<Phase, "settle">, Kind> = {
  announce: "announce",
  commit: "commit",
  close: "close",
  reveal: "reveal",
  decide: "bundle",
  sign: "proposal",
  submit: "partial",
};

type Job = { readonly block: number; readonly run: () => void };

export class Injector {
  readonly fired: Fired[] = [];
  /** Called when a fault has fired, and when its cause is gone. */
  onChange: () => void = () => undefined;
  readonly #cluster: Cluster;
  readonly #inForce: InForce;
  readonly #waiting: Fault[];
  readonly #later: Job[] = [];
  readonly #backups = new Map<Fault, NonNullable<Scene["backup"]>>();
  #newcomers = 0;

  constructor(cluster: Cluster, { faults }: Scenario) {
    this.#cluster = cluster;
    this.#waiting = [...faults];
    this.#inForce = new InForce(cluster, faults);
    cluster.network.onSaid = (message) => this.#hear(message);
    cluster.onBlock(() => this.#tick());
  }

  get pending(): number {
    return this.#waiting.length;
  }

  #tick(): void {
    const block = this.#cluster.chain.head;
    for (const job of this.#later.filter((j) => j.block <= block)) job.run();
    this.#later.splice(0, this.#later.length, ...this.#later.filter((j) => j.block > block));
    for (const fault of this.#waiting) {
      if (fault.kind === "old-data" && fault.from <= block && !this.#backups.has(fault)) this.#backUp(fault);
    }
    const due = this.#waiting.filter((fault) => this.#isDue(fault, block));
    for (const fault of due) {
      this.#waiting.splice(this.#waiting.indexOf(fault), 1);
      this.#fire(fault, block);
    }
  }

  #isDue({ when }: Fault, block: number): boolean {
    if ("block" in when) return block >= when.block;
    const settled = this.#cluster.chain.certifiedOf(0).length;
    if (when.phase === "settle") return settled >= when.settlement;
    return false;
  }

  /** A phase starts when its first message is published; the fault fires before that message arrives at any keeper. */
  #hear({ body, committee }: Envelope): void {
    if (body.kind === "hello" || this.#waiting.length === 0) return;
    const { chain, world } = this.#cluster;
    // Phases are those of the first committee.
    if (committee !== addressOfCommittee(0) || body.round.ts !== chain.tsAt(0, chain.head)) return;
    const settled = chain.certifiedOf(0).length;
    const due = this.#waiting.filter(
      ({ when }) =>
        "phase" in when &&
        when.phase !== "settle" &&
        when.settlement === settled + 1 &&
        firstMessageOf[when.phase] === body.kind,
    );
    for (const fault of due) {
      this.#waiting.splice(this.#waiting.indexOf(fault), 1);
      world.after(0, () => this.#fire(fault, chain.head));
    }
  }

  /** The leader of the first committee's turn that the head is in, or of its first turn to come. */
  #leader(): number {
    const { chain, options } = this.#cluster;
    const { ts, active } = chain.committeeAt(0);
    const operators = chain.membersOf(0, active).map(({ operator }) => operator);
    const turn = Math.max(1, turnAt(chain.head, ts, options.params));
    const index = leaderOf(turnOrder(ts, chain.seedOf(0, active), operators), turn);
    return chain.seatsOf(0, active)[index] ?? index;
  }

  #backUp(fault: FaultOf<"old-data">): void {
    const keeper = fault.keeper === "leader" ? this.#leader() : fault.keeper;
    const store = this.#cluster.seats[keeper]?.store;
    if (store !== undefined) this.#backups.set(fault, store.backup());
  }

  #fire(fault: Fault, block: number): void {
    const entry: Fired = { fault, keepers: this.#hit(fault), block, until: undefined };
    this.fired.push(entry);
    this.onChange();
    const endAfter: Scene["endAfter"] = (blocks, undo) => {
      if (blocks === undefined) return;
      const end = (): void => {
        undo();
        entry.until = this.#cluster.chain.head;
        this.onChange();
      };
      this.#later.push({ block: block + blocks, run: end });
    };
    const { fired } = this;
    const [cluster, inForce] = [this.#cluster, this.#inForce];
    strike(fault, { cluster, inForce, entry, fired, backup: this.#backups.get(fault), endAfter });
  }

  /** Keepers that a fault hits. */
  #hit(fault: Fault): number[] {
    if (fault.kind === "one-way") return [...new Set([...fault.from, ...fault.to])];
    if (fault.kind === "change-members" || fault.kind === "handover") {
      const leaving = fault.kind === "handover" ? fault.keepers : [fault.keeper];
      return [...leaving, ...leaving.map(() => this.#cluster.options.committee + this.#newcomers++)];
    }
    if (!("keeper" in fault)) return [];
    return [fault.keeper === "leader" ? this.#leader() : fault.keeper];
  }
}
