/** Where the parts of a Powers of Tau file are. */
import { curves } from "../curves.ts";
import type { Curve, CurveName, PointForm } from "../curves.ts";
import { keyBytes } from "../key-proof.ts";

export type SectionName = "tauG1" | "tauG2" | "alphaTauG1" | "betaTauG1" | "betaG2";

export type Section = {
  /** A `SectionName` in these files. */
  readonly name: string;
  readonly group: "G1" | "G2";
  readonly points: number;
  /** Offset of the first point. */
  readonly start: number;
  readonly pointBytes: number;
};

/** `record`: of Zcash's transcript, an uncompressed accumulator and the key, without a head. */
export type FileKind = "challenge" | "response" | "record";

export type Layout = {
  readonly kind: FileKind;
  readonly curve: Curve;
  /** The file has 2^power powers of τ in G2. */
  readonly power: number;
  readonly form: PointForm;
  readonly sections: readonly Section[];
  /** Offset of the contributor's key; undefined in a challenge. */
  readonly keyStart: number | undefined;
  readonly size: number;
};

/** BLAKE2b-512 of the file before. */
export const headBytes = 64;
/** Order of two in the field of BLS12-381, so no ceremony has more; BN254's is 2^28. */
export const maxPower = 32;

/** @param start offset of the record in its file; 0 for a whole file */
export function layoutOf(kind: FileKind, name: CurveName, power: number, start = 0): Layout {
  const curve = curves[name];
  const form = kind === "response" ? "compressed" : "uncompressed";
  let at = start + (kind === "record" ? 0 : headBytes);
  const section = (id: SectionName, group: "G1" | "G2", points: number): Section => {
    const pointBytes = curve[group].bytesOf(form);
    const own = { name: id, group, points, start: at, pointBytes };
    at += points * pointBytes;
    return own;
  };
  const powers = 2 ** power;
  const sections = [
    section("tauG1", "G1", 2 * powers - 1),
    section("tauG2", "G2", powers),
    section("alphaTauG1", "G1", powers),
    section("betaTauG1", "G1", powers),
    section("betaG2", "G2", 1),
  ];
  const keyStart = kind === "challenge" ? undefined : at;
  const size = at - start + (kind === "challenge" ? 0 : keyBytes(curve));
  return { kind, curve, power, form, sections, keyStart, size };
}

/** The layout with compressed points as snarkjs writes them. */
export function withForm(layout: Layout, form: PointForm): Layout {
  return { ...layout, form };
}

const powers = Array.from({ length: maxPower }, (_, i) => i + 1);
export const curveNames: readonly CurveName[] = ["bn254", "bls12-381"];

/** All layouts of a kind, by power. */
export function layouts(kind: FileKind, name: CurveName): readonly Layout[] {
  return powers.map((power) => layoutOf(kind, name, power));
}

/** The layout of a challenge or a response of this size. No two have the same size. */
export function layoutOfSize(size: number): Layout | undefined {
  const all = curveNames.flatMap((name) => [...layouts("challenge", name), ...layouts("response", name)]);
  return all.find((layout) => layout.size === size);
}

/** Offset of a point. */
export function pointStart({ start, pointBytes }: Section, index: number): number {
  return start + index * pointBytes;
}

export function sectionOf({ sections }: Pick<Layout, "sections">, name: string): Section {
  const section = sections.find((own) => own.name === name);
  if (section === undefined) throw new RangeError(`section: expected one of the layout, actual ${name}`);
  return section;
}
