/** What the worker tells the page. Times are seconds since 1970, computed from some blocks of the chain. */

export type ManifestDocument = {
  readonly title: string;
  readonly description: string;
  readonly curator: string;
  readonly edition: number;
  readonly root: string;
};

/** Copies from a time on until the next entry. */
export type CopiesAt = { readonly time_s: number; readonly copies: number };

/** How files stand whose copies changed alike. */
export type StandDocument = {
  readonly now: number;
  readonly worst: CopiesAt;
  /** Index of the provider, and since when it has a proven copy without a gap. */
  readonly holders: readonly { readonly provider: number; readonly since_s: number }[];
  readonly series: readonly CopiesAt[];
};

export type FileDocument = {
  readonly name: string;
  readonly bytes: number;
  readonly root: string;
  readonly blake2b: string;
  /** The file from which it can be derived. */
  readonly derivedFrom: string | null;
  /** http and https URLs of the manifest. */
  readonly urls: readonly string[];
  /** Index of its stand. */
  readonly stand: number;
  /** An alarm is due. */
  readonly isAlarming: boolean;
};

export type ProviderDocument = {
  readonly operator: string;
  readonly groups: readonly string[];
  /** Files and bytes with a proven copy now, and the earliest time since when. */
  readonly files: number;
  readonly bytes: number;
  readonly since_s: number | null;
  /** The page has a list of its present data. */
  readonly isRead: boolean;
};

export type FunderDocument = {
  /** Null: the money was there before the group was. */
  readonly from: string | null;
  /** Token units. */
  readonly amount: string;
  readonly deposits: number;
  readonly last_s: number;
};

export type GroupDocument = {
  readonly group: string;
  readonly payer: string;
  /** Root that it announced last, of this edition and the one before; null: neither. */
  readonly announced: string | null;
  readonly token: { readonly address: string | null; readonly symbol: string; readonly decimals: number };
  /** Token units for each provider and 65,536 blocks. */
  readonly keeperFee: string;
  /** Units that are left. */
  readonly available: string;
  /** Largest first. */
  readonly funders: readonly FunderDocument[];
  /** Accounts that are not listed. */
  readonly moreFunders: number;
};

export type PointDocument = {
  readonly time_s: number;
  readonly fewest: number;
  readonly most: number;
  readonly mean: number;
  readonly below: number;
};

export type UnreadDocument = {
  readonly operator: string;
  readonly listRoot: string;
  readonly from_s: number;
  /** Null: now, too. */
  readonly to_s: number | null;
};

export type StandingDocument = {
  readonly manifest: ManifestDocument;
  readonly head: { readonly block: number; readonly time_s: number };
  readonly from_s: number;
  readonly days: number;
  readonly least: number;
  readonly readers: readonly string[];
  readonly files: readonly FileDocument[];
  readonly stands: readonly StandDocument[];
  readonly providers: readonly ProviderDocument[];
  readonly groups: readonly GroupDocument[];
  readonly points: readonly PointDocument[];
  /** Files of the picture: those that cannot be derived, or all if all can. */
  readonly pictured: number;
  readonly unread: readonly UnreadDocument[];
  /** What was not as it should be, but stops nothing. */
  readonly remarks: readonly string[];
};

export type Told =
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "manifest"; readonly manifest: ManifestDocument }
  | { readonly kind: "standing"; readonly standing: StandingDocument }
  | { readonly kind: "failed"; readonly problems: readonly string[] };

/** A file to read, with what the manifest says of it. */
export type DownloadOrder = {
  readonly readers: readonly string[];
  readonly file: { readonly root: string; readonly bytes: number; readonly blake2b: string };
};

export type DownloadTold =
  | { readonly kind: "progress"; readonly proven: number }
  | {
      readonly kind: "done";
      readonly blob: Blob;
      readonly sources: readonly string[];
      /** Sources that failed or sent wrong bytes. */
      readonly faults: readonly string[];
    }
  | { readonly kind: "failed"; readonly reason: string };
