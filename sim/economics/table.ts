/** The rows of a study as text. */
import type { Row, Spread } from "./study.ts";

const columns = [
  "n",
  "strategy",
  "followers",
  "share",
  "gas",
  "profit",
  "against honest",
  "victim",
  "victim against silent",
  "payer",
  "provider",
];

/** Money in thousandths of a US dollar an interval and group, gains in percent; ± is the deviation between seeds. */
export function tableOf(rows: readonly Row[]): string[] {
  const cells = rows.map((row) => {
    const honest = row.strategy === "honest";
    return [
      String(row.committee),
      row.strategy,
      honest ? "-" : String(row.followers),
      thousandths(row.books.earned),
      thousandths(row.books.gas),
      thousandths(row.profit.mean),
      honest ? "" : percent(row.gain),
      honest || row.victimGain === undefined ? "" : percent(row.victimGain),
      row.victimAgainstSilent === undefined ? "" : percent(row.victimAgainstSilent),
      honest ? "" : percent(row.payerGain),
      honest ? "" : percent(row.providerGain),
    ];
  });
  const all = [columns, ...cells];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => (row[i] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  return all.map(line);
}

function thousandths(dollars: number): string {
  return (dollars * 1_000).toFixed(3);
}

export function percent({ mean, deviation }: Spread): string {
  // "0.00", never "-0.00".
  const value = (100 * mean).toFixed(2).replace(/^-(0\.00)$/, "$1");
  return `${mean > 0 && value !== "0.00" ? "+" : ""}${value} ± ${(100 * deviation).toFixed(2)}`;
}
