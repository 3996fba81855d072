/** R3: identities of peers. The registry names a claim; only a proof makes a peer a keeper. */
import type { Hex } from "../../../protocol/hash.ts";
import type { Endpoint } from "../../ports/chain.ts";

export type ProofResult =
  | {
      readonly ok: true;
      /** The peer that was proven for this operator until now. */ readonly displaced?: string;
    }
  | { readonly ok: false; readonly why: string };

/** Bounded by the members of the committees: each has one claim and at most one proven peer. */
export class Identities {
  readonly #claims = new Map<Hex, Endpoint>();
  readonly #proven = new Map<Hex, Endpoint>();
  readonly #operators = new Map<string, Hex>();

  /** Replaces the claims by those of the registry. Peers of former members lose their identity. */
  setClaims(endpoints: readonly Endpoint[]): void {
    this.#claims.clear();
    for (const endpoint of endpoints) this.#claims.set(endpoint.operator, endpoint);
    for (const operator of this.#proven.keys()) if (!this.#claims.has(operator)) this.#forget(operator);
  }

  /** Whether a member claims this peer id, or the peer has proven to be a member. */
  isExpected(peerId: string): boolean {
    if (this.#operators.has(peerId)) return true;
    for (const claim of this.#claims.values()) if (claim.peerId === peerId) return true;
    return false;
  }

  get isEmpty(): boolean {
    return this.#claims.size === 0;
  }

  /** The operator that this peer has proven to be. */
  operatorOf(peerId: string): Hex | undefined {
    return this.#operators.get(peerId);
  }

  /** The peer that has proven to be this operator. */
  peerOf(operator: Hex): string | undefined {
    return this.#proven.get(operator)?.peerId;
  }

  /** Addresses by peer. If several claims name one peer, their addresses alternate: a false claim must not hide the true addresses. */
  targets(): Map<string, string[]> {
    const claims = [...this.#claims.values()];
    const provenElsewhere = [...this.#proven.values()].filter(
      ({ operator, peerId }) => this.#claims.get(operator)?.peerId !== peerId,
    );
    const byPeer = new Map<string, Endpoint[]>();
    for (const one of [...claims, ...provenElsewhere]) {
      byPeer.set(one.peerId, [...(byPeer.get(one.peerId) ?? []), one]);
    }
    return new Map([...byPeer].map(([peerId, endpoints]) => [peerId, alternating(endpoints)]));
  }

  /**
   * Accepts a proof whose signature is valid, if it is of the operator's present registration. A claim never displaces a proven
   * peer; a proof of a later registration of the same operator does.
   */
  prove(peerId: string, operator: Hex, sequence: number): ProofResult {
    const before = this.#proven.get(operator);
    if (before?.peerId === peerId && before.sequence === sequence) return { ok: true };
    const claim = this.#claims.get(operator);
    if (claim === undefined) return { ok: false, why: `${operator} is not a member` };
    if (claim.peerId !== peerId || claim.sequence !== sequence) {
      const actual = `${peerId} of registration ${sequence}`;
      return {
        ok: false,
        why: `expected ${claim.peerId} of registration ${claim.sequence}, actual ${actual}`,
      };
    }
    const other = this.#operators.get(peerId);
    if (other !== undefined && other !== operator) {
      return { ok: false, why: `${peerId} has proven to be ${other}, actual ${operator}` };
    }
    if (before !== undefined && before.peerId !== peerId && before.sequence >= sequence) {
      return { ok: false, why: `expected a registration after ${before.sequence}, actual ${sequence}` };
    }
    this.#forget(operator);
    this.#proven.set(operator, claim);
    this.#operators.set(peerId, operator);
    return before === undefined || before.peerId === peerId
      ? { ok: true }
      : { ok: true, displaced: before.peerId };
  }

  #forget(operator: Hex): void {
    const proven = this.#proven.get(operator);
    if (proven === undefined) return;
    this.#proven.delete(operator);
    this.#operators.delete(proven.peerId);
  }
}

function alternating(endpoints: readonly Endpoint[]): string[] {
  const longest = Math.max(...endpoints.map(({ multiaddrs }) => multiaddrs.length));
  const addresses = Array.from({ length: longest }, (_, i) =>
    endpoints.map(({ multiaddrs }) => multiaddrs[i]).filter((address) => address !== undefined),
  );
  return [...new Set(addresses.flat())];
}
