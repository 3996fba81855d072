/** Location of the ledger: an embedded file by default, a PostgreSQL server by URL. */

export class LedgerError extends Error {}

export type LedgerLocation =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string; readonly password?: string };

/** A `postgres://` URL, or the path of a file. */
export function ledgerLocation(where: string, password?: string): LedgerLocation {
  if (!/^postgres(ql)?:\/\//.test(where)) return { kind: "file", path: where };
  return { kind: "postgres", url: where, ...(password === undefined ? {} : { password }) };
}

/** Text for logs, without the password. */
export function locationText(location: LedgerLocation): string {
  if (location.kind === "file") return location.path;
  const url = new URL(location.url);
  url.password = "";
  return url.toString();
}
