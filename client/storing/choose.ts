/** Which providers store a payer's data: by record, price and space, no two of one operator or region if it can be helped (R42). */
import { counted } from "../../protocol/counted.ts";

export type ProviderRecord = {
  /** Space-time proven of what was committed in the last settlements, in 1/10000; undefined if nothing of it was settled yet. */
  readonly provenBps: number | undefined;
  /** Bytes that it is paid for now. */
  readonly bytes: bigint;
  /** First block that it served; undefined if it never did. */
  readonly since: number | undefined;
};

export type Candidate = {
  readonly operator: string;
  /** Who is paid: two operators with one payee are one party. */
  readonly payee: string;
  /** Hosts of its addresses: two providers on one machine are one party, too. */
  readonly hosts: readonly string[];
  readonly regions: readonly string[];
  /** Token units per 2^64 byte·blocks, in the group's token; undefined if it does not take the token. */
  readonly price: bigint | undefined;
  readonly freeBytes: number;
  readonly largestPiece: number;
  readonly minLockup: number;
  readonly minRunway: number;
  readonly maxKeeperShareBps: number;
  readonly takesPublic: boolean;
  readonly record: ProviderRecord;
};

export type Wish = {
  readonly copies: number;
  /** Bytes for each provider, and its largest piece. */
  readonly bytes: number;
  readonly largestPiece: number;
  readonly hasPublic: boolean;
  readonly lockup: number;
  readonly keeperShareBps: number;
  /** Chosen before: the others must differ from them, and are chosen to make up `copies`. */
  readonly kept: readonly Pick<Candidate, "operator" | "payee" | "hosts" | "regions">[];
};

export type Unfit = { readonly operator: string; readonly why: string };
export type Choice = {
  /** The ones to add to `kept`, best first. */
  readonly chosen: readonly Candidate[];
  readonly unfit: readonly Unfit[];
  /** Fit, and not chosen, best first: for a provider that is lost. */
  readonly spare: readonly Candidate[];
  /** What could not be helped, for the preview. */
  readonly shares: "nothing" | "region" | "operator";
};

/** Below it a provider is not chosen: it proved less than nine tenths of what it was to store. */
const leastProvenBps = 9_000;
/** From it on a record counts as whole; a new provider comes after those, before those with gaps. */
const wholeBps = 9_900;

/** Why a provider cannot take the data; undefined if it can. */
export function unfitness(candidate: Candidate, wish: Wish): string | undefined {
  const { price, freeBytes, largestPiece, minLockup, maxKeeperShareBps, takesPublic, record } = candidate;
  if (price === undefined) return "does not take the token";
  if (freeBytes < wish.bytes) return `has ${freeBytes} bytes free of ${wish.bytes}`;
  if (largestPiece < wish.largestPiece) {
    return `takes pieces of at most ${largestPiece} bytes, the largest has ${wish.largestPiece}`;
  }
  if (wish.hasPublic && !takesPublic) return "does not take public data";
  if (minLockup > wish.lockup)
    return `asks for a lockup of ${counted(minLockup, "block")}, the group has ${wish.lockup}`;
  if (maxKeeperShareBps < wish.keeperShareBps) {
    return `gives the keepers at most ${maxKeeperShareBps / 100} %, the committee asks for ${wish.keeperShareBps / 100} %`;
  }
  if (record.provenBps !== undefined && record.provenBps < leastProvenBps) {
    return `proved ${record.provenBps / 100} % of its data lately, less than ${leastProvenBps / 100} %`;
  }
  return undefined;
}

function standing({ provenBps }: ProviderRecord): number {
  if (provenBps === undefined) return 1;
  return provenBps >= wholeBps ? 0 : 2;
}

function better(a: Candidate, b: Candidate): number {
  const [priceA, priceB] = [a.price ?? 0n, b.price ?? 0n];
  return (
    standing(a.record) - standing(b.record) ||
    (priceA < priceB ? -1 : priceA > priceB ? 1 : 0) ||
    (a.record.since ?? Number.MAX_SAFE_INTEGER) - (b.record.since ?? Number.MAX_SAFE_INTEGER) ||
    (a.operator.toLowerCase() < b.operator.toLowerCase() ? -1 : 1)
  );
}

type Party = Wish["kept"][number];

const meets = (a: readonly string[], b: readonly string[]): boolean => a.some((one) => b.includes(one));

function oneParty(a: Party, b: Party): boolean {
  return a.payee.toLowerCase() === b.payee.toLowerCase() || meets(a.hosts, b.hosts);
}

/** Steps of the search for a set without clashes; enough for every set of 64 candidates that has no clash among its first ten. */
const maxSteps = 20_000;

/** The first set in the order of `ranked` of which no two clash; undefined if the search finds none. */
function without(
  clash: (a: Party, b: Party) => boolean,
  {
    kept,
    ranked,
    count,
  }: { readonly kept: readonly Party[]; readonly ranked: readonly Candidate[]; readonly count: number },
): Candidate[] | undefined {
  let steps = 0;
  const search = (from: number, taken: readonly Candidate[]): Candidate[] | undefined => {
    if (taken.length === count) return [...taken];
    for (let i = from; i < ranked.length && steps < maxSteps; i++) {
      steps++;
      const next = ranked[i] as Candidate;
      if ([...kept, ...taken].some((one) => clash(one, next))) continue;
      const found = search(i + 1, [...taken, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return search(0, []);
}

/** Fewer are chosen than wished if fewer are fit; the caller compares and says so. */
export function chooseProviders(candidates: readonly Candidate[], wish: Wish): Choice {
  const known = new Set(wish.kept.map(({ operator }) => operator.toLowerCase()));
  const unfit: Unfit[] = [];
  const fit: Candidate[] = [];
  for (const candidate of candidates) {
    if (known.has(candidate.operator.toLowerCase())) continue;
    const why = unfitness(candidate, wish);
    if (why === undefined) fit.push(candidate);
    else unfit.push({ operator: candidate.operator, why });
  }
  const ranked = fit.toSorted(better);
  const count = Math.min(Math.max(0, wish.copies - wish.kept.length), ranked.length);
  const scope = { kept: wish.kept, ranked, count };
  const apart = without((a, b) => oneParty(a, b) || meets(a.regions, b.regions), scope);
  const parties = apart ?? without(oneParty, scope);
  const chosen = parties ?? ranked.slice(0, count);
  const shares = apart !== undefined ? "nothing" : parties !== undefined ? "region" : "operator";
  return { chosen, unfit, spare: ranked.filter((one) => !chosen.includes(one)), shares };
}
