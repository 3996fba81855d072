/** Progress of hashing for a person at a terminal; silent anywhere else. */
import type { HashProgress } from "../../storage/disk/hash-file.ts";

const BAR_CELLS = 24;

/** A callback for `HashOptions.onProgress`, or undefined when stderr is no terminal. */
export function hashProgressBar(label: string): ((progress: HashProgress) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  return ({ bytesDone, bytesTotal, bytesPerSecond }) => {
    const share = bytesDone / bytesTotal;
    const cells = Math.floor(share * BAR_CELLS);
    const bar = "#".repeat(cells).padEnd(BAR_CELLS, ".");
    const done = bytesDone >= bytesTotal;
    const left = done ? "" : `, ${Math.ceil((bytesTotal - bytesDone) / bytesPerSecond)} s left`;
    const rate = `${formatBytes(bytesPerSecond)}/s`;
    const text = `${label} [${bar}] ${Math.floor(share * 100)} % of ${formatBytes(bytesTotal)}, ${rate}${left}`;
    process.stderr.write(`\r\x1b[2K${text}${done ? "\n" : ""}`);
  };
}

/** Bytes with a binary unit, for people. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
