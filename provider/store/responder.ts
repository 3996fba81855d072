/** R43: answers `/whitepay/store/1`. Nothing here rejects: what fails inside is told as "internal". */
import { refusal } from "../../protocol/codec/challenge.ts";
import type { Refusal } from "../../protocol/codec/challenge.ts";
import { encodeStoreResponse } from "../../protocol/codec/store-response.ts";
import type { StoreResponse } from "../../protocol/codec/store-response.ts";
import type { AskPiece, AskVolunteer, Put, StoreKind, StoreMessage } from "../../protocol/codec/store.ts";
import {
  allProposalsRate,
  maxBodiesInFlight,
  maxBodiesOfPeer,
  maxCallerNames,
  proposalRate,
  storeRate,
  wastedRate,
  wrongRangeTokens,
} from "../../protocol/limits/derived.ts";
import { TokenBuckets } from "../../protocol/limits/token-buckets.ts";
import { DiskFullError } from "../../storage/disk/disk-full.ts";
import type { Responder } from "../responder.ts";
import { Consents } from "./consents.ts";
import { Fetching } from "./fetching.ts";
import { Naming } from "./naming.ts";
import type { StoreDependencies } from "./ports.ts";
import { Proposals } from "./proposals.ts";
import { Receiving } from "./receiving.ts";
import type { KeptRequest } from "./requests.ts";
import { Upkeep } from "./upkeep.ts";

/** Kinds whose bodies are long. */
const longKinds: ReadonlySet<StoreKind> = new Set(["list", "put"]);

export type Admission = {
  /** The body is read; the returned function ends its being under way. */
  readonly end: () => void;
};

export class StoreDesk {
  readonly #deps: StoreDependencies;
  readonly #proposals: Proposals;
  readonly #receiving: Receiving;
  readonly #consents: Consents;
  readonly #fetching: Fetching;
  readonly #naming: Naming;
  readonly upkeep: Upkeep;
  readonly #buckets = new TokenBuckets(maxCallerNames, () => performance.now());
  readonly #bodies = new Map<string, number>();
  #allBodies = 0;

  constructor(deps: StoreDependencies) {
    this.#deps = deps;
    this.#proposals = new Proposals(deps);
    this.#receiving = new Receiving(deps);
    this.#consents = new Consents(deps, this.#proposals, this.#receiving);
    this.#fetching = new Fetching(deps, this.#receiving);
    this.#naming = new Naming(deps, this.#receiving);
    this.upkeep = new Upkeep(deps, this.#proposals, this.#receiving);
  }

  /** Finishes what a crash interrupted. */
  async recover(): Promise<void> {
    for (const kept of this.#deps.requests.all()) await this.#receiving.finishList(kept);
  }

  /** Whether a peer may send data: a request of its was accepted. */
  isSender(peer: string): boolean {
    return this.#deps.requests.isSender(peer);
  }

  /** Decides by a request's kind alone whether its body is read. A stranger's ranges are not: nothing of them is kept in memory. */
  admit(kind: StoreKind, peer: string): Admission | Refusal {
    if (kind === "propose") {
      const isFew = this.#buckets.take(`proposals of ${peer}`, proposalRate);
      if (!isFew || !this.#buckets.take("proposals", allProposalsRate)) return busy("too many proposals");
    } else if (!longKinds.has(kind) && !this.#buckets.take(peer, storeRate)) {
      return busy("too many requests of this peer");
    }
    if (!longKinds.has(kind)) return { end: () => undefined };
    if (!this.isSender(peer))
      return refusal("unknown-request", "no request of this peer is accepted: propose first");
    if (!this.#buckets.has(wasted(peer), wastedRate)) {
      return busy("too many ranges that were stored already or do not match");
    }
    const ofPeer = this.#bodies.get(peer) ?? 0;
    if (ofPeer >= maxBodiesOfPeer || this.#allBodies >= maxBodiesInFlight) {
      return busy("too many ranges are being received");
    }
    this.#allBodies++;
    this.#bodies.set(peer, ofPeer + 1);
    return { end: () => this.#ended(peer) };
  }

  #ended(peer: string): void {
    this.#allBodies--;
    const left = (this.#bodies.get(peer) ?? 1) - 1;
    if (left === 0) this.#bodies.delete(peer);
    else this.#bodies.set(peer, left);
  }

  readonly respond: Responder<StoreMessage> = async (message, peer) => {
    const response = await this.#answer(message, peer).catch((error: unknown) => this.#failed(error));
    if (response.kind === "refusal") {
      const { code, detail } = response;
      this.#deps.events.refused({ kind: message.kind, peer, code, detail });
    }
    return encodeStoreResponse(response);
  };

  #failed(error: unknown): Refusal {
    const { message } = error as Error;
    this.#deps.events.fault({ text: `a request to store failed: ${message}` });
    if (error instanceof DiskFullError) return refusal("no-space", "the provider's disk is full");
    return refusal("internal", "the provider cannot reach its chain endpoint or its disk");
  }

  async #answer(message: StoreMessage, peer: string): Promise<StoreResponse> {
    if (message.kind === "propose") return this.#proposals.propose(message, peer);
    if (message.kind === "find") return this.#naming.find(message, peer);
    if (message.kind === "publish") return this.#deps.readers.publish(message);
    if (message.kind === "revoke") return this.#deps.readers.revoke(message);
    if (message.kind === "about") return this.#about(message);
    if (message.kind === "volunteered") return this.#volunteered(message);
    const kept = this.#deps.requests.byDigest(message.digest);
    if (kept === undefined || kept.state === "over") {
      return refusal("unknown-request", `${message.digest}: not accepted here, or dropped: propose it again`);
    }
    if (kept.peer !== peer) return refusal("wrong-peer", `expected ${kept.peer}, actual ${peer}`);
    switch (message.kind) {
      case "list":
        return this.#receiving.addPage(kept, message);
      case "have":
        return this.#have(kept, message);
      case "put":
        return this.#put(kept, message, peer);
      case "consent":
        return this.#consents.consent(kept, message);
      case "fetch":
        return this.#fetching.fetch(kept, message);
      case "name":
        return this.#naming.name(kept, message);
    }
  }

  async #about({ chainId, root }: AskPiece): Promise<StoreResponse> {
    const { scope, readers, publicUrl } = this.#deps;
    const url = publicUrl(root);
    const open = chainId === scope.chainId && url !== undefined ? await readers.open(root) : undefined;
    if (open === undefined || url === undefined) {
      return refusal("unknown-piece", `${root}: not served to anybody here`);
    }
    return { kind: "piece", size: open.entry.size, url };
  }

  async #volunteered({ chainId, group }: AskVolunteer): Promise<StoreResponse> {
    const { scope, volunteered } = this.#deps;
    const consent = chainId === scope.chainId ? await volunteered(group) : undefined;
    return consent ?? refusal("not-offered", `${group}: this provider does not volunteer for it`);
  }

  async #have(kept: KeptRequest, message: Extract<StoreMessage, { kind: "have" }>): Promise<StoreResponse> {
    const answer = await this.#receiving.have(kept, message);
    if (answer.kind === "refusal") return answer;
    const entry = await this.#receiving.pieceOf(kept, message.piece);
    return "kind" in entry ? entry : { ...answer, ...this.#fetching.look(entry) };
  }

  async #put(kept: KeptRequest, message: Put, peer: string): Promise<StoreResponse> {
    const answer = await this.#receiving.put(kept, message);
    switch (answer) {
      case "wrong":
        this.#buckets.charge(wasted(peer), wastedRate, wrongRangeTokens);
        return refusal("wrong-range", `range ${message.range}: does not hash to the piece's root`);
      case "repeated":
        this.#buckets.charge(wasted(peer), wastedRate, 1);
        return { kind: "stored", whole: await this.#receiving.wholeNow(kept, message.piece) };
      default:
        return answer;
    }
  }

  stop(): Promise<void> {
    return this.#fetching.stop();
  }
}

function wasted(peer: string): string {
  return `wasted by ${peer}`;
}

function busy(detail: string): Refusal {
  return refusal("busy", `${detail}; ask again later`);
}
