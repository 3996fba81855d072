/**
 * R18: in a turn a keeper passes on at most two different commits and two different reveals of another keeper. So two of each from every
 * peer are enough to receive all that is passed on. They are checked even if their author has no tokens left: otherwise a Byzantine
 * keeper could flood this keeper alone, and this keeper would omit messages that all others have (R19).
 */
import type { Envelope } from "../../protocol/codec/message.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Body, Message } from "../../protocol/messages.ts";
import { turnKey } from "../core/state.ts";
import type { KeeperState } from "../core/state.ts";

/** Two different ones are evidence; further ones add nothing. */
const maxDifferent = 2;

/** Admits the first two different messages of each name in the present turn. At most one name for each keeper, kind and peer. */
class RoundQuota {
  #turn = "";
  readonly #seen = new Map<string, Set<Hex>>();

  /** @param turn `turnOf` of the message, never undefined */
  admits(turn: string, name: string, hash: Hex): boolean {
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#seen.clear();
    }
    const seen = this.#seen.get(name) ?? new Set<Hex>();
    this.#seen.set(name, seen);
    if (!seen.has(hash) && seen.size >= maxDifferent) return false;
    seen.add(hash);
    return true;
  }
}

/** The turn of a commit or reveal, if it is the present one; undefined: no quota applies. */
function turnOf({ turn }: KeeperState, body: Body): string | undefined {
  if (turn === undefined || (body.kind !== "commit" && body.kind !== "reveal")) return undefined;
  const key = turnKey(turn.ts, turn.turn);
  return turnKey(body.round.ts, body.round.turn) === key ? key : undefined;
}

/** The quotas of one committee. */
export class CommitteeQuotas {
  readonly #passedOn = new RoundQuota();
  readonly #reserved = new RoundQuota();

  /** Whether this keeper passes the message on or has passed it on. */
  passesOn(state: KeeperState, { keeper, body, hash }: Message): boolean {
    const turn = turnOf(state, body);
    return turn === undefined || this.#passedOn.admits(turn, `${body.kind}/${keeper}`, hash);
  }

  /** For `Ingress.check`: whether a message forwarded by `from` is checked even if its author has no tokens left. */
  reserved(state: KeeperState, from: Hex | undefined): (envelope: Envelope, hash: Hex) => boolean {
    return ({ keeper, body }, hash) => {
      const turn = turnOf(state, body);
      return turn !== undefined && this.#reserved.admits(turn, `${body.kind}/${keeper}/${from ?? ""}`, hash);
    };
  }
}
