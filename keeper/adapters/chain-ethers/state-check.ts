/** Compares what events say of a committee and its groups with the contracts' state at the same block (D7). */
import type { Hex } from "../../../protocol/hash.ts";
import { call } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";
import { committeeAbi, groupAbi } from "./abi.ts";
import { Contradiction } from "./blocks.ts";
import type { CommitteeState } from "./committee-events.ts";
import type { GroupState } from "./group-events.ts";
import { inParallel } from "./parallel.ts";

/** A committee may serve thousands of groups, and endpoints limit clients: each group is compared every so many slots. */
const groupsEvery = 16;

export type CommitteeCheck = {
  readonly address: Hex;
  readonly block: number;
  readonly slot: number;
  readonly state: CommitteeState;
  readonly groupAt: (group: Hex) => GroupState | undefined;
};

export class StateChecker {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** @throws Contradiction if an event is missing */
  async check({ address, block, slot, state, groupAt }: CommitteeCheck): Promise<void> {
    const read = async (name: string): Promise<number> =>
      Number((await call(this.#ask, committeeAbi, address, name, [], block))[0]);
    const [ts, version, last] = await Promise.all(
      ["certifiedThrough", "currentVersion", "lastNumber"].map((name) => read(name)),
    );
    const numbers = Math.max(0, ...state.memberships.keys());
    mustBe(
      `${address}: certified through, version and groups at block ${block}`,
      [ts, version, last],
      [state.ts, state.version, numbers],
    );
    const due = [...state.memberships.values()].filter(
      ({ number }) => number % groupsEvery === slot % groupsEvery,
    );
    await inParallel(due, async ({ group }) => {
      const known = groupAt(group);
      if (known === undefined) return;
      const [{ settledThrough, listed }] = await call(this.#ask, groupAbi, group, "state", [], block);
      const open = [...known.providers.values()].filter(({ closed }) => !closed).length;
      mustBe(
        `${group}: settled through and providers at block ${block}`,
        [Number(settledThrough), Number(listed)],
        [known.settledThrough, open],
      );
    });
  }
}

function mustBe(
  what: string,
  actual: readonly (number | undefined)[],
  expected: readonly (number | undefined)[],
): void {
  if (actual.every((value, i) => value === expected[i])) return;
  throw new Contradiction(
    `${what}: expected ${expected.join(", ")} from its events, actual ${actual.join(", ")}`,
  );
}
