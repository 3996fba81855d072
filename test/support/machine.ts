/** One keeper's machine alone: a committee with one group, blocks with chosen hashes, and the messages that it published. */
import type { Effect } from "../../keeper/core/effects.ts";
import type { Event } from "../../keeper/core/events.ts";
import { turnAt, turnWindow } from "../../protocol/turns.ts";
import type { CommitteeSnapshot, GroupEntry, ProviderEntry } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import { step } from "../../keeper/core/machine.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import { initialState } from "../../keeper/core/state.ts";
import type { KeeperState } from "../../keeper/core/state.ts";
import { memberOf, operatorOf } from "../../sim/signatures/cheap-signatures.ts";
import { defaultParams } from "../../sim/cluster.ts";
import { stepText } from "./transcript.ts";
import { noSuccession } from "../../protocol/succession.ts";

export const machineConfig = {
  me: operatorOf(2),
  instance: `0x${"aa".repeat(16)}` as const,
  speaks: 4,
  replacesResigned: true,
};

export const hashAt = (n: number, fork = 0): Hex =>
  `0x${(n + fork * 2 ** 32).toString(16).padStart(64, "0")}`;

export function providerEntry(index: number, bytes = 1_600n): ProviderEntry {
  return {
    index,
    operator: operatorOf(2000 + index),
    history: [
      { fromBlock: 10, bytes, price: 1n << 64n, listRoot: hashAt(7), receiptKey: operatorOf(1000 + index) },
    ],
  };
}

export const groupAddress: Hex = `0x${"67".repeat(20)}`;

/** A membership from block 10 on. */
export function groupOf(
  number: number,
  providers: readonly ProviderEntry[],
  changes: Partial<GroupEntry> = {},
): GroupEntry {
  return {
    number,
    address: `0x${"67".repeat(19)}${(0x66 + number).toString(16)}`,
    entered: 10,
    left: undefined,
    settledThrough: 10,
    ceiling: providers.length,
    keeperFee: 0n,
    keeperShareBps: 1_000,
    providers,
    ...changes,
  };
}

/** A committee that has certified through `ts`, with one group of the providers, number 1. */
export function committeeAt(
  ts: number,
  {
    providers = [providerEntry(0), providerEntry(1)],
    ...changes
  }: Partial<CommitteeSnapshot> & { readonly providers?: readonly ProviderEntry[] } = {},
): CommitteeSnapshot {
  const groups = changes.groups ?? [groupOf(1, providers, { settledThrough: ts })];
  return {
    chainId: 1,
    address: `0x${"c0".repeat(20)}`,
    block: ts,
    params: defaultParams,
    ts,
    version: { version: 1, seed: hashAt(7), members: [0, 1, 2, 3].map(memberOf), resigned: [] },
    next: undefined,
    scope: { te: ts + defaultParams.interval, groups },
    remembered: [],
    succession: noSuccession,
    ...changes,
    groups,
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

  /** Shows the scope of the turn that the view of `head` is in, as the chain port does (R38). */
  #showScope(head: number): void {
    const { committee } = this.state;
    if (committee === undefined) return;
    const { ts, params, groups } = committee;
    const turn = turnAt(head - params.confirmations, ts, params);
    if (turn < 1) return;
    const { te } = turnWindow(ts, params, turn);
    if (committee.scope?.te === te) return;
    const snapshot = { ...committee, scope: { te, groups } };
    this.effects.push(...step(this.state, { kind: "committee", snapshot }, machineConfig).effects);
  }

  /** Blocks `from` to `to` in one update, as after an outage. */
  jump(from: number, to: number, fork = 0): Effect[] {
    this.#showScope(to);
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
        const { operator, slot, blockHash } = effect;
        this.#serve(this.step({ kind: "seed", operator, slot, blockHash, seed }), answer);
      }
      if (effect.kind !== "challenge") continue;
      for (const { group, provider } of effect.targets)
        this.#answer(effect, { group, provider }, answer(provider));
    }
  }

  #answer(
    { operator, slot, blockHash }: Extract<Effect, { kind: "challenge" }>,
    name: { readonly group: number; readonly provider: number },
    how: "proven" | "unreachable" | "silent",
  ): void {
    if (how === "unreachable") {
      const failed = { kind: "failed", reason: "unreachable" } as const;
      this.step({ kind: "answer", operator, name, slot, blockHash, answer: failed });
    }
    if (how === "proven") {
      const none = new Uint8Array();
      const receiptHash = hashAt(slot);
      const proven = { kind: "proven", bytes: 1_600n, receiptHash, receipt: none, proof: none } as const;
      this.step({ kind: "answer", operator, name, slot, blockHash, answer: proven });
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
