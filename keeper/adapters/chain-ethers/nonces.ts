/** The account's nonces: each used by one transaction at a time, none left out. */

/** Hands out nonces from the account's own count on; what was given back is used first. */
export class NonceQueue {
  #next: number | undefined;
  readonly #free: number[] = [];

  /** @param mined the account's count of mined transactions, from the chain */
  take(mined: number): number {
    // A pending transaction of a former process holds a nonce that was never settled with: it is taken over, not queued behind.
    this.#next = Math.max(this.#next ?? mined, mined);
    const usable = this.#free.filter((nonce) => nonce >= mined).sort((a, b) => a - b);
    this.#free.length = 0;
    const [first, ...rest] = usable;
    this.#free.push(...rest);
    return first ?? this.#next++;
  }

  /** For a transaction that no node took: later ones would wait for it for ever. */
  giveBack(nonce: number): void {
    this.#free.push(nonce);
  }

  /** Nonces given back that transactions with higher ones wait for. */
  gapsBelow(nonce: number): number[] {
    return this.#free.filter((free) => free < nonce);
  }

  fill(nonce: number): void {
    const at = this.#free.indexOf(nonce);
    if (at >= 0) this.#free.splice(at, 1);
  }
}
