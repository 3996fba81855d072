/** Chooses the head when several endpoints report different ones (D7). */
import type { Hex } from "../../protocol/hash.ts";

export type HeadBlock = {
  readonly number: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
  /** The block's timestamp in seconds since 1970; undefined if the endpoint omits it. */
  readonly timestamp_s?: number | undefined;
};

export type HeadOf<E> = { readonly endpoint: E; readonly latest: HeadBlock };

export type Agreement<E> =
  | {
      readonly kind: "agreed";
      readonly head: HeadBlock;
      readonly agreeing: readonly E[];
      readonly lagging: readonly E[];
      readonly lying: readonly E[];
    }
  /** No majority: the keeper waits. */
  | { readonly kind: "divided"; readonly height: number; readonly lagging: readonly E[] };

/** An endpoint whose head does not move counts as lagging from this distance to the highest head on, in blocks. */
const maxLag = 4;
/** Time before such an endpoint is ignored: it may be the only honest one. */
const stall_ms = 5_000;

type Seen = { number: number; since_ms: number };

/**
 * Accepts the highest head that two endpoints confirm. A head of one endpoint alone may be invented; the keeper would then take
 * part in turns that have not begun. A late payment is better than a wrong one.
 */
export class HeadAgreement<E> {
  readonly #seen = new Map<E, Seen>();

  /**
   * @param heads latest block of every endpoint that answers, at least one
   * @param blockAt reads a block below an endpoint's head; undefined if the endpoint does not have it
   */
  async decide(
    heads: readonly HeadOf<E>[],
    blockAt: (endpoint: E, number: number) => Promise<HeadBlock | undefined>,
    now_ms: number,
  ): Promise<Agreement<E>> {
    for (const { endpoint, latest } of heads) this.#note(endpoint, latest.number, now_ms);
    const top = Math.max(...heads.map(({ latest }) => latest.number));
    const lagging = heads.filter(({ endpoint, latest }) => {
      const stalled = now_ms - (this.#seen.get(endpoint)?.since_ms ?? now_ms) > stall_ms;
      return latest.number < top - maxLag && stalled;
    });
    const moving = heads
      .filter((head) => !lagging.includes(head))
      .sort((a, b) => b.latest.number - a.latest.number);
    const trusted = moving[Math.min(1, moving.length - 1)];
    if (trusted === undefined) throw new RangeError("heads: expected at least one, actual none");
    const height = trusted.latest.number;
    const votes = await Promise.all(
      moving
        .filter(({ latest }) => latest.number >= height)
        .map(async ({ endpoint, latest }) => ({
          endpoint,
          block: latest.number === height ? latest : await blockAt(endpoint, height),
        })),
    );
    return this.#count(
      height,
      votes,
      lagging.map(({ endpoint }) => endpoint),
    );
  }

  #count(
    height: number,
    votes: readonly { readonly endpoint: E; readonly block: HeadBlock | undefined }[],
    lagging: readonly E[],
  ): Agreement<E> {
    const byHash = new Map<Hex, { block: HeadBlock; endpoints: E[] }>();
    for (const { endpoint, block } of votes) {
      if (block === undefined || block.number !== height) continue;
      const group = byHash.get(block.hash) ?? { block, endpoints: [] };
      group.endpoints.push(endpoint);
      byHash.set(block.hash, group);
    }
    const [first, second] = [...byHash.values()].sort((a, b) => b.endpoints.length - a.endpoints.length);
    if (first === undefined || first.endpoints.length === second?.endpoints.length) {
      return { kind: "divided", height, lagging };
    }
    const lying = votes.map(({ endpoint }) => endpoint).filter((e) => !first.endpoints.includes(e));
    return { kind: "agreed", head: first.block, agreeing: first.endpoints, lagging, lying };
  }

  #note(endpoint: E, number: number, now_ms: number): void {
    const known = this.#seen.get(endpoint);
    if (known === undefined || number !== known.number)
      this.#seen.set(endpoint, { number, since_ms: now_ms });
  }
}
