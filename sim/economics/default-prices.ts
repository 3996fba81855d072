/** Prices of the study, and their default values. */
export type Prices = {
  /** Gas price in gwei. */
  readonly gas: number;
  /** US dollars for one coin of the chain; gas is paid in coins. */
  readonly coin: number;
  /** Tokens for a TiB and month, providers' and keepers' part together. */
  readonly storage: number;
  /** US dollars a token. */
  readonly token: number;
  /** Fee of the keepers (R30): tokens for a reserved provider and month, besides their part of the storage. */
  readonly keeperFee: number;
  /** Groups of this size that the committee serves; all of them go into one transaction (R41). */
  readonly groups: number;
  /** TiB that each provider holds. */
  readonly data: number;
  /** Days of an interval. */
  readonly days: number;
  /** US dollars a GiB of a keeper's traffic. */
  readonly traffic: number;
};

/** Gas of a rollup at low load, storage at wholesale prices, an interval of a day; one group without a keeper fee. */
export const defaultPrices: Prices = {
  gas: 0.01,
  coin: 3_000,
  storage: 4,
  token: 1,
  keeperFee: 0,
  groups: 1,
  data: 4,
  days: 1,
  traffic: 0.01,
};
