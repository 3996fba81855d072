/** The account's nonces: each used by one transaction at a time, none left out. */

/**
 * Hands out the lowest nonce that is neither mined nor in flight. What the chain has mined is asked for again each time: a
 * reorg may take transactions back, and their nonces with them.
 */
export class NonceQueue {
  readonly #inFlight = new Set<number>();

  /**
   * A pending transaction of a former process holds a nonce that was never settled with: it is taken over, not queued behind.
   * @param mined the account's count of mined transactions, from the chain
   */
  take(mined: number): number {
    let nonce = mined;
    while (this.#inFlight.has(nonce)) nonce++;
    this.#inFlight.add(nonce);
    return nonce;
  }

  /** Nobody waits for a transaction with this nonce any more. */
  end(nonce: number): void {
    this.#inFlight.delete(nonce);
  }

  /** Nonces that transactions with higher ones wait for, and with which nobody sends. */
  gapsBelow(nonce: number, mined: number): number[] {
    const gaps: number[] = [];
    for (let n = mined; n < nonce; n++) if (!this.#inFlight.has(n)) gaps.push(n);
    return gaps;
  }
}
