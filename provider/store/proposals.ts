/** R43: accepts a payer's signed request, or refuses it with the reason, before a byte is sent. */
import { refusal } from "../../protocol/codec/challenge.ts";
import type { Refusal } from "../../protocol/codec/challenge.ts";
import { storeDigest } from "../../protocol/codec/store-request.ts";
import type { Propose } from "../../protocol/codec/store.ts";
import type { GroupBirth, StoreRequest } from "../../protocol/codec/store-request.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { GroupStanding } from "../chain-reads.ts";
import type { GroupFacts } from "./group-facts.ts";
import { refusalOf, waitingBlocks } from "./policy.ts";
import type { StoreDependencies, Told } from "./ports.ts";
import type { KeptRequest } from "./requests.ts";

/** Proposals that wait for the one before them. */
const maxQueue = 32;

export class Proposals {
  readonly #deps: StoreDependencies;
  /** One after another: each is judged by the room that the one before it left. */
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(deps: StoreDependencies) {
    this.#deps = deps;
  }

  async propose(message: Propose, peer: string): Promise<Told<"accepted">> {
    if (this.#waiting >= maxQueue)
      return refusal("busy", "too many requests are being read; ask again later");
    this.#waiting++;
    const result = this.#last.then(() => this.#propose(message, peer));
    this.#last = result.catch(() => undefined);
    return result.finally(() => this.#waiting--);
  }

  async #propose({ request, signature, birth }: Propose, peer: string): Promise<Told<"accepted">> {
    const { scope, operator, settings, reads, requests, chain, events } = this.#deps;
    if (settings.prices.length === 0) return refusal("not-offered", "this provider offers nothing");
    if (request.provider !== operator) {
      return refusal("unknown-provider", `provider: expected ${operator}, actual ${request.provider}`);
    }
    const digest = storeDigest(scope, request, peer);
    if (!(await reads.signed(request.payer, digest, signature))) {
      return refusal("not-the-payer", `the request is not signed by ${request.payer} for the peer ${peer}`);
    }
    const known = requests.get(request);
    if (known?.digest === digest && known.state !== "over") {
      const fault = known.state === "serving" ? undefined : await this.judge(known);
      if (fault !== undefined) return fault;
      return this.#accepted(await this.#prolonged(known));
    }
    const before = known?.state === "over" ? undefined : known;
    const fault = await this.judge({ request, birth }, before !== undefined);
    if (fault !== undefined) return fault;
    const changed = before && changeOf(before.request, request);
    if (changed !== undefined) return changed;
    const kept: KeptRequest = {
      request,
      birth,
      peer,
      digest,
      order: before?.order ?? requests.nextOrder(),
      state: before?.state ?? "waiting",
      listed: before?.listed ?? 0,
      isChecked: before?.isChecked ?? false,
      until: (await chain.head()) + waitingBlocks,
      consentUntil: known?.consentUntil ?? 0,
    };
    await requests.put(kept);
    // The list of one that was over is sent again, and protected anew.
    if (before === undefined && known !== undefined) await requests.dropEntries(kept);
    const { group, payer, listRoot, bytes } = request;
    events.accepted({ group, payer, listRoot, bytes });
    return this.#accepted(kept);
  }

  #accepted({ until, listed }: KeptRequest): Told<"accepted"> {
    return { kind: "accepted", until, listed };
  }

  async #prolonged(kept: KeptRequest): Promise<KeptRequest> {
    const until = (await this.#deps.chain.head()) + waitingBlocks;
    const after = { ...kept, until: Math.max(kept.until, until) };
    if (kept.state === "waiting") await this.#deps.requests.put(after);
    return after;
  }

  /** Why a request would not be accepted now; undefined: it would. */
  async judge(
    { request, birth }: Pick<KeptRequest, "request" | "birth">,
    isPromised = true,
  ): Promise<Refusal | undefined> {
    const { settings, prices, chain, rooms } = this.#deps;
    const facts = await this.#facts(request, birth);
    if (facts === undefined) {
      return refusal(
        "unknown-group",
        `${request.group}: made by none of the factories that are believed here`,
      );
    }
    const [head, standing] = await Promise.all([chain.head(), chain.standing(request.group)]);
    return refusalOf({
      settings,
      prices: await prices(),
      head,
      request,
      group: facts,
      committedValue: committedValue(standing),
      room: await rooms.room(),
      payers: rooms.payersData(request),
      isPromised,
    });
  }

  async #facts(request: StoreRequest, birth: GroupBirth | undefined): Promise<GroupFacts | undefined> {
    const { reads, settings } = this.#deps;
    const made = await reads.group(request.group, settings.factories);
    if (made !== undefined || birth === undefined || !settings.factories.includes(birth.factory)) return made;
    return reads.coming(request.group, request.payer, birth);
  }
}

/**
 * The list's root fixes its pieces and bytes (R10). With other numbers a list that was checked would be consented to for fewer bytes, and one
 * that was judged for little room would take more.
 */
function changeOf(before: StoreRequest, { listRoot, pieces, bytes }: StoreRequest): Refusal | undefined {
  const wrong = (what: string, expected: number, actual: number): Refusal =>
    refusal("malformed", `${what} of ${listRoot}: expected ${expected}, actual ${actual}`);
  if (before.pieces !== pieces) return wrong("pieces", before.pieces, pieces);
  return before.bytes === bytes ? undefined : wrong("bytes", before.bytes, bytes);
}

/** The largest product price × bytes to which a group commits at this provider (R32). */
function committedValue({ own }: GroupStanding): bigint {
  let most = 0n;
  for (const { bytes, price } of own?.data ?? []) if (bytes * price > most) most = bytes * price;
  return most;
}

/** Whether a group commits to a list at this provider. */
export function commitsTo({ own }: GroupStanding, listRoot: Hex): boolean {
  return own?.data.some((data) => data.listRoot === listRoot && data.bytes > 0n) ?? false;
}
