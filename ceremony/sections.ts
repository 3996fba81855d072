/** The container of `.ptau` and `.zkey` files: four letters, a version, a count, and sections, each with its number and size. */
import { CeremonyFileError } from "./report.ts";
import type { CeremonySource } from "./report.ts";

export type Section = {
  readonly id: number;
  /** Offset of its first byte in the file. */
  readonly start: number;
  readonly bytes: number;
};

export type SectionFormat = {
  /** The file's first four letters. */
  readonly magic: "ptau" | "zkey";
  readonly maxVersion: number;
  /** Each section that the format has. */
  readonly ids: readonly number[];
};

const headBytes = 12;
const sectionHeadBytes = 12;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A number of four bytes, the least first. */
export function u32At(bytes: Uint8Array, at: number): number {
  return viewOf(bytes).getUint32(at, true);
}

/** A number of eight bytes, the least first. */
export function u64At(bytes: Uint8Array, at: number): bigint {
  return viewOf(bytes).getBigUint64(at, true);
}

async function readHead(source: CeremonySource, { magic, maxVersion, ids }: SectionFormat): Promise<number> {
  const refuse = (what: string, expected: string, actual: string): CeremonyFileError =>
    new CeremonyFileError(`${source.name}: ${what}`, { expected, actual });
  if (source.size < headBytes) throw refuse("size", `at least ${headBytes} bytes`, `${source.size}`);
  const head = await source.read(0, headBytes);
  const letters = [...head.subarray(0, 4)].map((code) => String.fromCharCode(code)).join("");
  if (letters !== magic) throw refuse("first letters", `"${magic}"`, JSON.stringify(letters));
  const version = u32At(head, 4);
  if (version < 1 || version > maxVersion) throw refuse("version", `1 to ${maxVersion}`, `${version}`);
  const count = u32At(head, 8);
  // Each number occurs at most once.
  if (count > ids.length) throw refuse("number of sections", `at most ${ids.length}`, `${count}`);
  return count;
}

/**
 * The file's sections by number. Each lies inside the file, and nothing lies between or after them. Reads 12 bytes for each section.
 * @throws CeremonyFileError if the table does not fit the file or the format
 */
export async function readSections(
  source: CeremonySource,
  format: SectionFormat,
): Promise<ReadonlyMap<number, Section>> {
  const count = await readHead(source, format);
  const sections = new Map<number, Section>();
  let at = headBytes;
  for (let i = 0; i < count; i++) {
    const name = `${source.name}: section at byte ${at}`;
    if (source.size - at < sectionHeadBytes)
      throw new CeremonyFileError(`${name}: head`, {
        expected: `${sectionHeadBytes} bytes for section ${i + 1} of ${count}`,
        actual: `${source.size - at} bytes to the file's end`,
      });
    const head = await source.read(at, sectionHeadBytes);
    const [id, bytes] = [u32At(head, 0), u64At(head, 4)];
    at += sectionHeadBytes;
    if (!format.ids.includes(id))
      throw new CeremonyFileError(`${name}: number`, {
        expected: `one of ${format.ids.join(", ")}`,
        actual: `${id}`,
      });
    if (sections.has(id))
      throw new CeremonyFileError(`${name}: number`, {
        expected: `one section ${id}`,
        actual: "a second one",
      });
    if (bytes > BigInt(source.size - at))
      throw new CeremonyFileError(`${name}: size of section ${id}`, {
        expected: `at most ${source.size - at} bytes to the file's end`,
        actual: `${bytes}`,
      });
    sections.set(id, { id, start: at, bytes: Number(bytes) });
    at += Number(bytes);
  }
  if (at !== source.size)
    throw new CeremonyFileError(`${source.name}: size`, {
      expected: `${at} bytes, the end of its last section`,
      actual: `${source.size}`,
    });
  return sections;
}

/** @throws CeremonyFileError if the section is missing, or does not have `bytes` bytes */
export function sectionOf(
  source: CeremonySource,
  sections: ReadonlyMap<number, Section>,
  id: number,
  bytes?: number,
): Section {
  const section = sections.get(id);
  if (!section)
    throw new CeremonyFileError(`${source.name}: sections`, {
      expected: `a section ${id}`,
      actual: [...sections.keys()].join(", ") || "none",
    });
  if (bytes !== undefined && section.bytes !== bytes)
    throw new CeremonyFileError(`${source.name}: size of section ${id}`, {
      expected: `${bytes} bytes`,
      actual: `${section.bytes}`,
    });
  return section;
}
