/** RFC 8785 (JSON Canonicalization Scheme) for documents whose numbers are whole: the order of their keys changes nothing. */

/** @throws RangeError for a value that has no canonical form: a fraction, text with a lone surrogate, a function */
export function canonicalText(value: unknown): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new RangeError(`expected a whole number, actual ${value}`);
    // Also -0, as 0.
    return JSON.stringify(value);
  }
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new RangeError("expected valid Unicode, actual a lone surrogate");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  if (typeof value !== "object") throw new RangeError(`expected JSON, actual ${typeof value}`);
  // `sort` compares UTF-16 code units, as the RFC demands.
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${canonicalText(key)}:${canonicalText(field)}`);
  return `{${fields.join()}}`;
}
