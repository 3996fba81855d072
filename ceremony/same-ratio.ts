/** Two pairs of points have the same ratio: b = x·a in G1 and d = x·c in G2 for one x. */
import type { Curve, PointG1, PointG2 } from "./curves.ts";

/**
 * Whether e(a, d) = e(b, c). A point at infinity has no ratio.
 * @param g1 a and b
 * @param g2 c and d
 */
export function sameRatio(
  curve: Curve,
  [a, b]: readonly [PointG1, PointG1],
  [c, d]: readonly [PointG2, PointG2],
): boolean {
  if (a.is0() || b.is0() || c.is0() || d.is0()) return false;
  return curve.pairingProductIsOne([
    { g1: a, g2: d },
    { g1: b.negate(), g2: c },
  ]);
}
