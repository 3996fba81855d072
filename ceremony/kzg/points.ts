/** Points of BLS12-381 in JSON: compressed, as 0x and hex digits. */
import { PointError, curves } from "../curves.ts";
import type { Group, PointG1, PointG2 } from "../curves.ts";
import { fromHex } from "../../storage/core/bytes.ts";
import type { Field } from "./json.ts";

export const curve = curves["bls12-381"];

/** @throws CeremonyFileError unless the text is a point of the subgroup of prime order, and not at infinity */
function pointOf<F>(group: Group<F>, field: Field): ReturnType<Group<F>["decode"]> {
  const bytes = group.bytesOf("compressed");
  const text = field.text();
  if (text.length !== 2 + 2 * bytes || !/^0x[0-9a-f]*$/.test(text))
    throw field.refuse(`0x and ${2 * bytes} hex digits in lower case`, `${text.length} characters`);
  try {
    const point = group.decode(fromHex(text, bytes), "compressed");
    group.assertInSubgroup(point);
    return point;
  } catch (error) {
    if (error instanceof PointError) throw field.refuse(error.expected, error.actual);
    throw error;
  }
}

export function pointG1(field: Field): PointG1 {
  return pointOf(curve.G1, field);
}

export function pointG2(field: Field): PointG2 {
  return pointOf(curve.G2, field);
}
