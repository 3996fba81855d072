/** Finds the manifest at its URLs and at providers. Its root decides, so no place is trusted. */
import type { Hex } from "../../protocol/hash.ts";
import { manifestName, pathOfFile } from "../http-path.ts";
import { canonicalBytes, decodeManifest, manifestRoot, maxArchiveBytes, readArchive } from "../manifest.ts";
import type { Manifest } from "../schema.ts";
import { fetchBounded } from "./bounded.ts";
import type { PageSettings } from "./settings.ts";

export type FoundManifest = { readonly manifest: Manifest; readonly remarks: readonly string[] };

/** @throws Error whose message has a line for each place */
export async function findManifest(settings: PageSettings, base: string): Promise<FoundManifest> {
  const { manifest: root, manifestUrls, readers } = settings;
  const places = [
    ...manifestUrls,
    ...readers.map((reader) => reader.replace(/\/+$/, "") + pathOfFile(root, manifestName)),
  ];
  const faults: string[] = [];
  for (const place of places) {
    try {
      const bytes = await fetchBounded(place, base, maxArchiveBytes);
      return { manifest: manifestIn(bytes, root), remarks: faults };
    } catch (error) {
      faults.push(`${place} does not give the manifest: ${(error as Error).message}`);
    }
  }
  throw new Error(places.length === 0 ? "settings.json names no place of the manifest" : faults.join("\n"));
}

/** @param bytes canonical ones, or an `archive.json` @throws Error */
export function manifestIn(bytes: Uint8Array, root: Hex): Manifest {
  const canonical = decodeManifest(bytes);
  const archive = canonical.ok ? undefined : readArchive(bytes);
  if (archive?.ok === false) throw new Error(`it is no manifest: ${archive.detail}`);
  const manifest = canonical.ok ? canonical.value : archive?.value.manifest;
  if (manifest === undefined) throw new Error("it is no manifest");
  const found = manifestRoot(canonicalBytes(manifest));
  if (found !== root.toLowerCase()) {
    throw new Error(`it is another manifest: root: expected ${root}, actual ${found}`);
  }
  return manifest;
}
