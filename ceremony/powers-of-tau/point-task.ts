/** The work on some of an accumulator's points; it may run in a thread. */
import { bytesToNumberBE } from "@noble/curves/utils.js";
import { randomBytes } from "@noble/hashes/utils.js";
import { PointError, curves } from "../curves.ts";
import type { CurveName, Group, PointForm } from "../curves.ts";
import { scalarBits } from "../multi-scalar.ts";

export type PointTask = {
  readonly curve: CurveName;
  readonly group: "G1" | "G2";
  readonly form: PointForm;
  /** Encoded points, one after another. */
  readonly bytes: Uint8Array;
  /** Form in which the result has the points; undefined: the result is without them. */
  readonly to: PointForm | undefined;
  /** Check the subgroup of each point, and sum them up. */
  readonly sums: boolean;
};

/** Uncompressed points; undefined for the point at infinity. */
export type PowerSums = {
  /** Random combination of all points but the last. */
  readonly lower: Uint8Array | undefined;
  /** The same combination of all points but the first. */
  readonly upper: Uint8Array | undefined;
};

export type PointResult = {
  readonly encoded: Uint8Array | undefined;
  readonly sums: PowerSums | undefined;
  /** The first point that is not one of its group. */
  readonly fault: { readonly index: number; readonly expected: string; readonly actual: string } | undefined;
};

/** Runs tasks, several at the same time. */
export type PointWorkers = {
  /** Number of tasks that keep all workers busy. */
  readonly width: number;
  run(task: PointTask): Promise<PointResult>;
};

/** Runs tasks in this thread. */
export const inlineWorkers: PointWorkers = { width: 1, run: async (task) => doPointTask(task) };

function sumsOf<F>(group: Group<F>, points: readonly ReturnType<Group<F>["decode"]>[]): PowerSums {
  const scalars = points.slice(1).map(() => bytesToNumberBE(randomBytes(scalarBits / 8)));
  const encoded = (own: typeof points): Uint8Array | undefined => {
    const sum = group.sumOfProducts(own, scalars);
    return sum.is0() ? undefined : group.encode(sum, "uncompressed");
  };
  return { lower: encoded(points.slice(0, -1)), upper: encoded(points.slice(1)) };
}

function work<F>(group: Group<F>, { bytes, form, to, sums }: PointTask): PointResult {
  const length = group.bytesOf(form);
  const count = bytes.length / length;
  const encoded = to === undefined ? undefined : new Uint8Array(count * group.bytesOf(to));
  const points: ReturnType<Group<F>["decode"]>[] = [];
  for (let index = 0; index < count; index++) {
    try {
      const point = group.decode(bytes.subarray(index * length, (index + 1) * length), form);
      if (to !== undefined) encoded?.set(group.encode(point, to), index * group.bytesOf(to));
      if (!sums) continue;
      group.assertInSubgroup(point);
      points.push(point);
    } catch (error) {
      if (!(error instanceof PointError)) throw error;
      const { expected, actual } = error;
      return { encoded: undefined, sums: undefined, fault: { index, expected, actual } };
    }
  }
  return { encoded, sums: sums ? sumsOf(group, points) : undefined, fault: undefined };
}

export function doPointTask(task: PointTask): PointResult {
  const curve = curves[task.curve];
  return task.group === "G1" ? work(curve.G1, task) : work(curve.G2, task);
}
