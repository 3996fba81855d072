/** Which files of a manifest belong to the ceremony that is verified. */
import { layoutOfSize } from "../../ceremony/powers-of-tau/layout.ts";
import { filesOf } from "../../archive/manifest.ts";
import { matchesName } from "../../archive/names.ts";
import type { ArchiveFile, Manifest } from "../../archive/schema.ts";
import { counted } from "../../protocol/counted.ts";
import { usageError } from "../console/exit.ts";
import { quote } from "../console/options.ts";

export type ChoiceOptions = {
  readonly collection?: string;
  /** Names, with * for any characters. */
  readonly files?: readonly string[];
};

export type Choice =
  /** Challenges and responses of Powers of Tau. */
  | {
      readonly kind: "chain";
      readonly files: readonly ArchiveFile[];
      readonly others: readonly ArchiveFile[];
    }
  /** One file of another format. */
  | { readonly kind: "file"; readonly file: ArchiveFile; readonly others: readonly ArchiveFile[] };

const shownNames = 5;

/** The first names of a list, for messages. */
export function someNames(names: readonly string[]): string {
  return `${names.slice(0, shownNames).join(", ")}${names.length > shownNames ? `, … (${names.length})` : ""}`;
}

const matcherOf =
  (pattern: string) =>
  ({ name }: ArchiveFile): boolean =>
    matchesName(pattern, name);

function inCollection(manifest: Manifest, name: string | undefined): readonly ArchiveFile[] {
  if (name === undefined) return filesOf(manifest);
  const found = manifest.collections.find((own) => own.name === name);
  if (found !== undefined) return found.files;
  throw usageError("the manifest has no collection of this name", {
    expected: `one of ${someNames(manifest.collections.map((own) => own.name))}`,
    actual: quote(name),
  });
}

/** Whether a name without an ending says that the file is a challenge or a response. */
function isNamedLikeChain({ name }: ArchiveFile): boolean {
  return /^[^.]*(?:challenge|response)[^.]*$/i.test(name.slice(name.lastIndexOf("/") + 1));
}

/**
 * Challenges and responses are known by their sizes, so a file that is only named like one is refused.
 * @throws CliError exit 2 if the options choose nothing, or files that cannot be verified together
 */
export function chosenFiles(manifest: Manifest, { collection, files: patterns }: ChoiceOptions): Choice {
  const all = inCollection(manifest, collection);
  for (const pattern of patterns ?? []) {
    if (all.some(matcherOf(pattern))) continue;
    throw usageError("no file of the manifest has this name", {
      expected: `one of ${someNames(all.map(({ name }) => name))}`,
      actual: quote(pattern),
    });
  }
  const matchers = patterns?.map(matcherOf);
  const chosen = matchers ? all.filter((file) => matchers.some((fits) => fits(file))) : all;
  const chain = chosen.filter(({ bytes }) => layoutOfSize(bytes) !== undefined);
  const others = chosen.filter(({ bytes }) => layoutOfSize(bytes) === undefined);
  const [only] = others;
  if (chain.length === 0 && others.length === 1 && only !== undefined)
    return { kind: "file", file: only, others: [] };
  const wrong = others.find(isNamedLikeChain);
  if (wrong !== undefined)
    throw usageError(`${wrong.name}: its size in the manifest is that of no challenge and no response`, {
      expected: "the size of a challenge or a response of 2^p powers",
      actual: `${wrong.bytes} bytes`,
      hint: "if it is another file, choose the others with --files",
    });
  if (chain.length > 0) return { kind: "chain", files: chain, others };
  throw usageError("the manifest has no challenge and no response of Powers of Tau", {
    expected: "files of one ceremony; with --files one file of another format",
    actual: counted(chosen.length, "other file"),
  });
}
