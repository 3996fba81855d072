/** R43: takes the piece list and the pieces of an accepted request: every range is verified on arrival and durable when acknowledged. */
import { refusal } from "../../protocol/codec/challenge.ts";
import { maxHaveRanges } from "../../protocol/codec/store-response.ts";
import type { Have, ListPage, Put } from "../../protocol/codec/store.ts";
import { release, toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry, PieceList } from "../../storage/core/piece-list.ts";
import { rangeCount } from "../../storage/core/range.ts";
import { IncomingRanges, verifiedRange } from "../../storage/disk/incoming.ts";
import type { VerifiedRange } from "../../storage/disk/incoming.ts";
import type { StoreDependencies, Told } from "./ports.ts";
import type { KeptRequest } from "./requests.ts";

/** Pieces whose bitmaps are in memory; the others' are read again. More than requests under way at a time. */
const maxOpen = 1024;

export class Receiving {
  readonly #deps: StoreDependencies;
  /** In the order of use, the last used at the end. */
  readonly #open = new Map<string, Promise<IncomingRanges>>();
  readonly #publishing = new Map<string, Promise<void>>();
  /** Digests of requests that got new ranges since `hasGrown` was last asked. */
  readonly #grown = new Set<string>();

  constructor(deps: StoreDependencies) {
    this.#deps = deps;
  }

  /** Whether ranges of a request arrived since this was last asked. */
  hasGrown(digest: string): boolean {
    return this.#grown.delete(digest);
  }

  async addPage(kept: KeptRequest, { first, pieces }: ListPage): Promise<Told<"listed">> {
    const { request } = kept;
    // A page that is here already, or one that comes too early: the answer says where to go on.
    if (first !== kept.listed || kept.listed === request.pieces) return { kind: "listed", next: kept.listed };
    if (first + pieces.length > request.pieces) {
      return refusal("malformed", `pieces: expected ${request.pieces}, actual ${first + pieces.length}`);
    }
    const after = await this.#deps.requests.addEntries(kept, pieces);
    const fault = await this.finishList(after);
    return fault ?? { kind: "listed", next: after.listed };
  }

  /** Checks a list whose entries are all here; one that is not the request's is forgotten, with the reason. */
  async finishList(kept: KeptRequest): Promise<ReturnType<typeof refusal> | undefined> {
    const { requests, store } = this.#deps;
    const { request, listed, isChecked } = kept;
    if (isChecked || listed < request.pieces) return undefined;
    const fault = await this.#listFault(kept);
    if (fault !== undefined) {
      await requests.dropEntries(kept);
      return fault;
    }
    await store.beginWait(await requests.list(kept), request.group);
    await this.#inheritNames(kept);
    await requests.put({ ...kept, isChecked: true });
    return undefined;
  }

  async #listFault(kept: KeptRequest): Promise<ReturnType<typeof refusal> | undefined> {
    const { requests, rooms, settings } = this.#deps;
    const { request } = kept;
    const list = await requests.list(kept);
    const wrong = (what: string, expected: string | number, actual: string | number) =>
      refusal("malformed", `${what}: expected ${expected}, actual ${actual}`);
    if (toHex(list.root) !== request.listRoot) return wrong("list root", request.listRoot, toHex(list.root));
    if (list.totalBytes !== BigInt(request.bytes)) {
      return wrong("bytes", request.bytes, String(list.totalBytes));
    }
    const roots = new Set<string>();
    for (const { root, size } of list.pieces) {
      roots.add(toHex(root));
      if (size > settings.largestPiece) {
        return refusal("too-large", `piece: expected at most ${settings.largestPiece} bytes, actual ${size}`);
      }
    }
    if (roots.size < request.pieces) return wrong("different pieces", request.pieces, roots.size);
    // Now it is known how much of it is here already; the room without what is missing must not be negative.
    const [{ free }, missing] = [await rooms.room(), await rooms.missing(kept)];
    return free > 0 || missing === 0
      ? undefined
      : refusal("no-space", `${missing} bytes are missing, and no room is left`);
  }

  /** Pieces of the group's earlier lists keep their names. */
  async #inheritNames(kept: KeptRequest): Promise<void> {
    const { requests } = this.#deps;
    const { request } = kept;
    const earlier = requests.all().filter((one) => {
      return (
        one.request.group === request.group && one.order < kept.order && one.listed === one.request.pieces
      );
    });
    if (earlier.length === 0) return;
    const list = await requests.list(kept);
    const places = new Map(list.pieces.map(({ root }, piece) => [toHex(root), piece]));
    for (const one of earlier) {
      const names = await requests.names(one.request);
      if (names.size === 0) continue;
      const before = await requests.list(one);
      for (const [piece, name] of names) {
        const place = places.get(toHex((before.pieces.at(piece) as PieceEntry).root));
        if (place !== undefined) await requests.name(kept, place, name);
      }
    }
  }

  /** The piece of a request; a refusal while its list is incomplete. */
  async pieceOf(kept: KeptRequest, piece: number): Promise<PieceEntry | ReturnType<typeof refusal>> {
    const { listed, request } = kept;
    if (listed < request.pieces) {
      return refusal(
        "unknown-list",
        `pieces of the list: expected ${request.pieces}, actual ${listed} so far`,
      );
    }
    const list: PieceList = await this.#deps.requests.list(kept);
    const entry = list.pieces.at(piece);
    return entry ?? refusal("unknown-piece", `piece: expected below ${list.pieces.length}, actual ${piece}`);
  }

  async have(kept: KeptRequest, { piece, firstRange }: Have): Promise<Told<"ranges">> {
    const entry = await this.pieceOf(kept, piece);
    if ("kind" in entry) return entry;
    const count = rangeCount(entry.size);
    if (firstRange >= count)
      return refusal("unknown-piece", `range: expected below ${count}, actual ${firstRange}`);
    const whole = await this.resume(kept, entry);
    const incoming = whole ? undefined : await this.#incoming(entry);
    const length = Math.min(maxHaveRanges, count - firstRange);
    const stored = Array.from({ length }, (_, i) => incoming?.has(firstRange + i) ?? true);
    return { kind: "ranges", firstRange, stored, whole, fetching: false, fault: undefined };
  }

  async wholeNow(kept: KeptRequest, piece: number): Promise<boolean> {
    const entry = await this.pieceOf(kept, piece);
    return !("kind" in entry) && this.isWhole(entry);
  }

  async hasRange(entry: PieceEntry, range: number): Promise<boolean> {
    return (await this.isWhole(entry)) || (await this.#incoming(entry)).has(range);
  }

  /** Whether a piece is stored, as its files' sizes and its tree file's header say. */
  async isWhole(entry: PieceEntry): Promise<boolean> {
    return (await this.#deps.store.faultOf(entry)) === undefined;
  }

  async put(kept: KeptRequest, message: Put): Promise<Told<"stored"> | "repeated" | "wrong"> {
    const entry = await this.pieceOf(kept, message.piece);
    if ("kind" in entry) return entry;
    const count = rangeCount(entry.size);
    if (message.range >= count) {
      return refusal("unknown-piece", `range: expected below ${count}, actual ${message.range}`);
    }
    const name = toHex(entry.root);
    if (!this.#open.has(name) && (await this.isWhole(entry))) return "repeated";
    if ((await this.#incoming(entry)).has(message.range)) return this.#complete(kept, entry, "repeated");
    const verified = await verifiedRange(entry, message.range, message);
    return verified === undefined ? "wrong" : this.add(kept, entry, verified);
  }

  /** Stores a verified range, and gives its memory back; publishes the piece with its last one. */
  async add(kept: KeptRequest, entry: PieceEntry, verified: VerifiedRange): Promise<Told<"stored">> {
    const incoming = await this.#incoming(entry);
    const { length } = verified.bytes;
    await incoming.write(verified);
    release(verified.bytes);
    if (this.#deps.requests.get(kept.request) === undefined) {
      await this.forget(entry);
      return refusal("unknown-request", "the request was dropped");
    }
    this.#deps.rooms.began(kept, entry);
    this.#grown.add(kept.digest);
    this.#deps.events.received({ bytes: length });
    return this.#complete(kept, entry, { kind: "stored", whole: false });
  }

  async #complete<T>(kept: KeptRequest, entry: PieceEntry, otherwise: T): Promise<T | Told<"stored">> {
    const name = toHex(entry.root);
    const incoming = await this.#incoming(entry);
    if (!incoming.isComplete) return otherwise;
    let publishing = this.#publishing.get(name);
    if (publishing === undefined) {
      publishing = incoming.publish().finally(() => this.#publishing.delete(name));
      this.#publishing.set(name, publishing);
    }
    await publishing;
    if (this.#open.delete(name)) {
      this.#deps.events.whole({ group: kept.request.group, root: name, bytes: entry.size });
    }
    return { kind: "stored", whole: true };
  }

  /** Publishes a piece whose last range was stored before a crash. */
  async resume(kept: KeptRequest, entry: PieceEntry): Promise<boolean> {
    if (await this.isWhole(entry)) return true;
    if (!(await this.#incoming(entry)).isComplete) return false;
    await this.#complete(kept, entry, undefined);
    return true;
  }

  #incoming(entry: PieceEntry): Promise<IncomingRanges> {
    const name = toHex(entry.root);
    const known = this.#open.get(name);
    if (known !== undefined) {
      this.#open.delete(name);
      this.#open.set(name, known);
      return known;
    }
    const opened = IncomingRanges.open(this.#deps.store, entry);
    this.#open.set(name, opened);
    opened.catch(() => this.#open.delete(name));
    // All streams together use fewer, so the oldest one is in no use.
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= maxOpen) break;
      this.#open.delete(oldest);
    }
    return opened;
  }

  /** Deletes what arrived of a piece. */
  async forget(entry: PieceEntry): Promise<void> {
    this.#open.delete(toHex(entry.root));
    await this.#deps.store.dropIncoming(entry);
  }
}
