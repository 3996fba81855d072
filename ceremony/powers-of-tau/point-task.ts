/** The work on some of an accumulator's points; it may run in a thread. */
import { PointError, curves } from "../curves.ts";
import type { Curve, CurveName, Group, PointForm } from "../curves.ts";
import { montgomeryPoint } from "../section-reader.ts";

/** `montgomery`: as snarkjs' files have points. */
export type TaskForm = PointForm | "montgomery";

export type PointTask = {
  readonly curve: CurveName;
  readonly group: "G1" | "G2";
  readonly form: TaskForm;
  /** Encoded points, one after another. */
  readonly bytes: Uint8Array;
  /** The result has each point times its scalar; undefined: the points as they are. */
  readonly multiply?: readonly bigint[] | undefined;
  /** Form in which the result has the points; undefined: the result is without them. */
  readonly to: PointForm | undefined;
  /** Of each sum of products its scalars, one for each point. With any, each point's subgroup is checked, too. */
  readonly combinations: readonly (readonly bigint[])[];
};

export type PointResult = {
  readonly encoded: Uint8Array | undefined;
  /** For each combination its sum, uncompressed; undefined for the point at infinity. */
  readonly sums: readonly (Uint8Array | undefined)[];
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

function work<F>(
  curve: Curve,
  group: Group<F>,
  { bytes, form, to, multiply, combinations }: PointTask,
): PointResult {
  const length = group.bytesOf(form === "montgomery" ? "uncompressed" : form);
  const count = bytes.length / length;
  const encoded = to === undefined ? undefined : new Uint8Array(count * group.bytesOf(to));
  const points: ReturnType<Group<F>["decode"]>[] = [];
  for (let index = 0; index < count; index++) {
    try {
      const own = bytes.subarray(index * length, (index + 1) * length);
      const point = form === "montgomery" ? montgomeryPoint(curve, group, own) : group.decode(own, form);
      if (to !== undefined) {
        const scalar = multiply?.[index];
        const made = scalar === undefined ? point : point.multiplyUnsafe(scalar);
        encoded?.set(group.encode(made, to), index * group.bytesOf(to));
      }
      if (combinations.length === 0) continue;
      group.assertInSubgroup(point);
      points.push(point);
    } catch (error) {
      if (!(error instanceof PointError)) throw error;
      const { expected, actual } = error;
      return { encoded: undefined, sums: [], fault: { index, expected, actual } };
    }
  }
  const sums = combinations.map((scalars) => {
    const sum = group.sumOfProducts(points, scalars);
    return sum.is0() ? undefined : group.encode(sum, "uncompressed");
  });
  return { encoded, sums, fault: undefined };
}

export function doPointTask(task: PointTask): PointResult {
  const curve = curves[task.curve];
  return task.group === "G1" ? work(curve, curve.G1, task) : work(curve, curve.G2, task);
}
