/** The sentences of a chain's report. */
import type { CeremonyKind } from "../report.ts";
import type { ChainFile, Depth } from "./chain.ts";

const greek = { Tau: "τ", Alpha: "α", Beta: "β" } as const;

/** What a failed check means, with expected and actual. */
export function meaningOf(check: string): string {
  if (check === "beaconKey") return "its key: expected the one that the beacon's value gives, actual another";
  const [, kind = "", secret = "Tau", group = ""] =
    /^(key|powers|)(Tau|Alpha|Beta|tau|alpha|beta)(G1|G2|)$/.exec(check) ?? [];
  const symbol = greek[`${secret.charAt(0).toUpperCase()}${secret.slice(1)}` as keyof typeof greek];
  if (kind === "key")
    return `the key's proof of knowledge of ${symbol}: expected the ratio of its pair and of the point that its challenge draws, actual another`;
  if (kind === "powers")
    return `all points of ${symbol} in ${group}: expected successive powers of τ, actual others`;
  return `${symbol} in ${group}: expected the power before times the key's secret, actual another point`;
}

export function kindOf(files: readonly ChainFile[]): CeremonyKind {
  const [only, ...others] = files;
  if (only === undefined || others.length > 0 || only.layout.kind === "record") return "powers-of-tau-chain";
  return `powers-of-tau-${only.layout.kind}`;
}

/** Whether the hashes of the chain are those of a manifest. */
function isStated(files: readonly ChainFile[], depth: Depth): boolean {
  return depth === "keys" && files.some(({ source }) => source.statedHash !== undefined);
}

export function checkedSentences(files: readonly ChainFile[], depth: Depth): readonly string[] {
  const last = files.at(-1);
  const hasResponse = files.some(({ layout }) => layout.kind !== "challenge");
  const hashes = isStated(files, depth)
    ? ["the chain of BLAKE2b-512 hashes that the manifest states, against the heads of the files"]
    : [];
  return [
    "size and layout of each file, and that its first powers and keys are points of their groups",
    ...(hasResponse
      ? [
          "each contribution's proofs of knowledge and ratios to the powers before, as far as its checks are listed",
        ]
      : []),
    ...(depth === "keys" ? hashes : ["the chain of BLAKE2b-512 hashes over all bytes of the files"]),
    ...(depth === "all" && hasResponse
      ? [
          "all points of every response: on the curve, in the subgroup, not at infinity, successive powers of τ",
        ]
      : []),
    ...((depth === "points" || (depth === "all" && !hasResponse)) && last
      ? [
          `all points of ${last.source.name}: on the curve, in the subgroup, not at infinity, successive powers of τ`,
        ]
      : []),
  ];
}

/** Points of responses before the last one: the last one contains their product, so they bind nothing that is used. */
function earlierPoints(files: readonly ChainFile[]): readonly string[] {
  const responses = files.filter(({ layout }) => layout.kind !== "challenge").length;
  const last = files.at(-1);
  if (responses < 2 || last === undefined) return [];
  return [
    `that the points of files before ${last.source.name} are successive powers of τ: the last file shows it of their product; --depth all checks every response`,
  ];
}

/** What the depth leaves out. */
export function uncheckedSentences(
  files: readonly ChainFile[],
  depth: Depth,
  hasBeacon: boolean,
): readonly string[] {
  const last = files.at(-1);
  if (last === undefined) return [];
  const hashes = isStated(files, depth)
    ? ["that a file has the BLAKE2b-512 that the manifest states for it: this needs all its bytes"]
    : [];
  const left = {
    keys: [
      "the bytes of the files apart from heads, first powers and keys: nothing binds the other points to a hash",
      ...hashes,
    ],
    hashes: [
      `all points of ${last.source.name}: that they are successive powers of τ, and in their subgroup`,
    ],
    points: earlierPoints(files),
    all: [],
  }[depth];
  const isOpen = !hasBeacon && last.layout.kind !== "challenge";
  return [
    ...left,
    ...(isOpen ? ["a beacon: challenges and responses do not say which contribution comes from one"] : []),
  ];
}
