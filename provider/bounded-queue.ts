/**
 * A bounded queue for expensive jobs (one seed check takes about 25 ms). It runs one job at a time, and holds at most `perPeer` jobs
 * of one peer and `total` jobs of all peers. A flood is refused at once and uses no memory (D6).
 */
export type QueueLimits = { readonly total: number; readonly perPeer: number };

export class BoundedQueue {
  readonly #limits: () => QueueLimits;
  readonly #waiting = new Map<string, number>();
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** @param limits read at each job, since they grow with the groups and committees served */
  constructor(limits: () => QueueLimits) {
    this.#limits = limits;
  }

  /** Runs the job after all earlier ones. Returns undefined at once if the queue, or the peer's share of it, is full. */
  run<T>(peer: string, job: () => Promise<T>): Promise<T> | undefined {
    const own = this.#waiting.get(peer) ?? 0;
    const { total, perPeer } = this.#limits();
    if (this.#count >= total || own >= perPeer) return undefined;
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
