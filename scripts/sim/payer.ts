/** The payer of a simulated group: it funds what the next settlement will cost, and no more, unless it is short of money. */
import type { ChainModel } from "./chain-model.ts";
import type { Model } from "./contract-model.ts";

export class Payer {
  readonly #chain: ChainModel;
  /** It has no money to deposit. */
  short = false;
  #seen: Model | undefined;

  constructor(chain: ChainModel) {
    this.#chain = chain;
  }

  /** In every block: what is missing for the coming settlement, arrears included. */
  act(): void {
    const now = this.#chain.at(this.#chain.head);
    if (this.short || now === this.#seen) return;
    this.#seen = now;
    const lacking = this.#due(now) - now.free;
    if (lacking > 0n) this.#chain.call((next) => next.deposit(lacking));
  }

  /** What is due if the group is settled as late as two turns after its time, and by all that is committed. */
  #due(model: Model): bigint {
    const { interval, turn } = model.config;
    const to = model.ts + interval + 2 * turn;
    const amounts = model.providers.map(
      (one) => model.amount(model.committed(one, model.ts, to)) + one.arrears,
    );
    return amounts.reduce((a, b) => a + b, 0n);
  }

  /** Another size for a provider's data, 0 to remove it. */
  changeData(provider: number, bytes: bigint): string | undefined {
    return this.#chain.call((next, block) => next.changeSize(block, provider, bytes));
  }

  /** Another keeper for a seat; every member of the new committee consents in the same block (R33). */
  replaceKeeper(seat: number, keeper: number): string | undefined {
    return this.#chain.call((next, block) => {
      const members = [...next.committee.members];
      members[seat] = keeper;
      next.proposeCommittee(members);
      for (const _ of members) next.acceptNext(block);
    });
  }

  terminate(): string | undefined {
    return this.#chain.call((next, block) => next.terminate(block));
  }
}
