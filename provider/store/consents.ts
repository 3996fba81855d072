/** R43, R33: consents to the list of a request, once all of it is stored and the escrow carries it. */
import { refusal } from "../../protocol/codec/challenge.ts";
import type { ConsentWish } from "../../protocol/codec/store.ts";
import { fromHex } from "../../protocol/hash.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { waitingBlocks } from "./policy.ts";
import type { StoreDependencies, Told } from "./ports.ts";
import type { Proposals } from "./proposals.ts";
import type { Receiving } from "./receiving.ts";
import type { KeptRequest } from "./requests.ts";

export class Consents {
  readonly #deps: StoreDependencies;
  readonly #proposals: Proposals;
  readonly #receiving: Receiving;

  constructor(deps: StoreDependencies, proposals: Proposals, receiving: Receiving) {
    this.#deps = deps;
    this.#proposals = proposals;
    this.#receiving = receiving;
  }

  async consent(kept: KeptRequest, wish: ConsentWish): Promise<Told<"consented">> {
    const { requests, store, chain, sign, receiptKey, settings, events } = this.#deps;
    const { committee, sequence, deadline } = wish;
    const { request } = kept;
    const head = await chain.head();
    const last = Math.min(request.deadline, head + waitingBlocks);
    if (deadline < head || deadline > last) {
      return refusal("expired", `deadline: expected a block from ${head} to ${last}, actual ${deadline}`);
    }
    if (settings.committees.length > 0 && !isZero(committee) && !settings.committees.includes(committee)) {
      return refusal("not-offered", `groups of the committee ${committee} are not taken`);
    }
    const missing = await this.#missing(kept);
    if (missing !== undefined) return missing;
    // What is on chain for it already is carried; a new consent changes nothing there.
    const fault = kept.state === "serving" ? undefined : await this.#proposals.judge(kept);
    if (fault !== undefined) return fault;
    const list = await requests.list(kept);
    await store.keepList(list);
    // Noted before the signature leaves: the data stays as long as the consent may be used.
    const consentUntil = Math.max(kept.consentUntil, deadline);
    await requests.put({ ...(requests.get(request) ?? kept), consentUntil });
    chain.serve(request.group);
    const { group, listRoot, bytes, price } = request;
    const terms = { group, committee, listRoot, bytes: BigInt(bytes), price, receiptKey, sequence, deadline };
    const { operator, signature } = await sign(terms);
    events.consented({ group, listRoot, bytes, deadline });
    return {
      kind: "consented",
      operator,
      committee,
      listRoot,
      bytes,
      price,
      receiptKey,
      sequence,
      deadline,
      signature: fromHex(signature),
    };
  }

  /** A refusal that names the first piece which is not whole. */
  async #missing(kept: KeptRequest): Promise<ReturnType<typeof refusal> | undefined> {
    const { listed, isChecked, request } = kept;
    if (!isChecked) {
      return refusal("incomplete", `pieces of the list: expected ${request.pieces}, actual ${listed} so far`);
    }
    const list = await this.#deps.requests.list(kept);
    for (const [piece, entry] of [...list.pieces].entries()) {
      if (await this.#receiving.resume(kept, entry)) continue;
      return refusal("incomplete", `piece ${piece} (${toHex(entry.root)}) is not whole`);
    }
    return undefined;
  }
}

function isZero(address: string): boolean {
  return /^0x0+$/.test(address);
}
