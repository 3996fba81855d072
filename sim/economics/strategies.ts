/** Strategies of keepers that try to earn more than in honest play. */
import { inflate, lazy, withhold } from "../byzantine/behaviours.ts";
import { censor, closeTwice, omitReveal } from "../byzantine/leaving-out.ts";
import type { Behaviour } from "../byzantine/behaviours.ts";
import { leaveSubmitting, skipLeading } from "../byzantine/idle-leader.ts";

export type Strategy = {
  readonly name: string;
  readonly text: string;
  /** Behaviour of a keeper that follows the strategy; `victim` is a keeper that does not follow it. */
  readonly behaviour: (me: number, victim: number) => Behaviour;
  /** The provider that lost data answers the followers as if it had all its data. */
  readonly withProvider?: true;
  /** A follower leaves the victim out of the rounds that it leads (R19). */
  readonly leavesOut?: true;
};

/** Values that differ by at most a hundredth count as equal (R22). */
const toleranceBps = 100;

export const strategies: readonly Strategy[] = [
  {
    name: "lazy",
    text: "sends no challenges",
    behaviour: () => lazy(() => false),
  },
  {
    name: "half-lazy",
    text: "sends every other challenge",
    behaviour: () => {
      let count = 0;
      return lazy(() => count++ % 2 === 0);
    },
  },
  {
    name: "skip-leading",
    text: "lets its turns lapse to save gas",
    behaviour: () => skipLeading(),
  },
  {
    name: "leave-submitting",
    text: "leads up to the certificate and lets another keeper submit it",
    behaviour: (me) => leaveSubmitting(me),
  },
  {
    name: "censor",
    text: "omits an honest keeper's commit from the closed set when it leads",
    behaviour: (_me, victim) => censor(victim),
    leavesOut: true,
  },
  {
    name: "omit-reveal",
    text: "omits an honest keeper's reveal from the bundle when it leads",
    behaviour: (_me, victim) => omitReveal(victim),
    leavesOut: true,
  },
  {
    name: "close-twice",
    text: "closes a second set without an honest keeper's commit when it leads",
    behaviour: (_me, victim) => closeTwice(victim),
    leavesOut: true,
  },
  {
    name: "withhold",
    text: "signs nothing, so that leaders may fail",
    behaviour: () => withhold("partial"),
  },
  {
    name: "inflate-within",
    text: "adds the tolerance of a hundredth to its values",
    behaviour: () => inflate(100 + toleranceBps / 100),
  },
  {
    name: "inflate-half",
    text: "adds half to its values",
    behaviour: () => inflate(150),
  },
  {
    name: "collude",
    text: "holds receipts for data that its provider lost",
    behaviour: () => (ports) => ports,
    withProvider: true,
  },
];
