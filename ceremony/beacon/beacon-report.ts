/** What a file says about its beacon, and what its reader could check. */
import type { BeaconParameters } from "../contribution-parameters.ts";
import type { Findings } from "../findings.ts";
import type { BeaconReport } from "../report.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { iterateSha256 } from "./iterated-hash.ts";
import type { IterateOptions } from "./iterated-hash.ts";
import { checkOrigin } from "./origin.ts";
import type { BeaconOrigin } from "./origin.ts";

export type BeaconOptions = {
  /** The value of a beacon is hashed at most 2^this times; 24 unless given: less than a minute. */
  readonly maxBeaconExponent?: number;
  /** Where the last beacon's value came from. */
  readonly origin?: BeaconOrigin;
  readonly onHashes?: IterateOptions["onProgress"];
};

export const defaultBeaconExponent = 24;

export type BeaconFinding = {
  readonly report: BeaconReport;
  /** Whether the contribution's key follows from the value; undefined if that was not computed. */
  readonly isKey: boolean | undefined;
};

/**
 * Computes the seed of a beacon's contribution, and compares the contribution's key with it.
 * @param compare undefined if the key cannot be computed, with the reason
 */
export async function findBeacon(
  { value, exponent }: BeaconParameters,
  compare: ((seed: Uint8Array) => boolean) | string,
  { maxBeaconExponent = defaultBeaconExponent, onHashes }: BeaconOptions,
): Promise<BeaconFinding> {
  const base = { source: "iterated-hash", value: toHex(value), iterations: 2 ** exponent } as const;
  const why =
    exponent > maxBeaconExponent
      ? `its 2^${exponent} hashes are more than the 2^${maxBeaconExponent} allowed`
      : compare;
  if (typeof why === "string")
    return { report: { ...base, ok: undefined, detail: `not computed: ${why}` }, isKey: undefined };
  const ok = why(await iterateSha256(value, exponent, onHashes ? { onProgress: onHashes } : {}));
  const detail = `the contribution's key is ${ok ? "" : "not "}the one that the hashed value gives`;
  return { report: { ...base, ok, detail }, isKey: ok };
}

/** The last beacon, with the origin of its value if the caller knows it. */
export function withOrigin(
  beacon: BeaconReport | undefined,
  { origin }: BeaconOptions,
  { checked, notChecked, problems }: Findings,
): BeaconReport | undefined {
  if (!beacon) {
    if (origin) problems.push(`beacon: expected one from ${origin.source}, actual none`);
    return undefined;
  }
  if (!origin) {
    notChecked.push("the origin of the beacon's value: no public source was given");
    return beacon;
  }
  const { ok, detail } = checkOrigin(beacon.value, origin);
  checked.push("the origin of the beacon's value");
  if (!ok) problems.push(`beacon: ${detail}`);
  return {
    ...beacon,
    source: origin.source,
    ok: ok ? beacon.ok : false,
    detail: `${beacon.detail}; ${detail}`,
  };
}
