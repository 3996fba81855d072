/** When a keeper that was asked to stop may do so: after the duties of the turn it is in, and with nothing half sent. */
import type { KeeperState } from "./core/state.ts";
import { turnKey } from "./core/state.ts";

type States = readonly (KeeperState | undefined)[];

function keyOf(state: KeeperState | undefined): string | undefined {
  const turn = state?.turn;
  return turn === undefined ? undefined : turnKey(turn.ts, turn.turn);
}

export class Drain {
  /** By group: the turn that was on when the drain began. */
  readonly #begun: readonly (string | undefined)[];

  constructor(states: States) {
    this.#begun = states.map(keyOf);
  }

  /** Groups that still wait: their turn is neither settled in this keeper's view nor over. */
  waiting(states: States): number {
    return states.filter((state, index) => {
      const key = keyOf(state);
      if (state === undefined || key === undefined) return false;
      // A turn that began since is left to the others, unless this keeper has noted its digest there: a noted digest is sent.
      return key === this.#begun[index] || state.notes.has(key);
    }).length;
  }
}
