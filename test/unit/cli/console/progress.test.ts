import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { formatBytes, progressBar } from "../../../../cli/console/progress.ts";

/** The part of a terminal that a bar uses. */
function terminal(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let written = "";
  const through = new PassThrough();
  through.setEncoding("utf8").on("data", (chunk: string) => (written += chunk));
  const stream = Object.assign(through, {
    isTTY,
    columns: 200,
    rows: 50,
    cursorTo: () => true,
    clearLine: () => true,
  }) as unknown as NodeJS.WriteStream;
  return { stream, text: () => written };
}

describe("the progress bar", () => {
  it("shows share, amount and rate on a terminal", async () => {
    const { stream, text } = terminal(true);
    let now = 0;
    const bar = progressBar({
      label: "hashing",
      total: 4096,
      format: formatBytes,
      stream,
      now_ms: () => now,
    });
    now = 2_000;
    bar?.update(4096, "3 files");
    bar?.stop();
    await new Promise((next) => setImmediate(next));
    expect(text()).toContain("hashing");
    expect(text()).toContain("100 % of 4.0 KiB, 2.0 KiB/s, done; 3 files");
  });

  it("is undefined if the stream is not a terminal", () => {
    const { stream, text } = terminal(false);
    expect(progressBar({ label: "hashing", total: 1, stream })).toBeUndefined();
    expect(text()).toBe("");
  });
});
