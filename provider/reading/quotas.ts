/**
 * R44: bytes that are sent for a permission in a day of UTC. They are counted on disk before they are sent, in portions: a kill never lets
 * more be sent than permitted, and costs the reader at most one portion.
 */
import { unlimitedBytes } from "../../protocol/codec/permission.ts";
import type { ReadingStore } from "./reading-store.ts";

const MiB = 1024 * 1024;
/** A portion is a share of the quota, so that a kill costs little of it; the largest one bounds the number of writes. */
const portionShare = 1 / 16;
const largestPortion = 64 * MiB;
const day_ms = 86_400_000;

export type Quota = {
  /** The group, or another owner of the limit. */
  readonly group: string;
  /** The permission's digest. */
  readonly name: string;
  readonly bytesPerDay: number;
};

export class Quotas {
  readonly #store: Pick<ReadingStore, "usage" | "use">;
  readonly #now_ms: () => number;
  /** Bytes sent today of what is counted on disk; forgotten with a restart, as if all of it was sent. */
  readonly #sent = new Map<string, { readonly day: number; bytes: number }>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: Pick<ReadingStore, "usage" | "use">, now_ms: () => number) {
    this.#store = store;
    this.#now_ms = now_ms;
  }

  /** Seconds until a new day begins. */
  untilTomorrow_s(): number {
    return Math.ceil((day_ms - (this.#now_ms() % day_ms)) / 1000);
  }

  /** Counts the bytes if the day's quota has room for them; false: it has not. One after the other, so that no two count the same room. */
  take(quota: Quota, bytes: number): Promise<boolean> {
    if (quota.bytesPerDay === unlimitedBytes) return Promise.resolve(true);
    const taken = this.#last.then(() => this.#take(quota, bytes));
    this.#last = taken.catch(() => undefined);
    return taken;
  }

  async #take({ group, name, bytesPerDay }: Quota, bytes: number): Promise<boolean> {
    const day = Math.floor(this.#now_ms() / day_ms);
    const key = `${group}/${name}`;
    const known = this.#store.usage(group, name);
    const counted = known?.day === day ? known.bytes : 0;
    const sent = this.#sent.get(key);
    const used = sent?.day === day ? sent.bytes : counted;
    if (used + bytes > bytesPerDay) return false;
    if (used + bytes > counted) {
      const portion = Math.min(largestPortion, Math.floor(bytesPerDay * portionShare));
      const next = Math.min(bytesPerDay, used + Math.max(bytes, portion));
      if (!(await this.#store.use(group, name, { day, bytes: next }))) return false;
    }
    if (this.#sent.size > 0 && sent?.day !== day) this.#forgetBefore(day);
    this.#sent.set(key, { day, bytes: used + bytes });
    return true;
  }

  #forgetBefore(today: number): void {
    for (const [key, { day }] of this.#sent) if (day !== today) this.#sent.delete(key);
  }
}
