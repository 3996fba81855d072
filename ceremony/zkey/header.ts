/** Head of a `.zkey` file of Groth16: the circuit's sizes, and the points that phase 2 changes. */
import type { Curve, PointG1, PointG2 } from "../curves.ts";
import { CeremonyFileError } from "../report.ts";
import type { CeremonySource } from "../report.ts";
import { SectionReader, curveOfPrime } from "../section-reader.ts";
import { readSections, sectionOf, u32At } from "../sections.ts";
import type { Section } from "../sections.ts";
import { toHex } from "../../storage/core/bytes.ts";

export type ZkeyHeader = {
  readonly curve: Curve;
  readonly variables: number;
  readonly publicInputs: number;
  readonly domainSize: number;
  readonly delta1: PointG1;
  readonly delta2: PointG2;
};

export type Zkey = { readonly sections: ReadonlyMap<number, Section>; readonly header: ZkeyHeader };

const format = {
  magic: "zkey",
  maxVersion: 2, // Keys of Plonk and fflonk have up to 17.
  ids: Array.from({ length: 17 }, (_, i) => i + 1),
} as const;
const lastSection = 10;
const groth16 = 1;
/** Both curves' scalars. */
const scalarBytes = 32;
/** The greatest power for which a curve's scalar field has roots of unity. */
const maxDomain = 2 ** 32;

async function readSection(source: CeremonySource, section: Section, maxBytes: number): Promise<Uint8Array> {
  if (section.bytes > maxBytes)
    throw new CeremonyFileError(`${source.name}: size of section ${section.id}`, {
      expected: `at most ${maxBytes} bytes`,
      actual: `${section.bytes}`,
    });
  return source.read(section.start, section.bytes);
}

/** Both curves' fields have at most 48 bytes, so a head of nine points, with fields, has less. */
const maxHeaderBytes = 2048;

async function readHeader(source: CeremonySource, section: Section): Promise<ZkeyHeader> {
  const bytes = await readSection(source, section, maxHeaderBytes);
  const refuse = (what: string, expected: string, actual: string): CeremonyFileError =>
    new CeremonyFileError(`${source.name}: section 2: ${what}`, { expected, actual });
  const fieldBytes = bytes.length < 4 ? 0 : u32At(bytes, 0);
  const prime = bytes.subarray(4, 4 + fieldBytes);
  const curve = fieldBytes % 8 === 0 ? curveOfPrime(prime) : undefined;
  if (!curve)
    throw refuse(
      "prime of the base field",
      "that of BN254 or BLS12-381",
      `${fieldBytes} bytes: ${toHex(prime.subarray(0, 48))}, the lowest byte first`,
    );
  const reader = new SectionReader(curve, bytes.subarray(4 + fieldBytes), `${source.name}: section 2`);
  const size = reader.u32("size of a scalar");
  const order =
    size === scalarBytes ? reader.bytes(size, "order of the groups").slice().reverse() : undefined;
  if (!order || BigInt(toHex(order)) !== curve.order)
    throw refuse("order of the groups", `that of ${curve.name}, in ${scalarBytes} bytes`, "another");
  const [variables, publicInputs] = [reader.u32("variables"), reader.u32("public inputs")];
  const domainSize = reader.u32("size of the domain");
  if (publicInputs >= variables)
    throw refuse("public inputs", `fewer than the ${variables} variables`, `${publicInputs}`);
  if (domainSize < 1 || domainSize > maxDomain || Math.log2(domainSize) % 1 !== 0)
    throw refuse("size of the domain", "a power of two", `${domainSize}`);
  reader.g1("alpha in G1");
  reader.g1("beta in G1");
  reader.g2("beta in G2");
  reader.g2("gamma in G2");
  const [delta1, delta2] = [reader.g1("delta in G1"), reader.g2("delta in G2")];
  if (reader.remaining > 0) throw refuse("bytes after delta", "none", `${reader.remaining}`);
  return { curve, variables, publicInputs, domainSize, delta1, delta2 };
}

/** The sections of points have the sizes that the circuit's sizes demand. */
function checkSizes(source: CeremonySource, { sections, header }: Zkey): void {
  const { curve, variables, publicInputs, domainSize } = header;
  const [g1, g2] = [curve.G1.bytesOf("uncompressed"), curve.G2.bytesOf("uncompressed")];
  const sizes: readonly (readonly [number, number])[] = [
    [3, (publicInputs + 1) * g1],
    [5, variables * g1],
    [6, variables * g1],
    [7, variables * g2],
    [8, (variables - publicInputs - 1) * g1],
    [9, domainSize * g1],
  ];
  for (const [id, bytes] of sizes) sectionOf(source, sections, id, bytes);
  sectionOf(source, sections, 4);
}

/**
 * Reads the head; the sections of points are only measured.
 * @throws CeremonyFileError for another proof system, and if the file is not what its format demands
 */
export async function readZkey(source: CeremonySource): Promise<Zkey> {
  const sections = await readSections(source, format);
  const system = u32At(await source.read(sectionOf(source, sections, 1, 4).start, 4), 0);
  if (system !== groth16)
    throw new CeremonyFileError(`${source.name}: proof system`, {
      expected: "1 (Groth16): only its keys have contributions",
      actual: `${system}`,
    });
  const surplus = [...sections.keys()].find((id) => id > lastSection);
  if (surplus !== undefined)
    throw new CeremonyFileError(`${source.name}: sections`, {
      expected: `1 to ${lastSection}`,
      actual: `${surplus}`,
    });
  const header = await readHeader(source, sectionOf(source, sections, 2));
  checkSizes(source, { sections, header });
  return { sections, header };
}
