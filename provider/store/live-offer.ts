/** R42: the settings of the offer, which may change while the provider runs. What was agreed before stays. */
import type { Logger } from "pino";
import type { OfferPrice } from "../../protocol/codec/offer.ts";
import { offeredPrices } from "../offer.ts";
import type { GroupReads } from "./group-facts.ts";
import { closedOffer } from "./settings.ts";
import type { OfferSettings } from "./settings.ts";

export class LiveOffer {
  /** In the contracts' unit. */
  readonly prices: () => Promise<readonly OfferPrice[]>;
  readonly #log: Logger;
  #settings: OfferSettings;

  /** @param settings undefined: nothing is offered */
  constructor(settings: OfferSettings | undefined, reads: GroupReads, log: Logger) {
    this.#settings = settings ?? closedOffer;
    this.#log = log;
    this.prices = offeredPrices(() => this.#settings, reads);
  }

  get settings(): OfferSettings {
    return this.#settings;
  }

  get isOpen(): boolean {
    return this.#settings.prices.length > 0;
  }

  /** Takes other settings; undefined: nothing is offered any more. */
  take(settings: OfferSettings | undefined): void {
    const next = settings ?? closedOffer;
    if (JSON.stringify(next) === JSON.stringify(this.#settings)) return;
    this.#settings = next;
    const text = settings === undefined ? "nothing is offered now" : "the offer has changed";
    this.#log.info({ prices: next.prices }, text);
    void this.checkPrices();
  }

  /** Logs why a price cannot be offered. */
  async checkPrices(): Promise<void> {
    if (this.isOpen) await this.prices().catch((error: unknown) => this.#log.error((error as Error).message));
  }
}
