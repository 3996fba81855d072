/** Decides when a draining keeper may stop: after the duties of its present turn, with no signed settlement unsubmitted. */
import type { KeeperState } from "./core/state.ts";
import { turnKey } from "./core/state.ts";

type States = readonly (KeeperState | undefined)[];

function keyOf(state: KeeperState | undefined): string | undefined {
  const turn = state?.turn;
  return turn === undefined ? undefined : turnKey(turn.ts, turn.turn);
}

export class Drain {
  /** By group: the turn at the begin of the drain. */
  readonly #begun: readonly (string | undefined)[];

  constructor(states: States) {
    this.#begun = states.map(keyOf);
  }

  /** Number of groups whose turn is neither settled in this keeper's view nor over. */
  waiting(states: States): number {
    return states.filter((state, index) => {
      const key = keyOf(state);
      if (state === undefined || key === undefined) return false;
      // A later turn is left to the other keepers, unless this keeper has noted a digest in it: a noted digest is submitted.
      return key === this.#begun[index] || state.notes.has(key);
    }).length;
  }
}
