/** The beacon of a ceremony: announced before it exists, and its value. */
import { drandChain, drandRandomness, drandTimeOf, verifyDrandRound } from "../beacon/drand.ts";
import type { BeaconSource, EntryBody, FileHashes } from "./entries.ts";

export type Announced = { readonly beacon: BeaconSource; readonly exponent: number; readonly time_s: number };
type BeaconBody = Extract<EntryBody, { type: "beacon" }>;
export type FinalContribution = Omit<BeaconBody, "type"> & {
  readonly challenge: FileHashes;
  readonly time_s: number;
};

/** Why a beacon is not one of the future; undefined if it is. */
export function futureFault(beacon: BeaconSource, time_s: number): string | undefined {
  if (beacon.source === "block") {
    const { head, number } = beacon;
    return number > head ? undefined : `block: expected one after the head ${head}, actual ${number}`;
  }
  try {
    const from_s = drandTimeOf(drandChain(beacon.chain), beacon.round);
    if (from_s > time_s) return undefined;
    return `round ${beacon.round} exists since ${from_s}: expected a time after ${time_s}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Why a value is not that of the announced beacon; undefined if it is. Of a block only an endpoint can say it. */
export function valueFault(
  { beacon }: Announced,
  { value, round, time_s }: Pick<FinalContribution, "value" | "round" | "time_s">,
): string | undefined {
  if (beacon.source === "block") return round === undefined ? undefined : "expected no round with a block";
  if (round === undefined) return "expected the round of drand, actual none";
  if (round.round !== beacon.round) return `round: expected ${beacon.round}, actual ${round.round}`;
  const chain = drandChain(beacon.chain);
  const { previousSignature, ...rest } = round;
  const whole = previousSignature === undefined ? rest : { ...rest, previousSignature };
  if (!verifyDrandRound(chain, whole)) return `round ${round.round}: the signature is not the chain's`;
  const expected = drandRandomness(whole);
  if (expected !== value) return `value: expected ${expected}, actual ${value}`;
  const from_s = drandTimeOf(chain, round.round);
  return time_s >= from_s ? undefined : `the round exists from ${from_s} on, actual time ${time_s}`;
}
