/** Checks received bytes and returns the message, cheapest check first (D3–D6). */
import { maxMessageBytes, messageDigest, wireReader } from "../../protocol/codec/message.ts";
import type { Envelope, WireReader } from "../../protocol/codec/message.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { CommitteeSnapshot, Member } from "../../protocol/committee.ts";
import type { Body, Message } from "../../protocol/messages.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import { domainOf } from "../../protocol/certificate.ts";
import type { CryptoPort } from "../ports/crypto.ts";
import type { Verdict } from "../ports/transport.ts";
import type { Rate, TokenBuckets } from "../../protocol/limits/token-buckets.ts";

const maxRemembered = 4096;

export type Checked =
  | { readonly verdict: "accept"; readonly message: Message }
  | { readonly verdict: Exclude<Verdict, "accept">; readonly code: ReasonCode; readonly detail: string };

/** Kinds that only a round's leader sends. */
const ofLeaders: ReadonlySet<Body["kind"]> = new Set(["announce", "close", "bundle", "proposal"]);

type Refused = Extract<Checked, { code: ReasonCode }>;

function refuse(verdict: "ignore" | "reject", code: ReasonCode, detail: string): Refused {
  return { verdict, code, detail };
}

export type IngressDependencies = {
  readonly crypto: Pick<CryptoPort, "messageSigner">;
  /** Limits the new messages of each author, whichever peer forwards them; names are operators. */
  readonly authors: TokenBuckets;
  readonly rate: () => Rate;
  /** The same in bytes, so that a flood forwarded by honest keepers stays within what each of them may send (D6). */
  readonly bytesOfAuthors: TokenBuckets;
  readonly byteRate: () => Rate;
  /** Lets other work of the process run between two signature checks. */
  readonly pause: () => Promise<void>;
  readonly reader?: WireReader;
};

/** A signature to check: digest, expected signer, and a description for the reason. */
type Signed = { readonly hash: Hex; readonly signature: Hex; readonly operator: Hex; readonly what: string };

/** Checks messages against the snapshot of their committee. Remembers a bounded number of checked signatures. */
export class Ingress {
  readonly #on: IngressDependencies;
  readonly #reader: WireReader;
  /** Digest → a valid signature of it. Oldest first, so the bound drops the oldest. */
  readonly #known = new Map<Hex, Hex>();

  constructor(on: IngressDependencies) {
    this.#on = on;
    this.#reader = on.reader ?? wireReader;
  }

  /**
   * Returns a promise only for a message that contains other signatures, so the order of all other messages is kept.
   * @param isReserved whether a message is checked although its author has no tokens left (R18)
   */
  check(
    bytes: Uint8Array,
    committee: CommitteeSnapshot,
    isReserved: (envelope: Envelope, hash: Hex) => boolean = () => false,
  ): Checked | Promise<Checked> {
    if (bytes.length > maxMessageBytes) {
      return refuse(
        "reject",
        "wire-oversized",
        `expected ≤ ${maxMessageBytes} bytes, actual ${bytes.length}`,
      );
    }
    const decoded = this.#reader.decode(bytes);
    if (!decoded.ok) {
      if (decoded.code === "version") return refuse("ignore", "wire-version", decoded.detail);
      if (decoded.code === "too-large") return refuse("reject", "wire-oversized", decoded.detail);
      return refuse("reject", "wire-malformed", `${decoded.code}: ${decoded.detail}`);
    }
    const member = admissible(decoded.value, committee);
    if ("verdict" in member) return member;
    return this.#checkEnvelope(decoded.value, bytes, committee, member, isReserved);
  }

  #checkEnvelope(
    envelope: Envelope,
    bytes: Uint8Array,
    committee: CommitteeSnapshot,
    { operator }: Member,
    isReserved: (envelope: Envelope, hash: Hex) => boolean,
  ): Checked | Promise<Checked> {
    const { keeper, body, signature } = envelope;
    const { authors, rate } = this.#on;
    const domain = domainOf(committee.chainId, committee.address);
    const hash = this.#reader.digest(domain, envelope, bytes);
    const outer = { hash, signature, operator, what: `${body.kind} of keeper ${keeper}` };
    const checked: Checked = {
      verdict: "accept",
      message: { keeper, version: committee.version.version, body, hash, signature, bytes },
    };
    if (this.#isKnown(outer)) return checked;
    // D6: a message of an author without tokens costs no signature check. The peer that forwarded it is not punished.
    const spent = !authors.has(operator, rate());
    if (spent && !isReserved(envelope, hash)) return flood(keeper);
    if (!this.#holds(outer)) return refuse("reject", "wire-bad-signature", outer.what);
    // Tokens are taken after the signature is valid; otherwise anybody could use up the tokens of another keeper.
    const inner = innerSignatures(domain, envelope, committee).filter((signed) => !this.#isKnown(signed));
    const allowed = !spent && this.#pays(operator, 1 + inner.length, bytes.length);
    if (!spent && !allowed && !isReserved(envelope, hash)) return flood(keeper);
    if (inner.length > 0) return this.#checkInner(checked, outer, inner);
    this.#remember(outer);
    return checked;
  }

  /** Remembers signatures only after all of them are valid; otherwise the message would pass at its second arrival. */
  async #checkInner(checked: Checked, outer: Signed, inner: readonly Signed[]): Promise<Checked> {
    for (const signed of inner) {
      await this.#on.pause();
      if (!this.#holds(signed)) return refuse("reject", "wire-bad-signature", signed.what);
    }
    for (const signed of [outer, ...inner]) this.#remember(signed);
    return checked;
  }

  /** Takes one token for each signature, and the bytes. */
  #pays(operator: Hex, signatures: number, bytes: number): boolean {
    const { authors, rate, bytesOfAuthors, byteRate } = this.#on;
    return authors.take(operator, rate(), signatures) && bytesOfAuthors.take(operator, byteRate(), bytes);
  }

  #isKnown({ hash, signature }: Signed): boolean {
    return this.#known.get(hash) === signature;
  }

  #holds({ hash, signature, operator }: Signed): boolean {
    return this.#on.crypto.messageSigner(hash, signature) === operator;
  }

  #remember({ hash, signature }: Signed): void {
    this.#known.set(hash, signature);
    if (this.#known.size > maxRemembered) this.#known.delete(this.#known.keys().next().value as Hex);
  }
}

function flood(keeper: number): Checked {
  return refuse("ignore", "wire-flood", `keeper ${keeper}`);
}

/** The author, if the message passes all checks that need no hashing. */
function admissible(envelope: Envelope, committee: CommitteeSnapshot): Member | Refused {
  if (envelope.chainId !== committee.chainId || envelope.committee !== committee.address) {
    const detail = `chain ${envelope.chainId}, committee ${envelope.committee}`;
    return refuse("reject", "wire-wrong-committee", detail);
  }
  const { body, keeper } = envelope;
  // Messages of past rounds are dropped before any signature check, so a replay of old messages costs little.
  if (body.kind !== "hello" && body.round.ts < committee.ts) {
    return refuse("ignore", "message-stale", `${body.kind} of keeper ${keeper}`);
  }
  // Only members of the version in force send messages. In the next version the same index is another keeper (R37).
  const { version, members } = committee.version;
  const member = members[keeper];
  if (envelope.version !== version || member === undefined) {
    return refuse("ignore", "wire-not-a-member", `keeper ${keeper} of version ${envelope.version}`);
  }
  const leads = body.kind === "hello" || !ofLeaders.has(body.kind) || body.round.leader === keeper;
  if (!leads) return refuse("reject", "not-the-leader", `${body.kind} of keeper ${keeper}`);
  const highest = Math.max(-1, ...keepersNamed(body));
  if (highest >= members.length) {
    const detail = `${body.kind}: expected keepers below ${members.length}, actual ${highest}`;
    return refuse("reject", "wire-malformed", detail);
  }
  return member;
}

/** Keepers that a body lists. The codec enforces ascending order, so no keeper is listed twice. */
function keepersNamed(body: Body): readonly number[] {
  if (body.kind === "close") return body.commits.map(({ keeper }) => keeper);
  if (body.kind === "bundle") return body.reveals.map(({ keeper }) => keeper);
  return [];
}

/** R19: every commit of a closed set has the signature of its keeper. */
function innerSignatures(domain: Hex, { body }: Envelope, { version }: CommitteeSnapshot): Signed[] {
  if (body.kind !== "close") return [];
  return body.commits.map(({ keeper, commitment, signature }) => {
    const { operator } = version.members[keeper] as Member;
    const commit = { kind: "commit", round: body.round, commitment } as const;
    const hash = messageDigest(domain, version.version, keeper, commit);
    return { hash, signature, operator, what: `the commit of keeper ${keeper} in a closed set` };
  });
}
