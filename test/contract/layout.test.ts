/** Compares the storage layout of a group with a snapshot: three contracts run on the same storage. */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { projectRoot } from "../../scripts/paths.ts";

type Entry = { label: string; slot: string; offset: number; type: string };
type Layout = {
  storage: Entry[];
  types: Record<string, { numberOfBytes: string; members?: Entry[] }> | null;
};

const solc = createRequire(import.meta.url)("solc") as {
  compile(input: string, callbacks: { import(path: string): { contents: string } }): string;
};
const snapshotFile = new URL("../vectors/storage-layout.json", import.meta.url);

const read = (path: string): string =>
  readFileSync(join(projectRoot, path.startsWith("@") ? "node_modules" : "", path), "utf8");

/** Names, slots, offsets and sizes; the compiler's own numbers of types are left out. */
function layoutOf(names: readonly string[]): Record<string, string[]> {
  const paths = names.map((name) => `contracts/${name}.sol`);
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(paths.map((path) => [path, { content: read(path) }])),
    settings: { evmVersion: "osaka", viaIR: true, outputSelection: { "*": { "*": ["storageLayout"] } } },
  };
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: (path) => ({ contents: read(path) }) }),
  );
  const lines = (entries: Entry[], types: Layout["types"], indent = ""): string[] =>
    entries.flatMap(({ label, slot, offset, type }) => {
      const found = types?.[type];
      const short = type.replaceAll(/\)\d+_storage/g, ")");
      const members = /^t_(struct|mapping|array)/.test(type) ? structsIn(type, types, indent) : [];
      return [`${indent}${slot}+${offset} ${label}: ${short} (${found?.numberOfBytes} bytes)`, ...members];
    });
  const structsIn = (type: string, types: Layout["types"], indent: string): string[] => {
    const struct = /t_struct\(\w+\)\d+_storage/.exec(type)?.[0];
    const members = struct === undefined ? undefined : types?.[struct]?.members;
    return members === undefined ? [] : lines(members, types, `${indent}  `);
  };
  return Object.fromEntries(
    names.map((name, i) => {
      const { storage, types } = output.contracts[paths[i] as string][name].storageLayout as Layout;
      return [name, lines(storage, types)];
    }),
  );
}

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
