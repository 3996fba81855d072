/** Converts token units, gas and challenges to US dollars. */
import { readFileSync } from "node:fs";
import { defaultParams } from "../cluster.ts";
import type { Prices } from "./default-prices.ts";
import type { Account, Played, SettlementShape } from "./play.ts";

/** Challenges of a keeper to a provider in a day: a real slot is an hour long. */
const slotsPerDay = 24;
/** Blocks of a simulated slot. */
const slotBlocks = defaultParams.slot;
/** An answer with its 16 leaves and their paths (R11). */
const answerBytes = 27 * 1024;
const GiB = 1 << 30;
const month_days = 30;

type Measured = {
  readonly n: number;
  /** One group; all members sign and are paid. */
  readonly all: number;
  /** Added for each member that does not sign. */
  readonly absent: number;
  /** Added if a member is not paid; one more write, whatever their number. */
  readonly unpaid: number;
  /** Each further group in the transaction; all members are paid. */
  readonly further: number;
  /** Added to each further group if a member is not paid. */
  readonly furtherUnpaid: number;
};

const pages = ["gas-committees.md", "gas-groups.md"] as const;
/** The number of groups in a row of the tables. */
const groupsOfRow = 32;

/** Gas of a certificate and its groups, from the tables in docs/figures; tests measure their figures. */
export class GasTable {
  readonly #rows: readonly Measured[];
  readonly #provider: number;

  /** @param text the pages with the tables */
  constructor(text: string) {
    const figure = (name: string): number => {
      const line = text.split("\n").find((row) => row.startsWith(`| ${name} |`));
      const value = Number(line?.split("|")[2]?.replaceAll(",", "") ?? Number.NaN);
      if (!Number.isFinite(value)) throw new Error(`${pages.join(" and ")} have no figure for "${name}"`);
      return value;
    };
    this.#provider = figure("each further provider");
    this.#rows = [4, 31].map((n) => {
      const f = (n - 1) / 3;
      const all = figure(`n = ${n}: one group, all sign`);
      const absent = figure(`n = ${n}: one group, f do not sign`);
      const unpaid = figure(`n = ${n}: one group, f neither sign nor are paid`);
      const further = figure(`n = ${n}: each further group`);
      const each = figure(`n = ${n}: ${groupsOfRow} groups at once, f neither sign nor are paid, each`);
      return {
        n,
        all,
        absent: (absent - all) / f,
        unpaid: unpaid - absent,
        further,
        furtherUnpaid: (groupsOfRow * each - unpaid) / (groupsOfRow - 1) - further,
      };
    });
  }

  static read(): GasTable {
    const read = (page: string): string =>
      readFileSync(new URL(`../../docs/figures/${page}`, import.meta.url), "utf8");
    return new GasTable(pages.map(read).join("\n"));
  }

  /** Gas of one transaction with all groups, for any committee size by the line through the two measured sizes. */
  of(n: number, groups: number, providers: number, { absent, unpaid }: SettlementShape): number {
    const [low, high] = this.#rows as readonly [Measured, Measured];
    const share = (n - low.n) / (high.n - low.n);
    const at = (key: keyof Measured): number => low[key] + share * (high[key] - low[key]);
    const first = at("all") + absent * at("absent") + (unpaid > 0 ? at("unpaid") : 0);
    const further = at("further") + (unpaid > 0 ? at("furtherUnpaid") : 0);
    return first + (groups - 1) * further + groups * (providers - 1) * this.#provider;
  }
}

/** US dollars for an interval of one group in which all bytes are proven, providers' and keepers' part together. */
export function worthOf(prices: Prices, providers: number): number {
  return prices.storage * prices.token * prices.data * providers * (prices.days / month_days);
}

export type Books = { readonly earned: number; readonly gas: number; readonly traffic: number };

/** US dollars an interval and group: what the groups share is divided by their number. */
export function booksOf(account: Account, played: Played, prices: Prices, table: GasTable): Books {
  const providers = played.providers.length;
  const { groups } = prices;
  const intervals = played.blocks / played.interval;
  const used = account.sent.map((shape) => table.of(played.keepers.length, groups, providers, shape));
  const gas = (used.reduce((a, b) => a + b, 0) / groups) * prices.gas * 1e-9 * prices.coin;
  // A simulated interval has fewer slots than a real one, so the share of slots challenged is scaled up.
  const simulated = account.challenges / intervals / providers;
  const share = simulated / (played.interval / slotBlocks);
  const bytes = share * slotsPerDay * prices.days * providers * answerBytes;
  return {
    earned: earnedBy(account, played, prices) / intervals,
    gas: gas / intervals,
    traffic: (bytes / GiB) * prices.traffic,
  };
}

/** US dollars of a keeper's shares and of its part of the fee (R30), in the whole run. */
export function earnedBy({ earned, fees }: Account, played: Played, prices: Prices): number {
  const perProviderBlock = (prices.keeperFee * prices.token * (prices.days / month_days)) / played.interval;
  return dollars(earned, played, prices) + fees * perProviderBlock;
}

/**
 * Gas price in gwei at which the gas of a settlement costs as much as one keeper's share of it; above it, submitting is a loss.
 * @param share US dollars an interval and group
 */
export function breakEven(share: number, keepers: number, providers: number, prices: Prices): number {
  const { groups, coin } = prices;
  const gas = GasTable.read().of(keepers, groups, providers, { absent: 0, unpaid: 0 });
  return (share * groups) / (gas * 1e-9 * coin);
}

export function dollars(units: bigint, played: Played, prices: Prices): number {
  return (Number(units) / Number(played.unitsPerInterval)) * worthOf(prices, played.providers.length);
}
