/** The storage layout of contracts, as the compiler says it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { projectRoot } from "../../../scripts/paths.ts";

type Entry = { label: string; slot: string; offset: number; type: string };
type Layout = {
  storage: Entry[];
  types: Record<string, { numberOfBytes: string; members?: Entry[] }> | null;
};

const solc = createRequire(import.meta.url)("solc") as {
  compile(input: string, callbacks: { import(path: string): { contents: string } }): string;
};
const read = (path: string): string =>
  readFileSync(join(projectRoot, path.startsWith("@") ? "node_modules" : "", path), "utf8");

/**
 * Storage of contracts, by path below contracts/ ("Upkeeping"): names, slots, offsets and sizes; the compiler's own numbers
 * of types are left out.
 */
export function layoutOf(names: readonly string[]): Record<string, string[]> {
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
      const short = type.replaceAll(/\)\d+(_storage)?/g, ")");
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
      const { storage, types } = output.contracts[paths[i] as string][basename(name)].storageLayout as Layout;
      return [name, lines(storage, types)];
    }),
  );
}
