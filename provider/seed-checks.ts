/**
 * R12: whether a seed is the keeper's signature. A check takes about 25 ms for each key, so a right seed is checked once, and wrong ones
 * are limited for each keeper (L4).
 */
import type { ChallengeRequest } from "../protocol/codec/challenge.ts";
import { maxCallerNames, wrongSeedRate } from "../protocol/limits/derived.ts";
import type { ProviderScale } from "../protocol/limits/derived.ts";
import { TokenBuckets } from "../protocol/limits/token-buckets.ts";
import { equalBytes } from "../storage/core/bytes.ts";
import type { KeeperSeat, ProviderCrypto } from "./ports.ts";

type Right = { readonly blockHash: string; readonly seed: Uint8Array };

export type SeedVerdict = "right" | "wrong" | "too-many";

export class SeedChecks {
  readonly #crypto: Pick<ProviderCrypto, "verifySeed">;
  readonly #scale: () => ProviderScale;
  readonly #wrong: TokenBuckets;
  /** By committee, keeper and slot; the oldest are forgotten. */
  readonly #right = new Map<string, Right>();

  constructor(crypto: Pick<ProviderCrypto, "verifySeed">, scale: () => ProviderScale, now_ms: () => number) {
    this.#crypto = crypto;
    this.#scale = scale;
    this.#wrong = new TokenBuckets(maxCallerNames, now_ms);
  }

  async check(request: ChallengeRequest, seat: KeeperSeat): Promise<SeedVerdict> {
    const { committee, keeper, slot, blockHash, seed } = request;
    const key = `${committee}/${keeper}/${slot}`;
    const known = this.#right.get(key);
    if (known?.blockHash === blockHash && equalBytes(known.seed, seed)) return "right";
    const rate = wrongSeedRate(this.#scale());
    if (!this.#wrong.take(keeper, rate)) return "too-many";
    for (const blsKey of seat.blsKeys) {
      if (!(await this.#crypto.verifySeed(request, seed, blsKey))) continue;
      this.#wrong.giveBack(keeper, rate);
      this.#right.set(key, { blockHash, seed });
      if (this.#right.size > maxCallerNames) this.#right.delete(this.#right.keys().next().value as string);
      return "right";
    }
    return "wrong";
  }
}
