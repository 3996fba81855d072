/** From bytes on the wire to a checked message, cheapest check first (D3–D6). Answers accept, ignore or reject. */
import { maxMessageBytes, messageDigest, wireReader } from "../../protocol/codec/message.ts";
import type { Envelope, WireReader } from "../../protocol/codec/message.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { GroupSnapshot, Member } from "../../protocol/group.ts";
import type { Body, Message } from "../../protocol/messages.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import { domainSeparator } from "../../protocol/settlement.ts";
import type { CryptoPort } from "../ports/crypto.ts";
import type { Verdict } from "../ports/transport.ts";
import type { Rate, TokenBuckets } from "../../protocol/limits/token-buckets.ts";

const maxRemembered = 4096;

export type Checked =
  | { readonly verdict: "accept"; readonly message: Message }
  | { readonly verdict: Exclude<Verdict, "accept">; readonly code: ReasonCode; readonly detail: string };

/** Only a round's leader says these. */
const ofLeaders: ReadonlySet<Body["kind"]> = new Set(["announce", "close", "bundle", "proposal"]);

type Refused = Extract<Checked, { code: ReasonCode }>;

function refuse(verdict: "ignore" | "reject", code: ReasonCode, detail: string): Refused {
  return { verdict, code, detail };
}

export type IngressDependencies = {
  readonly crypto: Pick<CryptoPort, "messageSigner">;
  /** How much each keeper may say anew, whoever hands it on; names are operators. */
  readonly authors: TokenBuckets;
  readonly rate: () => Rate;
  /** The same in bytes, so that what honest keepers hand on of a flood fits what each of them may send (D6). */
  readonly bytesOfAuthors: TokenBuckets;
  readonly byteRate: () => Rate;
  /** Lets other work of the process run between two signature checks. */
  readonly pause: () => Promise<void>;
  readonly reader?: WireReader;
};

/** A signature that must be checked: what was signed, and by whom. */
type Signed = { readonly hash: Hex; readonly signature: Hex; readonly operator: Hex; readonly what: string };

/** Checks messages of one group against its snapshot; remembers what it has checked, within a bound. */
export class Ingress {
  readonly #on: IngressDependencies;
  readonly #reader: WireReader;
  /** Digest → a signature of it that was checked. Oldest first, so the bound drops the oldest. */
  readonly #known = new Map<Hex, Hex>();

  constructor(on: IngressDependencies) {
    this.#on = on;
    this.#reader = on.reader ?? wireReader;
  }

  /**
   * A promise only where other signatures are inside: messages come in order as far as they can.
   * @param isReserved whether a message is checked although its author's tokens are gone (R18)
   */
  check(
    bytes: Uint8Array,
    group: GroupSnapshot,
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
    const member = admissible(decoded.value, group);
    if ("verdict" in member) return member;
    return this.#checkEnvelope(decoded.value, bytes, group, member, isReserved);
  }

  #checkEnvelope(
    envelope: Envelope,
    bytes: Uint8Array,
    group: GroupSnapshot,
    { operator }: Member,
    isReserved: (envelope: Envelope, hash: Hex) => boolean,
  ): Checked | Promise<Checked> {
    const { keeper, body, signature } = envelope;
    const { authors, rate } = this.#on;
    const domain = domainSeparator(group.chainId, group.address);
    const hash = this.#reader.digest(domain, envelope, bytes);
    const outer = { hash, signature, operator, what: `${body.kind} of keeper ${keeper}` };
    const checked: Checked = {
      verdict: "accept",
      message: { keeper, committee: group.committee.version, body, hash, signature, bytes },
    };
    if (this.#isKnown(outer)) return checked;
    // D6: whose tokens are gone costs no signature check. A flood that others hand on is not held against them.
    const spent = !authors.has(operator, rate());
    if (spent && !isReserved(envelope, hash)) return flood(keeper);
    if (!this.#holds(outer)) return refuse("reject", "wire-bad-signature", outer.what);
    // Only now it is sure whose tokens these are: else anybody could use up another keeper's.
    const inner = innerSignatures(domain, envelope, group).filter((signed) => !this.#isKnown(signed));
    const allowed = !spent && this.#pays(operator, 1 + inner.length, bytes.length);
    if (!spent && !allowed && !isReserved(envelope, hash)) return flood(keeper);
    if (inner.length > 0) return this.#checkInner(checked, outer, inner);
    this.#remember(outer);
    return checked;
  }

  /** Nothing of a message is remembered before all of it holds: otherwise it would pass when it comes again. */
  async #checkInner(checked: Checked, outer: Signed, inner: readonly Signed[]): Promise<Checked> {
    for (const signed of inner) {
      await this.#on.pause();
      if (!this.#holds(signed)) return refuse("reject", "wire-bad-signature", signed.what);
    }
    for (const signed of [outer, ...inner]) this.#remember(signed);
    return checked;
  }

  /** Takes a token for each signature, and the bytes. */
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

/** The author, if this message may matter here at all: whatever needs no hashing. */
function admissible(envelope: Envelope, group: GroupSnapshot): Member | Refused {
  if (envelope.chainId !== group.chainId || envelope.group !== group.address) {
    return refuse("reject", "wire-wrong-group", `chain ${envelope.chainId}, group ${envelope.group}`);
  }
  const { body, keeper } = envelope;
  // Past rounds are dropped before any signature is checked: replaying old messages costs a keeper nothing.
  if (body.kind !== "hello" && body.round.ts < group.ts) {
    return refuse("ignore", "message-stale", `${body.kind} of keeper ${keeper}`);
  }
  // Only the active committee speaks. A pending one's indices are other keepers' names (R33).
  const { version, members } = group.committee;
  const member = members[keeper];
  if (envelope.committee !== version || member === undefined) {
    return refuse("ignore", "wire-not-a-member", `keeper ${keeper} of committee ${envelope.committee}`);
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

/** Keepers that a body lists; the codec has them ascending, so none is in a list twice. */
function keepersNamed(body: Body): readonly number[] {
  if (body.kind === "close") return body.commits.map(({ keeper }) => keeper);
  if (body.kind === "bundle") return body.reveals.map(({ keeper }) => keeper);
  return [];
}

/** R19: every commit of a closed set carries its keeper's signature. */
function innerSignatures(domain: Hex, { body }: Envelope, { committee }: GroupSnapshot): Signed[] {
  if (body.kind !== "close") return [];
  return body.commits.map(({ keeper, commitment, signature }) => {
    const { operator } = committee.members[keeper] as Member;
    const commit = { kind: "commit", round: body.round, commitment } as const;
    const hash = messageDigest(domain, committee.version, keeper, commit);
    return { hash, signature, operator, what: `the commit of keeper ${keeper} in a closed set` };
  });
}
