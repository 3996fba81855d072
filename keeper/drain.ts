/** Decides when a draining keeper may stop: after the duties of its present turn, with no signed certificate unsubmitted. */
import type { KeeperState } from "./core/state.ts";
import { turnKey } from "./core/state.ts";
import type { Hex } from "../protocol/hash.ts";

/** By committee. */
type States = ReadonlyMap<Hex, KeeperState>;

function keyOf({ turn }: KeeperState): string | undefined {
  return turn === undefined ? undefined : turnKey(turn.ts, turn.turn);
}

export class Drain {
  /** By committee: the turn at the begin of the drain. */
  readonly #begun: ReadonlyMap<Hex, string | undefined>;

  constructor(states: States) {
    this.#begun = new Map([...states].map(([committee, state]) => [committee, keyOf(state)]));
  }

  /** Number of committees whose turn is neither certified in this keeper's view nor over. */
  waiting(states: States): number {
    return [...states].filter(([committee, state]) => {
      const key = keyOf(state);
      if (key === undefined) return false;
      // A later turn is left to the other keepers, unless this keeper has noted a digest in it: a noted digest is submitted.
      return key === this.#begun.get(committee) || state.notes.has(key);
    }).length;
  }
}
