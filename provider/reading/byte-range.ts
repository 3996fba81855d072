/** The header fields Range, If-Range, If-Match and If-None-Match of a request for a piece (RFC 9110, sections 13 and 14). */

/** Bytes [start, end). */
export type ByteRange = { readonly start: number; readonly end: number };
export type WantedBytes =
  | ({ readonly kind: "all" | "part" } & ByteRange)
  | { readonly kind: "unsatisfiable"; readonly reason: string };

const unit = /^bytes=/i;
const oneRange = /^bytes=[ \t]*(\d{0,16})-(\d{0,16})[ \t]*$/i;

/** Another unit than bytes is ignored, as RFC 9110 says; several ranges and a form that is none are refused. */
export function wantedBytes(header: string | undefined, size: number): WantedBytes {
  const all: WantedBytes = { kind: "all", start: 0, end: size };
  if (header === undefined || !unit.test(header)) return all;
  if (header.includes(",")) {
    return unsatisfiable("expected one range, actual several; ask for each with a request of its own");
  }
  const [, from, to] = oneRange.exec(header) ?? [];
  if (from === undefined || to === undefined || (from === "" && to === "")) {
    return unsatisfiable("expected bytes=FIRST-LAST, bytes=FIRST- or bytes=-COUNT, actual another form");
  }
  if (from === "") {
    const start = Math.max(0, size - Number(to));
    return start < size ? { kind: "part", start, end: size } : unsatisfiable("expected at least one byte");
  }
  const start = Number(from);
  const end = to === "" ? size : Math.min(size, Number(to) + 1);
  if (start >= size) return unsatisfiable(`expected a first byte below the size of ${size}, actual ${start}`);
  if (end <= start) return unsatisfiable(`expected a last byte from ${start} on, actual ${to}`);
  return { kind: "part", start, end };
}

function unsatisfiable(reason: string): WantedBytes {
  return { kind: "unsatisfiable", reason };
}

/** Whether an If-None-Match or If-Match field names the tag. @param isWeak W/"…" counts, too */
export function namesTag(header: string, tag: string, isWeak: boolean): boolean {
  if (header.trim() === "*") return true;
  const tags = header.split(",").map((one) => one.trim());
  return tags.some((one) => one === tag || (isWeak && one === `W/${tag}`));
}

/** Whether a Range field is in force. With an If-Range field that has a date or another tag, the request is for the whole piece. */
export function rangeCounts(ifRange: string | undefined, tag: string): boolean {
  return ifRange === undefined || ifRange.trim() === tag;
}
