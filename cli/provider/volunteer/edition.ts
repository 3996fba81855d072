/** The edition that a group announced last, from the file that the host has, an earlier run, or providers (R46). */
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { chainFaults, diffEditions } from "../../../archive/editions.ts";
import { canonicalBytes, decodeManifest, manifestRoot } from "../../../archive/manifest.ts";
import type { Manifest } from "../../../archive/schema.ts";
import { counted } from "../../../protocol/counted.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { writeFileAtomic } from "../../../storage/disk/atomic-write.ts";
import { CliError, exitCodes } from "../../console/exit.ts";
import { say } from "../../console/output.ts";

/** Editions between two runs of a host that are read one by one. */
const mostEditions = 256;

export type Edition = { readonly manifest: Manifest; readonly root: Hex };

export const editionOf = (manifest: Manifest): Edition => {
  return { manifest, root: manifestRoot(canonicalBytes(manifest)) };
};

/** What an earlier run followed; undefined: nothing, or a file that is no manifest. */
export async function keptEdition(path: string): Promise<Edition | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  const decoded = bytes === undefined ? undefined : decodeManifest(bytes);
  return decoded?.ok === true ? editionOf(decoded.value) : undefined;
}

export async function keepEdition(path: string, { manifest }: Edition): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, canonicalBytes(manifest));
}

/**
 * The edition with the announced root, if it follows one that the host knows: each edition names the one before, and drops nothing silently.
 * @param known the given manifest, and that of an earlier run
 * @param read the manifest with a root, from providers
 * @throws CliError exit 3 if nobody gives an edition, exit 1 if it does not follow
 */
export async function announcedEdition(
  announced: Hex,
  known: readonly Edition[],
  read: (root: Hex) => Promise<Manifest>,
): Promise<Edition> {
  const own = (root: Hex): Edition | undefined => known.find((one) => one.root === root);
  const found = own(announced);
  if (found !== undefined) return found;
  const chain: Manifest[] = [];
  for (let root: Hex | null = announced; root !== null && own(root) === undefined;) {
    if (chain.length >= mostEditions) throw strange(`more than ${mostEditions} editions lie between`);
    const manifest: Manifest = await read(root).catch((error: unknown) => {
      throw new CliError({
        code: exitCodes.network,
        message: `the group announced the edition ${root}, and no provider gives it`,
        actual: (error as Error).message,
        hint: "name its file as MANIFEST, or a server that has it with --from; the curator has both",
        cause: error,
      });
    });
    chain.unshift(manifest);
    root = manifest.previous;
  }
  const last = chain.at(-1) as Manifest;
  const before = own((chain[0] as Manifest).previous ?? announced);
  if (before === undefined) throw strange("no edition before it is the manifest that you named");
  const all = [before.manifest, ...chain];
  const [fault] = chainFaults(all);
  if (fault !== undefined) throw strange(fault);
  tellChanges(all);
  return { manifest: last, root: announced };
}

function strange(why: string): CliError {
  return new CliError({
    code: exitCodes.failed,
    message: `the announced edition does not follow the manifest: ${why}`,
    expected: "editions that each name the one before, and list what they drop",
    hint: "ask the curator; what is stored stays",
  });
}

function tellChanges(editions: readonly Manifest[]): void {
  for (const [i, after] of editions.entries()) {
    const before = editions[i - 1];
    if (before === undefined) continue;
    const { added, dropped } = diffEditions(before, after);
    say(`edition ${after.edition}: ${counted(added.length, "new file")}`);
    for (const { name, reason } of dropped)
      say(`edition ${after.edition} drops ${name} (${reason}): what is stored of it stays`);
  }
}
