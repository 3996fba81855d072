/** R43: fetches public pieces from other registered providers, some at a time; progress is told by the bitmap of the piece. */
import { refusal } from "../../protocol/codec/challenge.ts";
import type { FetchPiece } from "../../protocol/codec/store.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeCount } from "../../storage/core/range.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { verifiedRange } from "../../storage/disk/incoming.ts";
import type { Source } from "./group-facts.ts";
import type { StoreDependencies, Told } from "./ports.ts";
import type { Receiving } from "./receiving.ts";
import type { KeptRequest } from "./requests.ts";

/** Fetches under way: of all payers, and of one. The others are refused, and asked for again. */
const most = { all: 8, ofPayer: 4 };
const rangeTimeout_ms = 30_000;
/** Texts about failed fetches. */
const maxFaults = 1024;
const maxFaultChars = 60;

type Fetch = { readonly payer: string; readonly stop: AbortController; readonly done: Promise<void> };

export class Fetching {
  readonly #deps: StoreDependencies;
  readonly #receiving: Receiving;
  readonly #running = new Map<string, Fetch>();
  readonly #faults = new Map<string, string>();

  constructor(deps: StoreDependencies, receiving: Receiving) {
    this.#deps = deps;
    this.#receiving = receiving;
  }

  look({ root }: PieceEntry): { readonly fetching: boolean; readonly fault: string | undefined } {
    const name = toHex(root);
    return { fetching: this.#running.has(name), fault: this.#faults.get(name) };
  }

  async fetch(kept: KeptRequest, message: FetchPiece): Promise<Told<"fetching">> {
    const { request } = kept;
    if (!request.isPublic) return refusal("not-offered", "only public data is fetched from other providers");
    const entry = await this.#receiving.pieceOf(kept, message.piece);
    if ("kind" in entry) return entry;
    // The permission is kept although the piece may be whole: with it a damaged copy is mended later.
    await this.#deps.requests.permit(kept, message);
    if (await this.#receiving.resume(kept, entry)) return { kind: "fetching", whole: true };
    const name = toHex(entry.root);
    if (this.#running.has(name)) return { kind: "fetching", whole: false };
    const ofPayer = [...this.#running.values()].filter(({ payer }) => payer === request.payer).length;
    if (this.#running.size >= most.all || ofPayer >= most.ofPayer) {
      return refusal("busy", `fetches: expected at most ${most.ofPayer} of a payer and ${most.all} of all`);
    }
    const source = await this.#deps.reads.source(message.operator);
    if (source === undefined) {
      return refusal("unknown-provider", `${message.operator}: no registered provider`);
    }
    // Another message may have begun it meanwhile.
    if (!this.#running.has(name)) this.#begin(kept, entry, message, source);
    return { kind: "fetching", whole: false };
  }

  #begin(kept: KeptRequest, entry: PieceEntry, message: FetchPiece, source: Source): void {
    const name = toHex(entry.root);
    const stop = new AbortController();
    this.#faults.delete(name);
    const done = this.#fetchAll(kept, entry, message, source, stop.signal)
      .catch((error: unknown) => this.#note(name, (error as Error).message))
      .finally(() => this.#running.delete(name));
    this.#running.set(name, { payer: kept.request.payer, stop, done });
  }

  #note(name: string, reason: string): void {
    if (this.#faults.size >= maxFaults) this.#faults.clear();
    const text = reason.replace(/\p{C}/gu, "?").slice(0, maxFaultChars);
    this.#faults.set(name, text === "" ? "unknown" : text);
  }

  async #fetchAll(
    kept: KeptRequest,
    entry: PieceEntry,
    message: FetchPiece,
    source: Source,
    signal: AbortSignal,
  ): Promise<void> {
    const count = rangeCount(entry.size);
    for (let range = 0; range < count; range++) {
      if (signal.aborted) throw new Error("the provider stops");
      if (await this.#receiving.hasRange(entry, range)) continue;
      const wanted = { ...message, entry, range };
      const limit = AbortSignal.any([signal, AbortSignal.timeout(rangeTimeout_ms)]);
      const found = await this.#deps.source(source, wanted, limit);
      const verified = await verifiedRange(entry, range, found);
      if (verified === undefined) throw new Error(`range ${range}: other bytes than the root says`);
      // The request may have been dropped meanwhile.
      const { requests } = this.#deps;
      if (requests.get(kept.request) === undefined) throw new Error("the request is dropped");
      await this.#receiving.add(kept, entry, verified);
    }
  }

  /** Ends all fetches; what arrived of them stays. */
  async stop(): Promise<void> {
    for (const { stop } of this.#running.values()) stop.abort();
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }
}
