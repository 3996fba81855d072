/** Prices of the study, and their default values. */
export type Prices = {
  /** Gwei. */
  readonly gas: number;
  /** US dollars a coin, which gas is paid in. */
  readonly coin: number;
  /** Tokens for a TiB and month, providers' and keepers' part together. */
  readonly storage: number;
  /** US dollars a token. */
  readonly token: number;
  /** TiB that each provider holds. */
  readonly data: number;
  /** Days of an interval. */
  readonly days: number;
  /** US dollars a GiB of a keeper's traffic. */
  readonly traffic: number;
};

/** A day on a rollup at quiet times, and storage as it is sold in the large. */
export const defaultPrices: Prices = {
  gas: 0.01,
  coin: 3_000,
  storage: 4,
  token: 1,
  data: 4,
  days: 1,
  traffic: 0.01,
};
