/** Prints what a ceremony's reader found: for people, or as one document. */
import type { CeremonyReport } from "../../ceremony/report.ts";
import { counted } from "../../protocol/counted.ts";
import { printLine } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import type { ArchiveReading } from "./ceremony-archive.ts";

export type Mine = {
  readonly hash: string;
  /** Index of the contribution; null if it is not among these. */
  readonly index: number | null;
  readonly name: string | null;
  /** Contributions whose hash these bytes do not show. */
  readonly unknown: number;
};

export function whereIs(hash: string, { contributions }: CeremonyReport): Mine {
  const found = contributions.find((own) => own.hash === hash || own.name === hash);
  const unknown = hash.startsWith("0x") ? contributions.filter((own) => own.hash === undefined).length : 0;
  return { hash, index: found?.index ?? null, name: found?.name ?? null, unknown };
}

/** @param reading of an archive's files */
export function documentOf(
  report: CeremonyReport,
  mine: Mine | undefined,
  reading: ArchiveReading | undefined,
): object {
  return {
    ...report,
    power: report.power ?? null,
    contributions: report.contributions.map((own) => ({
      ...own,
      name: own.name ?? null,
      hash: own.hash ?? null,
    })),
    beacon: report.beacon ? { ...report.beacon, ok: report.beacon.ok ?? null } : null,
    ...(mine === undefined ? {} : { mine }),
    ...reading,
  };
}

function printSentences(title: string, sentences: readonly string[]): void {
  if (sentences.length === 0) return;
  printLine(title);
  for (const sentence of sentences) printLine(`  ${sentence}`);
}

function printMine({ hash, index, name, unknown }: Mine): void {
  printLine();
  if (index !== null) printLine(`contribution ${hash} is number ${index}${name === null ? "" : `, ${name}`}`);
  else
    printLine(
      `contribution ${hash} is NOT among these${unknown === 0 ? "" : `; ${counted(unknown, "contribution")} without a known hash: use --depth hashes`}`,
    );
}

function beaconResult(ok: boolean | undefined): string {
  if (ok === undefined) return "not checked";
  return ok ? "ok" : "FAILED";
}

function printReading({ manifest, edition, announced, bytesRead, bytesOfFiles }: ArchiveReading): void {
  printLine(`manifest ${manifest}, edition ${edition}`);
  for (const { group, root, block } of announced ?? [])
    printLine(
      `  announced by group ${group} in block ${block}${root === manifest ? "" : `: another, ${root}`}`,
    );
  printLine(`read ${formatBytes(bytesRead)} of files with ${formatBytes(bytesOfFiles)}`);
}

export function printReport(
  report: CeremonyReport,
  mine: Mine | undefined,
  reading: ArchiveReading | undefined,
): void {
  const { kind, curve, power, contributions, beacon, checked, notChecked, problems, ok } = report;
  printLine(`${kind}, ${curve}${power === undefined ? "" : `, 2^${power} powers`}`);
  for (const { index, name, hash, ok: holds, checks } of contributions) {
    const failed = Object.entries(checks).flatMap(([check, passed]) => (passed ? [] : [check]));
    const result = holds
      ? `ok, ${counted(Object.keys(checks).length, "check")}`
      : `FAILED: ${failed.join(", ")}`;
    printLine(`contribution ${index}  ${name ?? "without a name"}  ${result}`);
    if (hash !== undefined) printLine(`  ${hash}`);
  }
  if (reading) printReading(reading);
  if (beacon)
    printLine(`beacon ${beacon.source} ${beaconResult(beacon.ok)}: ${beacon.value}, ${beacon.detail}`);
  printSentences("checked:", checked);
  printSentences("not checked:", notChecked);
  printSentences("does NOT hold:", problems);
  if (mine) printMine(mine);
  printLine(ok ? "all that was checked holds" : "the ceremony's files are NOT right");
}
