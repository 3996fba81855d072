/**
 * R37: the proposed versions to which a keeper consents without its operator. These are replacements of members that resigned, and
 * nothing else, with at most f replaced members since its operator last approved a version.
 *
 * A proposal names operators only. Rhythm, terms and convener are fixed for a committee's life, so no proposal changes them.
 */
import { dutyIndex } from "./committee.ts";
import type { Version } from "./committee.ts";
import { counted } from "./counted.ts";
import type { Hex } from "./hash.ts";
import { faultBound } from "./quorum.ts";

/** A version that waits for consents. */
export type Proposal = {
  readonly version: number;
  /** The last version with other members when it was proposed. It is void once another one follows (R37). */
  readonly base: number;
  /** Operators of its seats. */
  readonly operators: readonly Hex[];
  /** Operators that have consented to it. */
  readonly consented: readonly Hex[];
};

/** A consent of this keeper on chain, and who sent it. */
export type OwnConsent =
  | { readonly version: number; readonly by: "operator" }
  | { readonly version: number; readonly by: "daemon"; readonly replaced: number }
  /** No endpoint shows the transaction. */
  | { readonly version: number; readonly by: "unknown" };

/** What the chain shows of a committee's proposals and of this keeper's consents. */
export type Succession = {
  /** The last version with other members than the one before it. Proposals on another one are void. */
  readonly era: number;
  /** Neither withdrawn nor complete. Ascending by version. */
  readonly proposals: readonly Proposal[];
  /** In the order of the chain. */
  readonly ownConsents: readonly OwnConsent[];
};

export const noSuccession: Succession = { era: 1, proposals: [], ownConsents: [] };

/**
 * Gas that a consent needs at most: as the last one that is needed it completes the version, and stores the keys of all members. Another
 * consent may be mined after the estimate and make this one the last, so an estimate is no bound. test/contract/consent-gas.long.test.ts
 * compares it with the contract.
 */
export function consentGas(members: number): bigint {
  return BigInt(250_000 + 65_000 * members);
}

export type Replaced = { readonly seat: number; readonly by: Hex };

export type ConsentScope = Succession & {
  readonly me: Hex;
  /** The version in force. */
  readonly version: Version;
  /** Versions to which this keeper's store notes a consent of the daemon. */
  readonly noted: ReadonlySet<number>;
};

export type Verdict =
  | { readonly kind: "consent"; readonly replaced: readonly Replaced[] }
  /** Nothing to do: the consent is given, or a new member has not consented yet. */
  | { readonly kind: "wait" }
  /** Only the operator can consent. */
  | { readonly kind: "refuse"; readonly why: string };

/** Whether the daemon consents to this proposal. */
export function verdictOn(proposal: Proposal, scope: ConsentScope): Verdict {
  const { era, me, ownConsents, version } = scope;
  if (ownConsents.some((own) => own.version === proposal.version)) return { kind: "wait" };
  if (proposal.base !== era)
    return refused(`it is based on version ${proposal.base}, expected ${era}, the one in force`);
  if (dutyIndex(version, me) < 0)
    return refused("this keeper has no seat with duties in the version in force");
  const replaced = replacedIn(proposal, version);
  if (typeof replaced === "string") return refused(replaced);
  const other = otherConsent(proposal, scope);
  if (other !== undefined)
    return refused(`this keeper has consented to version ${other}, which is open on the same base`);
  const budget = budgetLeft(scope);
  if (typeof budget === "string") return refused(budget);
  if (replaced.length > budget)
    return refused(
      `it replaces ${counted(replaced.length, "member")}, expected at most ${budget} before the operator approves a version`,
    );
  const absent = replaced.some(({ by }) => !proposal.consented.includes(by));
  return absent ? { kind: "wait" } : { kind: "consent", replaced };
}

function refused(why: string): Verdict {
  return { kind: "refuse", why };
}

/** The members that are replaced; a text if it changes anything else. */
function replacedIn({ operators }: Proposal, { members, resigned }: Version): Replaced[] | string {
  const n = members.length;
  if (operators.length !== n) return `it has ${counted(operators.length, "seat")}, expected ${n}`;
  const present = new Set(members.map(({ operator }) => operator));
  const replaced: Replaced[] = [];
  for (const [seat, { operator }] of members.entries()) {
    const next = operators[seat] as Hex;
    const left = resigned.includes(seat);
    if (next === operator && left)
      return `keeper ${seat} resigned and gets its duties back, expected another operator in its seat`;
    if (next === operator) continue;
    if (!left) return `${next} takes the seat of keeper ${seat}, which has not resigned`;
    if (present.has(next)) return `${next} takes the seat of keeper ${seat}, but is a member already`;
    replaced.push({ seat, by: next });
  }
  const named = new Set(operators);
  if (named.size !== n) return `it names ${counted(named.size, "operator")} for ${n} seats`;
  return replaced.length === 0 ? "it replaces nobody" : replaced;
}

/** Another open version on the same base to which this keeper consented, or may have consented. */
function otherConsent(
  { version, base }: Proposal,
  { proposals, ownConsents, noted }: ConsentScope,
): number | undefined {
  const mine = new Set([...noted, ...ownConsents.map((own) => own.version)]);
  return proposals.find((one) => one.version !== version && one.base === base && mine.has(one.version))
    ?.version;
}

/**
 * Members that the daemon may still replace. Consents that are noted and not on chain need no count: while such a version is open no
 * other one gets a consent, and afterwards the contract refuses the consent.
 */
function budgetLeft({ ownConsents, version }: ConsentScope): number | string {
  const last = ownConsents.findLastIndex(({ by }) => by === "operator");
  // Nobody becomes a member without a consent, and the daemon of no member consents to nothing: one approval is always there.
  if (last < 0) return "the chain shows no version that the operator approved";
  let left = faultBound(version.members.length);
  for (const own of ownConsents.slice(last + 1)) {
    if (own.by === "unknown")
      return `no endpoint shows the transaction of this keeper's consent to version ${own.version}`;
    if (own.by === "daemon") left -= own.replaced;
  }
  return Math.max(left, 0);
}

/** The proposal to which the daemon consents now: the first one, so that keepers choose the same one of several. */
export function consentDue(
  scope: ConsentScope,
): { readonly proposal: Proposal; readonly replaced: readonly Replaced[] } | undefined {
  for (const proposal of scope.proposals) {
    const verdict = verdictOn(proposal, scope);
    if (verdict.kind === "consent") return { proposal, replaced: verdict.replaced };
  }
  return undefined;
}
