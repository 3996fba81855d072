/**
 * What a payer has stored, by name. The catalogue is itself a piece, encrypted and stored beside the data under the name "catalogue",
 * so that a new machine needs the payer's key and the group's address alone (R45). It has one canonical form: the same content is
 * always the same bytes.
 */
import { getAddress, isAddress } from "ethers";
import { equalBytes } from "../../storage/core/bytes.ts";
import { accept, reject, type Result } from "../../storage/core/result.ts";

/** The payer's name of the catalogue's piece at every provider. */
export const catalogueName = "catalogue";
const catalogueVersion = 1;
/** A catalogue is held in memory whole. An item of three copies takes less than 1 KiB: this holds as many as a provider's list has pieces, 65,536. */
export const maxCatalogueBytes = 64 * 1024 * 1024;
/** As long as a file name may be on common file systems. */
const maxNameBytes = 255;
/** R33: providers of a group. */
const maxCopies = 256;

export type Copy = {
  /** Operator, with checksum. */
  readonly provider: string;
  /** Root of the piece that it stores, 0x and 64 digits in lower case. */
  readonly root: string;
  /** Bytes of that piece. */
  readonly bytes: number;
};

export type CatalogueItem = {
  readonly name: string;
  readonly kind: "file" | "folder";
  /** Plain bytes: of the file, or of the folder's tar stream. */
  readonly bytes: number;
  /** Time of the last change, in microseconds since 1970. */
  readonly modified_us: number;
  /** SHA-256 over names, sizes and times of the source: tells whether it is the same as at the last `store`. */
  readonly fingerprint: string;
  /** Stored as it is, readable for everybody. */
  readonly isPublic: boolean;
  /** Copies that `repair` restores. */
  readonly wanted: number;
  /** Ascending by provider, one for each. */
  readonly copies: readonly Copy[];
};

export type Catalogue = {
  /** One more with every change; the highest is the newest. */
  readonly sequence: number;
  /** Ascending by name, each once. */
  readonly items: readonly CatalogueItem[];
};

export const emptyCatalogue: Catalogue = { sequence: 0, items: [] };

export type CatalogueCode = "too-large" | "malformed" | "not-canonical";

const encoder = new TextEncoder();

/** Why a name cannot be an item's; undefined if it can. It must be one part of a path on every machine. */
export function nameFault(name: string): string | undefined {
  if (name === "" || name === "." || name === "..") return "expected the name of a file or folder";
  if (name === catalogueName) return `"${catalogueName}" is the name of the catalogue itself`;
  if (/[/\\\p{Cc}]/u.test(name)) return "expected no slash, backslash or control character";
  if (!name.isWellFormed()) return "expected valid Unicode";
  const bytes = encoder.encode(name).length;
  return bytes > maxNameBytes ? `expected at most ${maxNameBytes} bytes, actual ${bytes}` : undefined;
}

const ascending = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** @throws RangeError for what no catalogue holds; `decodeCatalogue` reads the result back */
export function encodeCatalogue({ sequence, items }: Catalogue): Uint8Array {
  const document = {
    version: catalogueVersion,
    sequence,
    items: [...items]
      .sort((a, b) => ascending(a.name, b.name))
      .map(({ name, kind, bytes, modified_us, fingerprint, isPublic, wanted, copies }) => ({
        name,
        kind,
        bytes,
        modified_us,
        fingerprint,
        public: isPublic,
        wanted,
        copies: copies
          .map((copy) => ({ ...copy, provider: getAddress(copy.provider) }))
          .sort((a, b) => ascending(a.provider, b.provider))
          .map(({ provider, root, bytes: pieceBytes }) => ({ provider, root, bytes: pieceBytes })),
      })),
  };
  const bytes = encoder.encode(JSON.stringify(document));
  const fault = faultOf(document) ?? tooLarge(bytes.length);
  if (fault !== undefined) throw new RangeError(`catalogue: ${fault}`);
  return bytes;
}

const tooLarge = (bytes: number): string | undefined =>
  bytes > maxCatalogueBytes ? `expected at most ${maxCatalogueBytes} bytes, actual ${bytes}` : undefined;

/** Bytes come from a provider: every fault is a rejection. */
export function decodeCatalogue(bytes: Uint8Array): Result<Catalogue, CatalogueCode> {
  const large = tooLarge(bytes.length);
  if (large !== undefined) return reject("too-large", large);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    return reject("malformed", `expected a JSON document: ${(error as Error).message.slice(0, 120)}`);
  }
  const fault = faultOf(document);
  if (fault !== undefined) return reject("malformed", fault);
  const { sequence, items } = document as CatalogueDocument;
  const catalogue = {
    sequence,
    items: items.map(({ public: isPublic, ...rest }) => ({ ...rest, isPublic })),
  };
  return equalBytes(encodeCatalogue(catalogue), bytes)
    ? accept(catalogue)
    : reject("not-canonical", "the document is not in its canonical form");
}

type CatalogueDocument = {
  readonly sequence: number;
  readonly items: readonly (Omit<CatalogueItem, "isPublic"> & { readonly public: boolean })[];
};

type Fields = Readonly<Record<string, unknown>>;

const isCount = (value: unknown, least = 0): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least;
const isHash = (value: unknown): boolean => typeof value === "string" && /^0x[0-9a-f]{64}$/.test(value);

/** Whether it is an object with exactly these fields. */
function isRecord(value: unknown, names: readonly string[]): value is Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const own = Object.keys(value);
  return own.length === names.length && names.every((name) => own.includes(name));
}

const itemFields = [
  "name",
  "kind",
  "bytes",
  "modified_us",
  "fingerprint",
  "public",
  "wanted",
  "copies",
] as const;

function faultOf(document: unknown): string | undefined {
  if (!isRecord(document, ["version", "sequence", "items"])) return "expected version, sequence and items";
  const { version, sequence, items } = document;
  if (version !== catalogueVersion) return `version: expected ${catalogueVersion}, actual ${String(version)}`;
  if (!isCount(sequence)) return "sequence: expected a whole number";
  if (!Array.isArray(items)) return "items: expected a list";
  const seen = new Set<unknown>();
  for (const [index, item] of items.entries()) {
    const fault = itemFault(item);
    if (fault !== undefined) return `item ${index}: ${fault}`;
    const { name } = item as Fields;
    if (seen.has(name)) return `item ${index}: the name appears twice`;
    seen.add(name);
  }
  return undefined;
}

function itemFault(item: unknown): string | undefined {
  if (!isRecord(item, itemFields)) return `expected ${itemFields.join(", ")}`;
  const { name, kind, bytes, modified_us, fingerprint, wanted, copies } = item;
  if (typeof name !== "string") return "name: expected a text";
  const fault = nameFault(name);
  if (fault !== undefined) return `name: ${fault}`;
  if (kind !== "file" && kind !== "folder") return 'kind: expected "file" or "folder"';
  if (!isCount(bytes)) return "bytes: expected a whole number";
  if (!Number.isSafeInteger(modified_us)) return "modified_us: expected a whole number";
  if (!isHash(fingerprint)) return "fingerprint: expected 32 bytes of hex";
  if (typeof item["public"] !== "boolean") return "public: expected true or false";
  if (!isCount(wanted, 1) || wanted > maxCopies) return `wanted: expected 1 to ${maxCopies}`;
  if (!Array.isArray(copies) || copies.length > maxCopies) return `copies: expected at most ${maxCopies}`;
  const providers = new Set<unknown>();
  for (const copy of copies) {
    if (!isRecord(copy, ["provider", "root", "bytes"])) return "copy: expected provider, root and bytes";
    const { provider, root, bytes: pieceBytes } = copy;
    if (typeof provider !== "string" || !isAddress(provider)) return "copy: expected a provider's address";
    if (!isHash(root) || !isCount(pieceBytes, 1)) return "copy: expected a root and its bytes";
    if (providers.has(provider)) return "copy: the provider appears twice";
    providers.add(provider);
  }
  return undefined;
}

/**
 * The newest of several catalogues: the highest sequence. Two runs on two machines may have made the same one; then the larger
 * encoding counts, byte by byte, so that every machine takes the same.
 */
export function newestCatalogue(found: readonly Catalogue[]): Catalogue | undefined {
  return found.reduce<Catalogue | undefined>(
    (best, one) => (best === undefined || isNewer(one, best) ? one : best),
    undefined,
  );
}

function isNewer(one: Catalogue, than: Catalogue): boolean {
  if (one.sequence !== than.sequence) return one.sequence > than.sequence;
  const [a, b] = [encodeCatalogue(one), encodeCatalogue(than)];
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at >= 0 && (b[at] === undefined || (a[at] as number) > b[at]);
}

/** The catalogue with some items put in or replaced by name, and others taken out. */
export function changedCatalogue(
  { sequence, items }: Catalogue,
  { put = [], remove = [] }: { readonly put?: readonly CatalogueItem[]; readonly remove?: readonly string[] },
): Catalogue {
  const gone = new Set([...remove, ...put.map(({ name }) => name)]);
  const kept = items.filter(({ name }) => !gone.has(name));
  const all = [...kept, ...put].sort((a, b) => ascending(a.name, b.name));
  return { sequence: sequence + 1, items: all };
}
