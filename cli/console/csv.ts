/** Lines of comma-separated values as RFC 4180 has them. */

/** What a table's field may be. */
export type CsvValue = string | number | bigint | boolean | null;

function field(value: CsvValue): string {
  if (value === null) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvLine(values: readonly CsvValue[]): string {
  return `${values.map(field).join(",")}\r\n`;
}
