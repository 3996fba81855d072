/** The file through which a running daemon gets its faults. */
import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Hex } from "../../../protocol/hash.ts";
import { faultPath, faultReader, writeFaults } from "../../../provider-sim/fault-file.ts";
import { temporaryFolder } from "../../support/files.ts";

const group: Hex = `0x${"A1".repeat(20)}`;

describe("the fault file", () => {
  it("is read again after each change, and means no fault if it is missing or not valid", async () => {
    const folder = await temporaryFolder();
    const invalid: string[] = [];
    const read = faultReader(folder, (text) => invalid.push(text));
    expect(await read()).toEqual([]);
    await writeFaults(folder, [{ kind: "slow", delay_ms: 5 }, { kind: "corrupt" }]);
    expect(await read()).toEqual([{ kind: "slow", delay_ms: 5 }, { kind: "corrupt" }]);
    await writeFaults(folder, [{ kind: "only-keepers", keepers: [group] }]);
    expect(await read()).toEqual([{ kind: "only-keepers", keepers: [group.toLowerCase()] }]);
    await writeFile(faultPath(folder), '[{"kind":"explode"}]');
    expect([await read(), await read()]).toEqual([[], []]);
    expect(invalid).toHaveLength(1);
    await writeFaults(folder, []);
    expect(await read()).toEqual([]);
  });
});
