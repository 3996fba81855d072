/** From bytes on the wire to a checked message, cheapest check first (D3–D6). Answers accept, ignore or reject. */
import { maxMessageBytes, messageDigest, wireReader } from "../codec/message.ts";
import type { Envelope, WireReader } from "../codec/message.ts";
import type { Hex } from "../core/hash.ts";
import type { Committee, GroupSnapshot } from "../core/group.ts";
import type { Body, Message } from "../core/messages.ts";
import type { ReasonCode } from "../core/reasons.ts";
import { domainSeparator } from "../core/settlement.ts";
import type { CryptoPort } from "../ports/crypto.ts";
import type { Verdict } from "../ports/transport.ts";
import type { RateLimit } from "./rate-limit.ts";

const maxRemembered = 4096;

export type Checked =
  | { readonly verdict: "accept"; readonly message: Message }
  | { readonly verdict: Exclude<Verdict, "accept">; readonly code: ReasonCode; readonly detail: string };

function refuse(verdict: "ignore" | "reject", code: ReasonCode, detail: string): Checked {
  return { verdict, code, detail };
}

/** Checks messages of one group against its snapshot; remembers what it has checked, within a bound. */
export class Ingress {
  readonly #crypto: CryptoPort;
  readonly #authors: RateLimit;
  readonly #reader: WireReader;
  /** Digest → a signature of it that was checked. Oldest first, so the bound drops the oldest. */
  readonly #known = new Map<Hex, Hex>();

  /** `authors` limits how much each keeper may say anew, whoever hands it on. */
  constructor(crypto: CryptoPort, authors: RateLimit, reader = wireReader) {
    this.#crypto = crypto;
    this.#authors = authors;
    this.#reader = reader;
  }

  check(bytes: Uint8Array, group: GroupSnapshot): Checked {
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
    return this.#checkEnvelope(decoded.value, bytes, group);
  }

  #checkEnvelope(envelope: Envelope, bytes: Uint8Array, group: GroupSnapshot): Checked {
    if (envelope.chainId !== group.chainId || envelope.group !== group.address) {
      return refuse("reject", "wire-wrong-group", `chain ${envelope.chainId}, group ${envelope.group}`);
    }
    const { body } = envelope;
    // Past rounds are dropped before any signature is checked: replaying old messages costs a keeper nothing.
    if (body.kind !== "hello" && body.round.ts < group.ts) {
      return refuse("ignore", "message-stale", `${body.kind} of keeper ${envelope.keeper}`);
    }
    // Only the active committee speaks. A pending one's indices are other keepers' names (R33).
    const { committee } = group;
    const member = committee.members[envelope.keeper];
    if (envelope.committee !== committee.version || member === undefined) {
      const detail = `keeper ${envelope.keeper} of committee ${envelope.committee}`;
      return refuse("ignore", "wire-not-a-member", detail);
    }
    const domain = domainSeparator(group.chainId, group.address);
    const hash = this.#reader.digest(domain, envelope, bytes);
    const fresh = this.#known.get(hash) !== envelope.signature;
    if (fresh && !this.#signed(hash, envelope.signature, member.operator)) {
      return refuse("reject", "wire-bad-signature", `${body.kind} of keeper ${envelope.keeper}`);
    }
    if (fresh && !this.#commitsSigned(domain, committee, body)) {
      return refuse("reject", "wire-bad-signature", `a commit inside the closed set of ${envelope.keeper}`);
    }
    // D6: a flood that others hand on would be held against them, so its author is stopped here, where it is known.
    if (fresh && !this.#authors.allows(`${group.address}/${envelope.keeper}`)) {
      return refuse("ignore", "wire-flood", `keeper ${envelope.keeper}`);
    }
    return {
      verdict: "accept",
      message: {
        keeper: envelope.keeper,
        committee: committee.version,
        body,
        hash,
        signature: envelope.signature,
        bytes,
      },
    };
  }

  #signed(hash: Hex, signature: Hex, operator: Hex): boolean {
    if (this.#known.get(hash) === signature) return true;
    if (this.#crypto.messageSigner(hash, signature) !== operator) return false;
    this.#known.set(hash, signature);
    if (this.#known.size > maxRemembered) this.#known.delete(this.#known.keys().next().value as Hex);
    return true;
  }

  /** R19: every commit of a closed set carries its keeper's signature. */
  #commitsSigned(domain: Hex, committee: Committee, body: Body): boolean {
    if (body.kind !== "close") return true;
    return body.commits.every((entry) => {
      const operator = committee.members[entry.keeper]?.operator;
      if (operator === undefined) return false;
      const commit = { kind: "commit", round: body.round, commitment: entry.commitment } as const;
      const hash = messageDigest(domain, committee.version, entry.keeper, commit);
      return this.#signed(hash, entry.signature, operator);
    });
  }
}
