/** Compares the storage layout of a group with a snapshot: three contracts run on the same storage. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { layoutOf } from "../support/contracts/layout.ts";

const snapshotFile = new URL("../vectors/storage-layout.json", import.meta.url);

describe("storage", () => {
  const parts = ["Upkeeping", "UpkeepingEscrow", "UpkeepingMembers"];
  const layout = layoutOf([...parts, "Registry"]);

  it("is the same in all three contracts behind a group", () => {
    for (const part of parts) expect(layout[part]).toEqual(layout["Upkeeping"]);
  });

  it("is laid out as in the snapshot (WHITEPAY_WRITE_LAYOUT=1 writes it)", () => {
    const current = { group: layout["Upkeeping"], registry: layout["Registry"] };
    if (process.env["WHITEPAY_WRITE_LAYOUT"] === "1") {
      writeFileSync(snapshotFile, `${JSON.stringify(current, null, 2)}\n`);
    }
    expect(current).toEqual(JSON.parse(readFileSync(snapshotFile, "utf8")));
  });

  it("belongs to code that fits the size limit", () => {
    for (const name of [...parts, "Registry", "UpkeepingFactory"]) {
      const { bytecode } = artifact(name);
      expect((bytecode.length - 2) / 2, name).toBeLessThan(24_576 + 1_000);
    }
  });

  it("has one function for each selector, so that no part shadows another's", () => {
    const selectors = parts.map((name) => {
      const abi = artifact(name).abi as { type: string; name?: string }[];
      return abi.filter(({ type }) => type === "function").map((entry) => entry.name);
    });
    const all = selectors.flat();
    expect(new Set(all).size).toBe(all.length);
    const whole = (artifact("IUpkeeping").abi as { type: string; name?: string }[]).filter(
      (e) => e.type === "function",
    );
    const text = (a = "", b = ""): number => a.localeCompare(b);
    expect([...new Set(all)].sort(text)).toEqual(whole.map((entry) => entry.name).sort(text));
  });
});
