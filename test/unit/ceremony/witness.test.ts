/** The order of an archive's files: by the hashes in their heads, then by the numbers in their names; and what cannot be ordered. */
import { describe, expect, it } from "vitest";
import { layoutOf } from "../../../ceremony/powers-of-tau/layout.ts";
import { orderWitnesses, readWitnesses } from "../../../ceremony/powers-of-tau/witness.ts";
import type { ArchivedFile } from "../../../ceremony/powers-of-tau/witness.ts";
import { sourceOf } from "../../support/ceremony/bytes-source.ts";

type Described = {
  readonly name: string;
  readonly kind: "challenge" | "response";
  /** Number of the file whose hash is in the head. */
  readonly after: number;
  /** Number of its own hash. */
  readonly hash: number;
  readonly power?: number;
  readonly derivedFrom?: string;
  readonly isMissing?: boolean;
};

const hashOf = (number: number): Uint8Array => new Uint8Array(64).fill(number);

function archivedFile({
  name,
  kind,
  after,
  hash,
  power = 1,
  derivedFrom,
  isMissing,
}: Described): ArchivedFile {
  const bytes = new Uint8Array(layoutOf(kind, "bn254", power).size);
  bytes.set(hashOf(after));
  const source = sourceOf(name, bytes);
  const read = (start: number, count: number): Promise<Uint8Array> =>
    isMissing ? Promise.reject(new RangeError("no source")) : source.read(start, count);
  return { source: { ...source, read, statedHash: hashOf(hash) }, derivedFrom };
}

async function ordered(files: readonly Described[]) {
  const isMissing = (error: unknown): boolean => error instanceof RangeError;
  const { files: found, notChecked } = orderWitnesses(
    await readWitnesses(files.map(archivedFile), isMissing),
  );
  return { names: found.map(({ source }) => source.name), notChecked };
}

const challenge = (name: string, after: number, hash: number): Described => ({
  name,
  kind: "challenge",
  after,
  hash,
});
const response = (name: string, after: number, hash: number): Described => ({
  name,
  kind: "response",
  after,
  hash,
});

/** Two contributions. */
const chain = [
  challenge("challenge_0001", 99, 1),
  response("response_0001", 1, 2),
  challenge("challenge_0002", 2, 3),
  response("response_0002", 3, 4),
] as const;
const names = chain.map(({ name }) => name);

describe("the files of a chain", () => {
  it("are ordered by their heads, whatever their names and their order", async () => {
    const renamed = chain.map((file, i) => ({ ...file, name: `part-${9 - i}` }));
    expect(await ordered(renamed.toReversed())).toEqual({
      names: renamed.map(({ name }) => name),
      notChecked: [],
    });
  });

  it("are joined by the numbers in their names where no head joins them", async () => {
    const [first, second, third, fourth] = chain;
    const broken = [{ ...fourth, after: 77 }, { ...third, after: 66 }, second, first];
    const { names: found, notChecked } = await ordered(broken);
    expect(found).toEqual(names);
    expect(notChecked).toEqual([
      expect.stringMatching(/^the order of challenge_0002, response_0002: no head/),
    ]);
  });

  it("are joined by the numbers of their own names, not of their folders", async () => {
    const own = ["c_0001", "r_0001", "c_0002", "r_0002"].map((name) => `response_9/${name}`);
    const apart = chain.map((file, i) => ({ ...file, after: 50 + i, name: own[i] as string }));
    expect((await ordered(apart.toReversed())).names).toEqual(own);
  });

  it("are not joined by a head that names a file of its own kind", async () => {
    const [first, second, third, fourth] = chain;
    const skipped = { ...fourth, after: second.hash };
    const { names: found, notChecked } = await ordered([skipped, third, second, first]);
    expect(found).toEqual(names);
    expect(notChecked).toEqual([expect.stringMatching(/^the order of response_0002: no head/)]);
  });

  it("are joined by what a challenge that nobody has was derived from", async () => {
    const [first, second, third, fourth] = chain;
    const missing = { ...third, isMissing: true, derivedFrom: "response_0001" };
    expect(await ordered([fourth, missing, second, first])).toEqual({ names, notChecked: [] });
  });

  it("are refused where a response is missing", async () => {
    const missing = chain.map((file) =>
      file.name === "response_0002" ? { ...file, isMissing: true } : file,
    );
    await expect(ordered(missing)).rejects.toThrow("no source");
    const [file] = chain.map(archivedFile) as [ArchivedFile];
    const broken = { ...file, source: { ...file.source, read: () => Promise.reject(new Error("disk")) } };
    await expect(readWitnesses([broken], (error) => error instanceof RangeError)).rejects.toThrow("disk");
  });
});

describe("files that are not one chain", () => {
  const [first, second, third, fourth] = chain;
  it.each([
    [
      "two files that continue one",
      [...chain, { ...fourth, name: "other", hash: 5 }],
      /continue the same file/,
    ],
    ["one file twice", [...chain, { ...fourth, name: "copy" }], /actual the one of response_0002/],
    ["another size", [...chain, { ...fourth, name: "small", hash: 5, power: 2 }], /expected bn254 with 2\^1/],
    ["heads in a circle", [{ ...first, after: 4 }, second, third, fourth], /lead back/],
    ["no numbers", [first, { ...second, name: "a", after: 50 }], /a: place in the ceremony.*actual neither/],
    ["a file between those of a chain", [...chain, response("response_0001b", 50, 51)], /of two ceremonies/],
    [
      "two ceremonies",
      [
        ...chain,
        ...chain.map((file) => ({
          ...file,
          after: file.after + 10,
          hash: file.hash + 10,
          name: `b/${file.name}`,
        })),
      ],
      /of two ceremonies/,
    ],
  ])("are refused: %s", async (_, files, message) => {
    await expect(ordered(files)).rejects.toThrow(message);
  });
});
