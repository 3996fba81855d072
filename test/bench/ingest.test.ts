import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { IngestFigures } from "../../scripts/bench/ingest.ts";

const script = fileURLToPath(new URL("../../scripts/bench/ingest.ts", import.meta.url));

describe("hashing a file into a piece", () => {
  it("runs at 0.4 or more of a raw SHA-256 stream on one core, both measured in this run", async () => {
    // In a process of its own: a test runner wraps every call into another module, and this is a million calls.
    // Short rounds in turns, best of each: what another process takes of the machine is taken from both.
    const { stdout } = await promisify(execFile)(process.execPath, [
      script,
      "--megabytes",
      "32",
      "--rounds",
      "16",
      "--json",
    ]);
    const { ratio, rawBytesPerSecond, treeBytesPerSecond } = JSON.parse(stdout) as IngestFigures;
    const speed = (bytesPerSecond: number): string => `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`;
    process.stderr.write(
      `ingest: tree ${speed(treeBytesPerSecond)}, raw ${speed(rawBytesPerSecond)}, ratio ${ratio.toFixed(2)}\n`,
    );
    expect(ratio).toBeGreaterThanOrEqual(0.4);
  });
});
