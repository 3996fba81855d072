/** Nonces of the account: each is used by one settlement at a time, and none is left out. */

/**
 * Assigns the lowest nonce that is neither mined nor in flight. The mined count is read for each assignment, because a reorg may remove
 * transactions and free their nonces.
 */
export class NonceQueue {
  readonly #inFlight = new Set<number>();

  /**
   * A nonce of a pending transaction of an earlier process is assigned again, so that this transaction is replaced.
   * @param mined number of mined transactions of the account
   */
  take(mined: number): number {
    let nonce = mined;
    while (this.#inFlight.has(nonce)) nonce++;
    this.#inFlight.add(nonce);
    return nonce;
  }

  /** Releases a nonce whose transaction is no longer waited for. */
  end(nonce: number): void {
    this.#inFlight.delete(nonce);
  }

  /** Unused nonces below nonces in flight. Transactions with higher nonces wait for them. */
  gapsBelow(nonce: number, mined: number): number[] {
    const gaps: number[] = [];
    for (let n = mined; n < nonce; n++) if (!this.#inFlight.has(n)) gaps.push(n);
    return gaps;
  }
}
