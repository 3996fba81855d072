/** Watches the chain between challenges: the age of its head, whether the groups' contracts are there, and who serves them (R38). */
import { setTimeout as sleep } from "node:timers/promises";
import { stoppedText } from "../daemon/chain/pace.ts";
import type { HeadLook } from "../daemon/chain/pace.ts";
import { counted } from "../protocol/counted.ts";
import type { Hex } from "../protocol/hash.ts";
import type { GroupStanding } from "./chain-reads.ts";

/** Endpoints limit calls, so this is the pause between two calls while no challenge comes. */
const readEvery_ms = 4_000;
const checkEvery_ms = 1_000;

export type WatchedChain = {
  /** Reads the head from the chain. Rejects if no endpoint answers. */
  head(): Promise<number>;
  /** Age of the head that was read last; makes no call. */
  look(): HeadLook;
  /** The reason why a group's contract cannot be read; undefined: it can. Rejects if no endpoint answers. */
  groupFault(group: Hex): Promise<string | undefined>;
  /** Who serves a group, and this provider's seat in it. Rejects if no endpoint answers. */
  standing(group: Hex): Promise<GroupStanding>;
};

export type WatchLog = {
  warn(fields: object, text: string): void;
  info(fields: object, text: string): void;
};

export class ChainWatch {
  readonly #chain: WatchedChain;
  readonly #groups: Iterable<Hex>;
  readonly #log: WatchLog;
  /** By group, the reason why its contract cannot be read. */
  readonly #faults = new Map<Hex, string>();
  /** By group, the text about its services that was logged last. */
  readonly #standings = new Map<Hex, string>();

  /** @param groups may change while it runs */
  constructor(chain: WatchedChain, groups: Iterable<Hex>, log: WatchLog) {
    this.#chain = chain;
    this.#groups = groups;
    this.#log = log;
  }

  /** Why a group's contract cannot be read; undefined: it can. */
  faultOf(group: Hex): string | undefined {
    return this.#faults.get(group);
  }

  /** Reasons why the provider cannot answer challenges; empty: it can. */
  problems(): string[] {
    const look = this.#chain.look();
    const head = look.isOld ? [stoppedText(look)] : [];
    return [...head, ...[...this.#faults].map(([group, fault]) => unreadableText(group, fault))];
  }

  /** Runs until `signal` aborts. The age is checked apart from the calls, since an endpoint may hang. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#readHeads(signal), this.#readGroups(signal), this.#checkAge(signal)]);
  }

  async #readHeads(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // A failed call shows in the head's age.
      await this.#chain.head().catch(() => undefined);
      await pause(readEvery_ms, signal);
    }
  }

  /** One group at a time: a chain restarted from genesis has none of the contracts. */
  async #readGroups(signal: AbortSignal): Promise<void> {
    for (let i = 0; !signal.aborted; i++) {
      const groups = [...this.#groups];
      const group = groups[i % Math.max(1, groups.length)];
      if (group !== undefined) await this.#readGroup(group).catch(() => undefined);
      this.#forget(new Set(groups));
      await pause(readEvery_ms, signal);
    }
  }

  /** A group that is served no more has no fault. */
  #forget(groups: ReadonlySet<Hex>): void {
    for (const group of this.#faults.keys()) if (!groups.has(group)) this.#faults.delete(group);
    for (const group of this.#standings.keys()) if (!groups.has(group)) this.#standings.delete(group);
  }

  async #readGroup(group: Hex): Promise<void> {
    const fault = await this.#chain.groupFault(group);
    if (fault === undefined) this.#logStanding(group, await this.#chain.standing(group));
    const known = this.#faults.get(group);
    if (fault === known) return;
    if (fault === undefined) {
      this.#faults.delete(group);
      this.#log.info({ group }, `group ${group} can be read from the chain again`);
    } else {
      this.#faults.set(group, fault);
      this.#log.warn({ reason: "group-unreadable", group }, unreadableText(group, fault));
    }
  }

  /** A move, a change of the commitment and a notice are logged once. */
  #logStanding(group: Hex, standing: GroupStanding): void {
    const text = standingText(standing);
    if (this.#standings.get(group) === text) return;
    this.#standings.set(group, text);
    this.#log.info({ group }, `group ${group}: ${text}`);
  }

  async #checkAge(signal: AbortSignal): Promise<void> {
    let wasOld = false;
    while (!signal.aborted) {
      const look = this.#chain.look();
      if (look.isOld !== wasOld) this.#logAge(look);
      wasOld = look.isOld;
      await pause(checkEvery_ms, signal);
    }
  }

  #logAge(look: HeadLook): void {
    if (!look.isOld) {
      this.#log.info({ block: look.block }, `new blocks again: head ${look.block}`);
      return;
    }
    const age_s = Math.floor(look.age_s);
    this.#log.warn({ reason: "chain-stopped", age_s }, stoppedText(look));
  }
}

/** Who serves a group now and next, from which block on this provider is committed to how much, and when it leaves. */
export function standingText({ services, own }: GroupStanding): string {
  const served = services.map(({ committee, from, left }) => {
    return `committee ${committee} from block ${from}${left === undefined ? "" : ` to ${left - 1}`}`;
  });
  const data = own?.data.map(({ from, bytes }) => `${counted(bytes, "byte")} from block ${from}`) ?? [];
  return [
    served.length === 0 ? "served by no committee" : `served by ${served.join(", then ")}`,
    own === undefined ? "not a provider of it" : `provider ${own.provider}: ${data.join(", ")}`,
    ...(own?.leavesAt === undefined ? [] : [`leaves at block ${own.leavesAt}`]),
  ].join("; ");
}

function unreadableText(group: Hex, fault: string): string {
  return `group ${group} cannot be read from the chain: ${fault}`;
}

async function pause(delay_ms: number, signal: AbortSignal): Promise<void> {
  await sleep(delay_ms, undefined, { signal }).catch(() => undefined);
}
