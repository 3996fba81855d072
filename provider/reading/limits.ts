/** R44, L4: limits on readers over HTTP, who are strangers: connections, answers at a time, requests and bytes, of one address and of all. */
import { isIPv6 } from "node:net";
import { cost_ms, cpuShare, maxCallerNames } from "../../protocol/limits/derived.ts";
import { TokenBuckets } from "../../protocol/limits/token-buckets.ts";
import type { Rate } from "../../protocol/limits/token-buckets.ts";

const MiB = 1024 * 1024;

export const readerLimits = {
  /** A connection costs some 30 kB. */
  connections: { all: 256, ofAddress: 32 },
  /** Answers under way: each holds a range of at most 2 MiB, so all hold 128 MiB. */
  answers: { all: 64, ofAddress: 8 },
  /** Headers of a request. */
  headerBytes: 8 * 1024,
  /** A request's headers must arrive within this time. */
  request_ms: 10_000,
  /** A range of 2 MiB must leave within this time: 35 kB/s are enough. */
  range_ms: 60_000,
  keepAlive_ms: 10_000,
} as const;

/** A request that finds nothing costs less than a refused stream of libp2p. */
export const allRequestsRate: Rate = { burst: 1024, perSecond: (cpuShare * 1000) / cost_ms.stream };
/** A player asks for small parts one after another; half of all requests is left to other addresses. */
export const requestsRate: Rate = { burst: 256, perSecond: allRequestsRate.perSecond / 2 };

/** Bytes a second to all readers, such that they take `cpuShare` of a core, unless the operator says another number. */
export function bytesRate(perSecond = ((cpuShare * 1000) / cost_ms.reply) * MiB): Rate {
  return { burst: Math.max(perSecond, 4 * MiB), perSecond };
}

/** The address whose readers share limits: one of IPv4, or the network of 64 bits of one customer of IPv6. */
export function limitedAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array<string>(8 - groups.length - rest.length).fill("0");
  return [...groups, ...zeros, ...rest]
    .slice(0, 4)
    .map((group) => group.padStart(4, "0"))
    .join(":");
}

export class ReaderLimits {
  readonly #buckets: TokenBuckets;
  readonly #all: Rate;
  readonly #ofAddress: Rate;
  readonly #answers = new Map<string, number>();
  #allAnswers = 0;

  constructor(now_ms: () => number, bytesPerSecond: number | undefined) {
    this.#buckets = new TokenBuckets(maxCallerNames, now_ms);
    this.#all = bytesRate(bytesPerSecond);
    this.#ofAddress = bytesRate(this.#all.perSecond / 2);
  }

  /** False: too many requests, of this address or of all. */
  request(address: string): boolean {
    return (
      this.#buckets.take(`requests of ${address}`, requestsRate) &&
      this.#buckets.take("requests", allRequestsRate)
    );
  }

  /** Begins an answer; undefined: too many are under way. The returned function ends it. */
  begin(address: string): (() => void) | undefined {
    const ofAddress = this.#answers.get(address) ?? 0;
    const { all, ofAddress: most } = readerLimits.answers;
    if (this.#allAnswers >= all || ofAddress >= most) return undefined;
    this.#allAnswers++;
    this.#answers.set(address, ofAddress + 1);
    return () => {
      this.#allAnswers--;
      const left = (this.#answers.get(address) ?? 1) - 1;
      if (left === 0) this.#answers.delete(address);
      else this.#answers.set(address, left);
    };
  }

  /** Counts bytes that are about to be sent. Returns the time after which they may be, in ms. */
  bytes(address: string, count: number): number {
    const own_ms = this.#buckets.charge(`bytes of ${address}`, this.#ofAddress, count);
    return Math.max(own_ms, this.#buckets.charge("bytes", this.#all, count));
  }
}
