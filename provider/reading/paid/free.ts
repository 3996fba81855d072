/**
 * R47: the bytes that readers get for nothing in a day of UTC. The sum of all is counted on disk; the shares of single addresses are counted in
 * memory, so a restart gives each address its share again, within the same sum.
 */
import type { Quotas } from "../quotas.ts";

/** Some 100 bytes each. Addresses beyond this number get nothing for nothing on that day. */
const mostAddresses = 65_536;
const day_ms = 86_400_000;

export type FreeSettings = { readonly bytesPerDay: number; readonly bytesPerAddress: number };

export class FreeBytes {
  readonly #settings: FreeSettings;
  readonly #quotas: Pick<Quotas, "take">;
  readonly #now_ms: () => number;
  #day = 0;
  readonly #taken = new Map<string, number>();

  constructor(settings: FreeSettings, quotas: Pick<Quotas, "take">, now_ms: () => number) {
    this.#settings = settings;
    this.#quotas = quotas;
    this.#now_ms = now_ms;
  }

  /** Counts the bytes if the address and all readers together have so many left today; false: they have not. */
  async take(address: string, bytes: number): Promise<boolean> {
    const { bytesPerDay, bytesPerAddress } = this.#settings;
    const day = Math.floor(this.#now_ms() / day_ms);
    if (day !== this.#day) {
      this.#day = day;
      this.#taken.clear();
    }
    const taken = this.#taken.get(address);
    if ((taken ?? 0) + bytes > bytesPerAddress || bytes > bytesPerDay) return false;
    if (taken === undefined && this.#taken.size >= mostAddresses) return false;
    // Counted before the disk is asked, so that no two requests take the same room.
    this.#taken.set(address, (taken ?? 0) + bytes);
    if (await this.#quotas.take({ group: "free", name: "all", bytesPerDay }, bytes)) return true;
    this.#taken.set(address, Math.max(0, (this.#taken.get(address) ?? 0) - bytes));
    return false;
  }
}
