/** Recognises Powers of Tau files by their size, and reads their heads. */
import { CeremonyFileError } from "../report.ts";
import type { CeremonySource } from "../report.ts";
import type { PointForm } from "../curves.ts";
import { curveNames, headBytes, layoutOf, layoutOfSize, layouts } from "./layout.ts";
import type { Layout } from "./layout.ts";
import { readAccumulator } from "./point-reader.ts";
import type { Accumulator } from "./point-reader.ts";

async function hasAt(source: CeremonySource, start: number, bytes: Uint8Array): Promise<boolean> {
  if (start + bytes.length > source.size) return false;
  const actual = await source.read(start, bytes.length);
  return bytes.every((byte, i) => byte === actual[i]);
}

/** Whether the generator of G1 is where the layout has it. */
async function beginsLike(source: CeremonySource, { curve, form, kind }: Layout): Promise<boolean> {
  const start = kind === "record" ? 0 : headBytes;
  const forms: readonly PointForm[] = kind === "response" ? [form, "compressed-snarkjs"] : [form];
  for (const own of forms) if (await hasAt(source, start, curve.G1.encode(curve.G1.base, own))) return true;
  return false;
}

/** The layouts of a transcript's record whose size divides the file's. */
async function transcriptLayout(source: CeremonySource): Promise<Layout | undefined> {
  for (const layout of curveNames.flatMap((name) => layouts("record", name))) {
    if (source.size === 0 || source.size % layout.size !== 0) continue;
    const generator = layout.curve.G1.encode(layout.curve.G1.base, layout.form);
    if (!(await hasAt(source, 0, generator))) continue;
    // Two powers may divide one size: the second record shows which it is.
    if (source.size === layout.size || (await hasAt(source, layout.size, generator))) return layout;
  }
  return undefined;
}

/** The layouts that the first bytes fit, whatever the size. */
async function layoutsByHead(source: CeremonySource): Promise<readonly Layout[]> {
  const found: Layout[] = [];
  for (const kind of ["challenge", "response", "record"] as const)
    for (const name of curveNames)
      if (await beginsLike(source, layoutOf(kind, name, 1))) found.push(...layouts(kind, name));
  return found;
}

function wrongSize(source: CeremonySource, fitting: readonly Layout[]): CeremonyFileError {
  const below = fitting.filter(({ size }) => size < source.size).at(-1);
  const above = fitting.find(({ size }) => size > source.size);
  const text = ({ kind, curve, power, size }: Layout): string =>
    `${size} bytes (${kind}, ${curve.name}, 2^${power})`;
  const sizes = [below, above].filter((layout) => layout !== undefined).map(text);
  return new CeremonyFileError(`${source.name}: truncated, or too long`, {
    expected: sizes.join(" or "),
    actual: `${source.size} bytes`,
  });
}

/** Whether size or first bytes are those of a Powers of Tau challenge, response or transcript. */
export async function isPowersOfTau(source: CeremonySource): Promise<boolean> {
  return layoutOfSize(source.size) !== undefined || (await layoutsByHead(source)).length > 0;
}

/**
 * The accumulators of a file: one of a challenge or a response, one for each record of a transcript.
 * @throws CeremonyFileError if its size or a point is not that of its format
 */
export async function openPowersOfTau(source: CeremonySource): Promise<readonly Accumulator[]> {
  const layout = layoutOfSize(source.size);
  if (layout) return [await readAccumulator(source, layout)];
  const record = await transcriptLayout(source);
  if (record === undefined) throw wrongSize(source, await layoutsByHead(source));
  const accumulators: Accumulator[] = [];
  for (let start = 0; start < source.size; start += record.size) {
    const own = { ...source, name: `${source.name}, record ${start / record.size + 1}` };
    const place = layoutOf("record", record.curve.name, record.power, start);
    accumulators.push(await readAccumulator({ ...own, read: (at, bytes) => source.read(at, bytes) }, place));
  }
  return accumulators;
}
