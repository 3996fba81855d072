/** One keeper's machine alone: a group, blocks with chosen hashes, and the messages that it published. */
import type { Effect } from "../../keeper/core/effects.ts";
import type { Event } from "../../keeper/core/events.ts";
import type { GroupSnapshot, ProviderEntry } from "../../protocol/group.ts";
import type { Hex } from "../../protocol/hash.ts";
import { step } from "../../keeper/core/machine.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import { initialState } from "../../keeper/core/state.ts";
import type { KeeperState } from "../../keeper/core/state.ts";
import { memberOf, operatorOf } from "../../sim/signatures/cheap-signatures.ts";
import { defaultParams } from "../../sim/cluster.ts";
import { stepText } from "./transcript.ts";

export const machineConfig = { me: operatorOf(2), instance: `0x${"aa".repeat(16)}` as const, speaks: 3 };

export const hashAt = (n: number, fork = 0): Hex =>
  `0x${(n + fork * 2 ** 32).toString(16).padStart(64, "0")}`;

export function providerEntry(index: number, bytes = 1_600n): ProviderEntry {
  return {
    index,
    operator: operatorOf(2000 + index),
    activeFrom: 10,
    history: [{ fromBlock: 10, bytes, listRoot: hashAt(7), receiptKey: operatorOf(1000 + index) }],
  };
}

export function groupAt(ts: number, changes: Partial<GroupSnapshot> = {}): GroupSnapshot {
  return {
    chainId: 1,
    address: `0x${"67".repeat(20)}`,
    block: ts,
    params: defaultParams,
    ts,
    committee: { version: 1, seed: hashAt(7), members: [0, 1, 2, 3].map(memberOf) },
    pending: undefined,
    providers: [providerEntry(0), providerEntry(1)],
    ...changes,
  };
}

export class Machine {
  readonly state: KeeperState;
  readonly effects: Effect[] = [];
  /** Text of all steps so far, one line for each event and effect. */
  readonly lines: string[] = [];

  constructor(state: KeeperState = initialState()) {
    this.state = state;
  }

  step(event: Event): Effect[] {
    const { effects } = step(this.state, event, machineConfig);
    this.effects.push(...effects);
    this.lines.push(...stepText(event, effects));
    return effects;
  }

  /** The trace of what `run` does: events, and their effects with an arrow. */
  trace(run: () => void): string[] {
    const before = this.lines.length;
    run();
    return this.lines.slice(before);
  }

  /** Blocks `from` to `to` in one update, as after an outage. */
  jump(from: number, to: number, fork = 0): Effect[] {
    const blocks = Array.from({ length: to - from + 1 }, (_, i) => ({
      number: from + i,
      hash: hashAt(from + i, fork),
    }));
    return this.step({ kind: "blocks", blocks, entropy: hashAt(1) });
  }

  /** Blocks `from` to `to`, one head after the other; seeds are made at once, and `answer` says how providers answer. */
  walk(from: number, to: number, answer: (provider: number) => "proven" | "unreachable" | "silent"): void {
    for (let n = from; n <= to; n++) this.#serve(this.jump(n, n), answer);
  }

  #serve(
    effects: readonly Effect[],
    answer: (provider: number) => "proven" | "unreachable" | "silent",
  ): void {
    for (const effect of effects) {
      if (effect.kind === "make-seed") {
        const seed = new Uint8Array(48).fill(effect.slot % 250);
        const { provider, slot, blockHash } = effect;
        this.#serve(this.step({ kind: "seed", provider, slot, blockHash, seed }), answer);
      }
      if (effect.kind !== "challenge") continue;
      const { provider, slot, blockHash } = effect;
      const how = answer(provider);
      if (how === "unreachable") {
        const failed = { kind: "failed", reason: "unreachable" } as const;
        this.step({ kind: "answer", provider, slot, blockHash, answer: failed });
      }
      if (how === "proven") {
        const none = new Uint8Array();
        const proven = {
          kind: "proven",
          bytes: 1_600n,
          receiptHash: hashAt(slot),
          receipt: none,
          proof: none,
        } as const;
        this.step({ kind: "answer", provider, slot, blockHash, answer: proven });
      }
    }
  }

  /** Two others, f+1, confirm that no second instance runs (D9). */
  vouch(): void {
    for (const keeper of [0, 1]) this.step({ kind: "pulled", keeper, askedAt: this.state.head });
  }

  codes(): ReasonCode[] {
    return this.effects.flatMap((effect) => (effect.kind === "reason" ? [effect.code] : []));
  }

  details(code: ReasonCode): string[] {
    return this.effects.flatMap((e) => (e.kind === "reason" && e.code === code ? [e.detail] : []));
  }
}
