/** What a reader of a ceremony's files found: the same form for all formats. */
import type { Hex } from "../protocol/hash.ts";

export type CeremonyKind =
  | "powers-of-tau-challenge"
  | "powers-of-tau-response"
  | "powers-of-tau-chain"
  | "phase1radix2m"
  | "ptau"
  | "zkey"
  | "kzg-ceremony";

/** One contribution. */
export type ContributionReport = {
  /** Counted from 1, in the order of the ceremony. */
  readonly index: number;
  /** As the file has it; undefined if it has none. */
  readonly name: string | undefined;
  /** The hash that its contributor published: BLAKE2b-512 in most formats. Undefined if these bytes do not show it. */
  readonly hash: Hex | undefined;
  readonly ok: boolean;
  /** Each check that was made, by its name. */
  readonly checks: Readonly<Record<string, boolean>>;
};

export type BeaconReport = {
  readonly source: "iterated-hash" | "block" | "drand";
  /** The value from which the last contribution was computed. */
  readonly value: Hex;
  readonly iterations: number;
  /** Undefined if it was not computed. */
  readonly ok: boolean | undefined;
  /** How the value was checked, or why it could not be. */
  readonly detail: string;
};

export type CeremonyReport = {
  readonly kind: CeremonyKind;
  readonly curve: "bn254" | "bls12-381";
  /** The file has the powers up to 2^power; undefined if the format does not say. */
  readonly power: number | undefined;
  readonly contributions: readonly ContributionReport[];
  readonly beacon: BeaconReport | undefined;
  /** Sentences: each thing that was checked. */
  readonly checked: readonly string[];
  /** Sentences: each thing that these bytes cannot show, and why. */
  readonly notChecked: readonly string[];
  /** Sentences: each thing that does not hold, with the expected and the actual value. */
  readonly problems: readonly string[];
  /** Everything that was checked holds: no problem. */
  readonly ok: boolean;
};

/** A file that is not what its format demands: too short, too long, a point off its curve. */
export class CeremonyFileError extends Error {
  override readonly name = "CeremonyFileError";
  readonly expected: string;
  readonly actual: string;

  constructor(message: string, { expected, actual }: { readonly expected: string; readonly actual: string }) {
    super(`${message}: expected ${expected}, actual ${actual}`);
    this.expected = expected;
    this.actual = actual;
  }
}

/** Bytes that are read by ranges: a file on disk, or one at a provider. */
export type CeremonySource = {
  readonly name: string;
  readonly size: number;
  /** BLAKE2b-512 of the whole file as a manifest states it: 64 bytes. */
  readonly statedHash?: Uint8Array;
  /** Gives exactly `bytes` bytes from `start`, or throws. */
  read(start: number, bytes: number): Promise<Uint8Array>;
};
