/** A file from random sources of which some lie: it is whole if one source is honest, and no honest source is ever blamed. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { readArchiveFile } from "../../client/reading/archive-file.ts";
import type { SourceFault } from "../../client/reading/piece.ts";
import { memoryStore } from "../../client/reading/range-store.ts";
import { SourceError, type PieceSource } from "../../client/reading/source.ts";
import type { PlainSource } from "../../client/reading/url-source.ts";
import { installFastHashes } from "../../daemon/hashing/install.ts";
import { decodeProof } from "../../protocol/codec/piece-http.ts";
import { rangeBytes, rangeCount } from "../../storage/core/range.ts";
import { servedFile } from "../support/file-servers.ts";
import { seededBytes } from "../support/files.ts";

installFastHashes();
const { data, root, proof } = servedFile(seededBytes(18 * rangeBytes + 4_000, 21));
const ranges = rangeCount(data.length);

type Kind = {
  /** Ranges in which a bit is wrong. */
  readonly lies: readonly number[];
  /** From this range on it gives nothing. */
  readonly until: number;
  readonly wait_ms: number;
};

function bytesOf({ lies, until, wait_ms }: Kind, range: number): Promise<Uint8Array> {
  if (range >= until) return Promise.reject(new SourceError("refused", "gone"));
  const bytes = Uint8Array.from(data.subarray(range * rangeBytes, (range + 1) * rangeBytes));
  if (lies.includes(range)) bytes[7] = (bytes[7] ?? 0) ^ 1;
  return new Promise((done) => setTimeout(() => done(bytes), wait_ms));
}

const plainSource = (name: string, kind: Kind): PlainSource => ({
  name,
  isOrdered: false,
  async range(start, target) {
    target.set(await bytesOf(kind, start / rangeBytes));
  },
  close: () => Promise.resolve(),
});

const provingSource = (name: string, kind: Kind): PieceSource => ({
  name,
  async range(_, range) {
    const decoded = decodeProof(proof(range));
    if (!decoded.ok) throw new Error(decoded.detail);
    return { size: data.length, bytes: await bytesOf(kind, range), siblings: decoded.value };
  },
});

const range = fc.integer({ min: 0, max: ranges - 1 });
const wait_ms = fc.integer({ min: 0, max: 3 });
const honest = fc.record({ lies: fc.constant<number[]>([]), until: fc.constant(ranges), wait_ms });
const any = fc.record({
  lies: fc.array(range, { maxLength: 3 }),
  until: fc.oneof({ weight: 3, arbitrary: fc.constant(ranges) }, { weight: 1, arbitrary: range }),
  wait_ms,
});

it("is whole with one honest source, and only liars are blamed", { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(any, { maxLength: 4 }),
      fc.array(any, { maxLength: 2 }),
      honest,
      fc.nat({ max: 5 }),
      fc.boolean(),
      async (urls, providers, good, at, isProver) => {
        const all = isProver ? [...urls] : urls.toSpliced(at, 0, good);
        const provers = isProver ? providers.toSpliced(at, 0, good) : providers;
        const liars = new Set<string>();
        const named = <T>(kinds: readonly Kind[], word: string, make: (name: string, kind: Kind) => T): T[] =>
          kinds.map((kind, i) => {
            if (kind.lies.length > 0) liars.add(`${word} ${i}`);
            return make(`${word} ${i}`, kind);
          });
        const faults: SourceFault[] = [];
        const store = memoryStore(data.length);
        const proven: number[] = [];
        await readArchiveFile(
          { root, bytes: data.length },
          { urls: named(all, "url", plainSource), providers: named(provers, "provider", provingSource) },
          { ...store, prove: async (done) => void proven.push(...done) },
          { onFault: (fault) => faults.push(fault) },
        );
        expect(Buffer.concat(store.parts()).equals(data)).toBe(true);
        const blamed = faults.filter(({ kind }) => kind === "wrong").map(({ source }) => source);
        expect(blamed.filter((source) => !liars.has(source))).toEqual([]);
        expect(new Set(blamed).size).toBe(blamed.length);
        expect(new Set(proven).size).toBe(proven.length);
      },
    ),
    { numRuns: 30 },
  );
});
