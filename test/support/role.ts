/** What a test wants of a keeper's process. */
import type { BehaviourName } from "../../scripts/sim/byzantine/behaviours.ts";
import type { Hex } from "../../keeper/core/hash.ts";

export type Role = {
  /** Lower-case operators of the committee, in contract order. */
  readonly operators: readonly Hex[];
  /** Taken up at its start. */
  readonly behaviour?: BehaviourName;
  /** Keepers it neither hears nor answers. */
  readonly cutOff?: readonly number[];
  /** Every other message that reaches it is lost. */
  readonly loses?: boolean;
  /**
   * When it kills itself: before its commit leaves, when its closed set has reached others, when it holds a certificate,
   * or between the durable note and the signature.
   */
  readonly kill?: "before-commit" | "after-close" | "after-certificate" | "after-note";
};
