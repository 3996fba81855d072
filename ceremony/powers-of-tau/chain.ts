/** A chain of challenges and responses: whether each follows the one before. */
import { toHex } from "../../storage/core/bytes.ts";
import { findBeacon, withOrigin } from "../beacon/beacon-report.ts";
import type { BeaconOptions } from "../beacon/beacon-report.ts";
import type { BeaconParameters } from "../contribution-parameters.ts";
import { checkKey, checkRatios, initialPowers, sameFirstPowers } from "../contribution.ts";
import type { FirstPowers } from "../contribution.ts";
import { keyFromSeed, proofPoints, sameKey } from "../key-proof.ts";
import type { ContributorKey } from "../key-proof.ts";
import { knownFirstChallenge } from "../ptau/first-challenge.ts";
import { CeremonyFileError } from "../report.ts";
import type { BeaconReport, CeremonyReport, ContributionReport } from "../report.ts";
import { sameRatio } from "../same-ratio.ts";
import { checkedSentences, kindOf, meaningOf, uncheckedSentences } from "./chain-words.ts";
import { headBytes, layoutOf } from "./layout.ts";
import type { Accumulator, ChallengeHead } from "./point-reader.ts";
import { checkPowers, derivedHash, fileHash, firstDifference, initialHash } from "./point-stream.ts";
import type { Tools } from "./point-stream.ts";

/**
 * `keys` reads heads, first powers and keys: a few KiB of each file. `hashes` reads all bytes, and recomputes the hashes that bind them.
 * `points` also checks all points of the last file, `all` those of every response.
 */
export const depths = ["keys", "hashes", "points", "all"] as const;
export type Depth = (typeof depths)[number];

export type ChainOptions = {
  readonly depth: Depth;
  readonly tools: Tools;
  /** The last contribution comes from this beacon. */
  readonly beacon?: BeaconOptions & { readonly parameters: BeaconParameters };
};

/** A file of a chain. The first one is an accumulator. */
export type ChainFile = Accumulator | ChallengeHead;

/** With the keys alone, the first challenge is recomputed up to this size: hashing it takes seconds, and no byte is read. */
const initialBytesOfKeys = 2 ** 31;

/** What the next file must continue. */
type State = {
  /** Hash of the challenge that the next response answers; undefined if these bytes do not show it. */
  readonly challenge: Uint8Array | undefined;
  /** The powers that the next contribution multiplies; undefined if no file has them. */
  readonly first: FirstPowers | undefined;
  /** The response that the next challenge must contain. */
  readonly response: { readonly accumulator: Accumulator; readonly index: number } | undefined;
};

type Found = {
  name: string;
  hash: Uint8Array | undefined;
  readonly checks: Record<string, boolean>;
};

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

class ChainVerifier {
  readonly #options: ChainOptions;
  readonly #contributions: Found[] = [];
  readonly checked: string[] = [];
  readonly problems: string[] = [];
  readonly notChecked = new Set<string>();
  #state: State = { challenge: undefined, first: undefined, response: undefined };

  constructor(options: ChainOptions) {
    this.#options = options;
  }

  get contributions(): readonly ContributionReport[] {
    return this.#contributions.map(({ name, hash, checks }, i) => ({
      index: i + 1,
      name,
      hash: hash && toHex(hash),
      ok: Object.values(checks).every(Boolean),
      checks,
    }));
  }

  get #reads(): boolean {
    return this.#options.depth !== "keys";
  }

  #note(contribution: Found | undefined, check: string, holds: boolean, problem: string): void {
    if (contribution) contribution.checks[check] = holds && (contribution.checks[check] ?? true);
    if (!holds) this.problems.push(problem);
  }

  /** The first file decides what is before it. */
  begin(file: Accumulator): void {
    const { layout, source } = file;
    if (layout.kind === "challenge") {
      this.#beginAtChallenge(file);
      return;
    }
    const hash = this.#firstChallenge(file);
    const isFirst = layout.kind === "record" || (hash && file.head && equal(hash, file.head));
    if (isFirst) {
      this.#state = { challenge: hash, first: initialPowers(layout.curve), response: undefined };
      return;
    }
    this.notChecked.add(
      `${source.name} does not answer the first challenge, and the challenge that it answers is not given: its head is taken as the challenge's hash, and the powers before it, with all earlier contributions, are unknown`,
    );
  }

  /** Hash of the ceremony's first challenge; undefined if it is not known and would take too long to compute. */
  #firstChallenge({ layout }: Pick<Accumulator, "layout">): Uint8Array | undefined {
    const { curve, power } = layout;
    const known = knownFirstChallenge(curve, power);
    if (known) return known;
    const { size } = layoutOf("challenge", curve.name, power);
    return this.#reads || size <= initialBytesOfKeys ? initialHash(layout, this.#options.tools) : undefined;
  }

  #beginAtChallenge(file: Accumulator): void {
    const blank = this.#options.tools.createHash().digest();
    if (file.head && equal(file.head, blank)) {
      const holds = sameFirstPowers(file.first, initialPowers(file.layout.curve));
      this.#note(
        undefined,
        "initial",
        holds,
        `${file.source.name}: its head is that of the first challenge: expected generators as first powers, actual others`,
      );
      return;
    }
    this.notChecked.add(
      `the contributions before ${file.source.name}: it has their product, and the hash of the last of them (${toHex(file.head ?? new Uint8Array(headBytes))})`,
    );
  }

  async challenge(file: ChainFile): Promise<void> {
    const { tools } = this.#options;
    const previous = this.#state.response;
    if (previous) await this.#continues(file, previous);
    const challenge = this.#reads ? await fileHash(file, tools) : file.source.statedHash;
    const isFirst = file.head && equal(file.head, tools.createHash().digest());
    const expected = isFirst ? this.#firstChallenge(file) : undefined;
    if (challenge && expected) {
      this.#note(
        undefined,
        "initial",
        equal(challenge, expected),
        `${file.source.name}: hash of the first challenge: expected ${toHex(expected)}, actual ${toHex(challenge)}`,
      );
    }
    const first = file.first ?? previous?.accumulator.first;
    this.#state = { challenge, first, response: undefined };
  }

  /** A challenge has the hash and the points of the response before it. */
  async #continues(
    file: ChainFile,
    { accumulator, index }: { readonly accumulator: Accumulator; readonly index: number },
  ): Promise<void> {
    const found = this.#contributions[index];
    const [name, before] = [file.source.name, accumulator.source.name];
    const { head } = file;
    if (head === undefined) {
      this.notChecked.add(
        `the head of ${name}, and that its points are those of ${before}: no source has it`,
      );
      return;
    }
    if (found?.hash) {
      this.#note(
        found,
        "nextHead",
        equal(head, found.hash),
        `${name}: head: expected the hash of ${before}, ${toHex(found.hash)}, actual ${toHex(head)}`,
      );
    } else if (found) {
      found.hash = head;
      this.notChecked.add(
        "whether the file of a contribution has the hash that the next challenge names: its bytes were not all read",
      );
    }
    if (file.first === undefined) {
      this.notChecked.add("the points of the challenges between two responses: their heads alone were read");
      return;
    }
    const differs = this.#reads ? await firstDifference(file, accumulator, this.#options.tools) : undefined;
    const same = differs === undefined && sameFirstPowers(file.first, accumulator.first);
    const place = differs ? `point ${differs.index} of ${differs.section}` : "a first power";
    this.#note(
      found,
      "nextPoints",
      same,
      `${name}: expected the points of ${before}, actual another ${place}`,
    );
  }

  async response(file: Accumulator, next: ChainFile | undefined): Promise<void> {
    const { tools } = this.#options;
    const state = this.#state;
    const index = this.#contributions.length;
    const found: Found = { name: file.source.name, hash: undefined, checks: {} };
    this.#contributions.push(found);
    const head = file.head ?? state.challenge;
    if (file.head && state.challenge) {
      this.#note(
        found,
        "chain",
        equal(file.head, state.challenge),
        `${found.name}: head: expected the hash of the challenge before it, ${toHex(state.challenge)}, actual ${toHex(file.head)}`,
      );
    } else if (file.head && state.first) {
      this.notChecked.add(
        "the chain of hashes: a head is taken as the hash of the challenge before it, which was not computed",
      );
    }
    this.#pairings(file, head, found);
    found.hash = await this.#responseHash(file, head);
    // The hash of the next challenge is needed where no file has it.
    const recompute = next && next.layout.kind !== "challenge" && this.#reads && found.hash;
    const challenge = recompute ? await derivedHash(file, "challenge", recompute, tools) : undefined;
    this.#state = { challenge, first: file.first, response: { accumulator: file, index } };
  }

  async #responseHash(file: Accumulator, head: Uint8Array | undefined): Promise<Uint8Array | undefined> {
    if (!this.#reads) return file.source.statedHash;
    const { tools } = this.#options;
    if (file.layout.kind !== "record") return fileHash(file, tools);
    return head && derivedHash(file, "response", head, tools);
  }

  #pairings(file: Accumulator, challenge: Uint8Array | undefined, found: Found): void {
    const { layout, first, key } = file;
    const before = this.#state.first;
    if (key === undefined) return;
    const results = challenge
      ? withChallenge(file, challenge, key, before)
      : before
        ? {
            tauG2: sameRatio(layout.curve, [key.tau.s, key.tau.sx], [before.tauG2, first.tauG2]),
            betaG2: sameRatio(layout.curve, [key.beta.s, key.beta.sx], [before.betaG2, first.betaG2]),
          }
        : {};
    if (challenge === undefined)
      this.notChecked.add(
        "proofs of knowledge, and the ratios in G1: they need the hash of a challenge, which only all bytes show",
      );
    for (const [check, holds] of Object.entries(results))
      this.#note(found, check, holds, `${found.name}: ${meaningOf(check)}`);
  }

  /** Compares the last contribution's key with the one that the beacon gives. */
  async beacon(
    { layout: { curve }, head, key }: Accumulator,
    { parameters, ...options }: NonNullable<ChainOptions["beacon"]>,
  ): Promise<BeaconReport | undefined> {
    const found = this.#contributions.at(-1);
    const compare =
      key === undefined || head === undefined
        ? "the file does not have the hash of its challenge"
        : (seed: Uint8Array) => sameKey(key, keyFromSeed(curve, head, seed));
    const { report, isKey } = await findBeacon(parameters, compare, options);
    if (isKey === undefined) this.notChecked.add(`the beacon: ${report.detail}`);
    else this.#note(found, "beaconKey", isKey, `${found?.name}: ${meaningOf("beaconKey")}`);
    const lists = { checked: this.checked, notChecked: [] as string[], problems: this.problems };
    const withSource = withOrigin(report, options, lists);
    for (const sentence of lists.notChecked) this.notChecked.add(sentence);
    return withSource;
  }

  /** Of the contribution that was added last. */
  async allPoints(file: Accumulator): Promise<void> {
    const results = await checkPowers(file, this.#options.tools);
    const found = this.#contributions.at(-1);
    for (const [check, holds] of Object.entries(results))
      this.#note(found, check, holds, `${file.source.name}: ${meaningOf(check)}`);
  }
}

function withChallenge(
  { layout: { curve }, first }: Accumulator,
  challenge: Uint8Array,
  key: ContributorKey,
  before: FirstPowers | undefined,
): Readonly<Record<string, boolean>> {
  const proofs = proofPoints(curve, challenge, key);
  const ratios = before ? checkRatios(curve, key, proofs, { before, after: first }) : {};
  return { ...checkKey(curve, key, proofs), ...ratios };
}

function assertOneCeremony(files: readonly ChainFile[]): void {
  const [head, ...rest] = files;
  const form = ({ layout: { curve, power } }: ChainFile): string => `${curve.name} with 2^${power} powers`;
  for (const [i, file] of rest.entries()) {
    const before = files[i] as ChainFile;
    if (head && form(file) !== form(head))
      throw new CeremonyFileError(`${file.source.name}: another ceremony than that of ${head.source.name}`, {
        expected: form(head),
        actual: form(file),
      });
    if (file.layout.kind === "challenge" && before.layout.kind === "challenge")
      throw new CeremonyFileError(`${file.source.name} comes after ${before.source.name}`, {
        expected: "a response to the challenge before it",
        actual: "another challenge",
      });
  }
}

/** The file as an accumulator. @throws RangeError if its head alone was read */
function accumulatorOf(file: ChainFile): Accumulator {
  if (file.first !== undefined) return file;
  throw new RangeError(`${file.source.name}: expected first powers, actual its head alone`);
}

/**
 * Verifies files in the order of their ceremony: challenge, response, challenge and so on, or responses alone.
 * @param files the first and the last one are accumulators
 * @throws CeremonyFileError for a point that is not one of its group, and for files that cannot belong together
 */
export async function verifyChain(
  files: readonly ChainFile[],
  options: ChainOptions,
): Promise<CeremonyReport> {
  const [head] = files;
  const end = files.at(-1);
  if (head === undefined || end === undefined) throw new RangeError("files: expected at least 1, actual 0");
  assertOneCeremony(files);
  const last = accumulatorOf(end);
  const { depth } = options;
  const chain = new ChainVerifier(options);
  chain.begin(accumulatorOf(head));
  for (const [i, file] of files.entries()) {
    if (file.layout.kind === "challenge") await chain.challenge(file);
    else {
      await chain.response(accumulatorOf(file), files[i + 1]);
      if (depth === "all" && file !== end) await chain.allPoints(accumulatorOf(file));
    }
  }
  if (depth === "points" || depth === "all") await chain.allPoints(last);
  const contributed = files.findLast(({ layout }) => layout.kind !== "challenge");
  const beacon =
    options.beacon && contributed && (await chain.beacon(accumulatorOf(contributed), options.beacon));
  const { problems, notChecked, contributions } = chain;
  return {
    kind: kindOf(files),
    curve: head.layout.curve.name,
    power: head.layout.power,
    contributions,
    beacon,
    checked: [...checkedSentences(files, depth), ...chain.checked],
    notChecked: [...notChecked, ...uncheckedSentences(files, depth, beacon !== undefined)],
    problems,
    ok: problems.length === 0,
  };
}
