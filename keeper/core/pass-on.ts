/** R18: passes every valid commit and reveal to all keepers once, at most two different ones of a keeper. */
import type { HeardMessage, Step } from "./state.ts";

/** @returns the head at which this keeper has passed the message on, from which R19 counts; Infinity: not passed on */
export function passOn(step: Step, { message, heardAt, way }: HeardMessage): number {
  if (way === "gossip") return heardAt;
  if (way === "surplus") return Number.POSITIVE_INFINITY;
  step.effects.push({ kind: "pass-on", message });
  return step.state.head;
}
