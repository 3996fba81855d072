/** Where the ledger lies: an embedded file by default, a PostgreSQL server by URL. */

export class LedgerError extends Error {}

export type LedgerPlace =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string; readonly password?: string };

/** A `postgres://` URL, or the path of a file. */
export function ledgerPlace(where: string, password?: string): LedgerPlace {
  if (!/^postgres(ql)?:\/\//.test(where)) return { kind: "file", path: where };
  return { kind: "postgres", url: where, ...(password === undefined ? {} : { password }) };
}

/** A place without what nobody should read in a log. */
export function placeText(place: LedgerPlace): string {
  if (place.kind === "file") return place.path;
  const url = new URL(place.url);
  url.password = "";
  return url.toString();
}
