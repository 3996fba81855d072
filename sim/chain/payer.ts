/** The payer of a simulated group: it keeps the amount of R32 in the escrow, unless it has no money. */
import type { ChainModel } from "./chain-model.ts";
import type { Model } from "./contract-model.ts";

export class Payer {
  readonly #chain: ChainModel;
  #short = false;
  #seen: Model | undefined;
  /** The last block through which the escrow holds the required amount (R32), if there is no further call. */
  #coveredThrough = -1;

  constructor(chain: ChainModel) {
    this.#chain = chain;
  }

  /** From now on the payer deposits nothing; the escrow lasts at least for the lockup. */
  runShort(): void {
    this.#short = true;
  }

  hasMoney(): void {
    this.#short = false;
    this.#seen = undefined;
  }

  /** In every block: deposits the amount that R32 requires until two turns after the end of the open interval. */
  act(): void {
    const { head } = this.#chain;
    const now = this.#chain.at(head);
    if (this.#short || (now === this.#seen && head < this.#coveredThrough)) return;
    const { interval, turn } = now.config;
    this.#coveredThrough = Math.max(now.ts + interval, head) + 2 * turn;
    this.#seen = now;
    const lacking = now.required(this.#coveredThrough) - now.free;
    if (lacking > 0n) this.#chain.call((next) => next.deposit(lacking));
  }

  /** Changes the size of a provider's data; 0 removes the provider. Deposits the money for it first, unless it has none. */
  changeData(provider: number, bytes: bigint): string | undefined {
    const { interval, turn, lockup } = this.#chain.at(this.#chain.head).config;
    const blocks = BigInt(interval + 2 * turn + lockup);
    if (!this.#short) this.#chain.call((next) => next.deposit(next.amount(bytes * blocks) + 1n));
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
