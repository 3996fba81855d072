/**
 * D6: a bounded queue in front of what is dear (a seed check takes some 25 ms). One job runs at a time; a peer may have
 * `perPeer` jobs in it and all peers together `total`, so a flood is refused at once and costs no memory.
 */
export type GateLimits = { readonly total: number; readonly perPeer: number };

export class Gate {
  readonly #limits: GateLimits;
  readonly #waiting = new Map<string, number>();
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  /** Runs the job when its turn comes; undefined, at once, when the queue or the peer's share of it is full. */
  run<T>(peer: string, job: () => Promise<T>): Promise<T> | undefined {
    const own = this.#waiting.get(peer) ?? 0;
    if (this.#count >= this.#limits.total || own >= this.#limits.perPeer) return undefined;
    this.#waiting.set(peer, own + 1);
    this.#count++;
    const result = this.#last.then(job).finally(() => {
      this.#count--;
      const left = (this.#waiting.get(peer) ?? 1) - 1;
      if (left > 0) this.#waiting.set(peer, left);
      else this.#waiting.delete(peer);
    });
    this.#last = result.catch(() => undefined);
    return result;
  }
}
