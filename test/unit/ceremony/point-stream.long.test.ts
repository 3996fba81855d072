/** Successive powers over more than one task: the step from the last point of a task to the first of the next counts, too. */
import { blake2b } from "@noble/hashes/blake2.js";
import { beforeAll, describe, expect, it } from "vitest";
import { curves } from "../../../ceremony/curves.ts";
import type { PointG1 } from "../../../ceremony/curves.ts";
import { successorSums } from "../../../ceremony/powers-of-tau/point-stream.ts";
import type { Progress } from "../../../ceremony/powers-of-tau/point-stream.ts";
import { sameRatio } from "../../../ceremony/same-ratio.ts";
import { sourceOf } from "../../support/ceremony/bytes-source.ts";
import { pointThreads } from "../../../cli/inspect/ceremony-threads.ts";

const curve = curves.bn254;
const { G1, G2 } = curve;
const pointBytes = 64;
/** Two tasks of 2,048 points and one of two. */
const points = 4098;
const border = 2048;
const tau = 2n;

/** Successive powers of 2, but for the step to the point at `wrong`. */
function chainOf(wrong?: number): Uint8Array {
  const out = new Uint8Array(points * pointBytes);
  let point: PointG1 = G1.base;
  for (let i = 0; i < points; i++) {
    if (i > 0) point = i === wrong ? point.double().add(point) : point.double();
    out.set(G1.encode(point, "uncompressed"), i * pointBytes);
  }
  return out;
}

describe("successive powers over three tasks", () => {
  let steps: Progress[];
  const holds = async (bytes: Uint8Array): Promise<boolean> => {
    steps = [];
    const section = { name: "powers", group: "G1", points, start: 0, pointBytes } as const;
    const file = {
      source: sourceOf("file", bytes),
      layout: { curve, form: "uncompressed", sections: [section] },
    } as const;
    const sums = await successorSums(file, G1, "powers", {
      createHash: () => blake2b.create({ dkLen: 64 }),
      workers: threads,
      onProgress: (step) => void steps.push(step),
    });
    return sameRatio(curve, sums, [G2.base, G2.base.multiplyUnsafe(tau)]);
  };
  let threads: ReturnType<typeof pointThreads>;
  beforeAll(() => {
    threads = pointThreads(2);
  });

  it("hold, in worker threads, with their progress in order", async () => {
    expect(await holds(chainOf())).toBe(true);
    expect(steps.map(({ done, total }) => [done, total])).toEqual([
      [2048, points],
      [4096, points],
      [points, points],
    ]);
  });

  it.each([border - 1, border, border + 1, 2 * border, 2 * border + 1])(
    "fail if the step to point %i alone is wrong",
    async (wrong) => {
      expect(await holds(chainOf(wrong))).toBe(false);
    },
  );

  it("name the point that is off the curve by its index in the section", async () => {
    const bytes = chainOf();
    const index = border + 5;
    bytes[index * pointBytes + 63] = (bytes[index * pointBytes + 63] as number) ^ 1;
    await expect(holds(bytes)).rejects.toThrow(
      `file, point ${index} of powers at byte ${index * pointBytes}: expected a point on the curve`,
    );
  });
});
