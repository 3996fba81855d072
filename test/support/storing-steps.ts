/** Steps of the tests of storing: makes a payer's file, stores it, reads it back, and sets the fault of a provider. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { generatedBytes } from "../../scripts/fleet/files.ts";
import type { Storing } from "./storing.ts";

/** A new file of the payer: its path. */
export function sourceOf({ folder }: Storing, name: string, bytes = 3_000_000): string {
  const path = join(folder, name);
  writeFileSync(path, generatedBytes(name, bytes));
  return path;
}

/** The words of a command that stores for 5,000 blocks. */
export function storing(path: string, copies: number): string[] {
  return ["store", path, "--copies", String(copies), "--for", "5000blocks", "--yes", "--json"];
}

/**
 * Reads an item of the payer's folder back, and compares its files.
 * @param paths the item's files, relative to the payer's folder
 * @param words more words of the command
 * @returns the providers that gave the item
 */
export async function expectReadable(
  scene: Storing,
  name: string,
  {
    paths = [name],
    words = [],
  }: { readonly paths?: readonly string[]; readonly words?: readonly string[] } = {},
): Promise<readonly string[]> {
  const out = mkdtempSync(join(scene.folder, "out-"));
  const { items } = await scene.json<{ items: { providers: string[] }[] }>(
    "get",
    name,
    "--out",
    out,
    ...words,
  );
  for (const path of paths) {
    expect(readFileSync(join(out, path)).equals(readFileSync(join(scene.folder, path)))).toBe(true);
  }
  return items.flatMap(({ providers }) => providers);
}

export function operatorOf({ community }: Storing, index: number): string {
  return community.providers.operators[index] as string;
}

export function folderOf({ community }: Storing, index: number): string {
  return community.providers.daemons[index]?.dataDir as string;
}

/** @param kind of a fault that `provider-sim` knows, or "none" */
export async function setFault(scene: Storing, index: number, kind: string): Promise<void> {
  const config = join(folderOf(scene, index), "provider.yaml");
  const set = await scene.run("provider-sim", "fault", kind, "--config", config);
  expect(set.code, set.stderr).toBe(0);
}
