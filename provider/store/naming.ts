/** R43: the payer's names of pieces, and the piece of a name for whom the payer permits to read. */
import { refusal } from "../../protocol/codec/challenge.ts";
import type { FindPiece, NamePiece } from "../../protocol/codec/store.ts";
import { zeroHash } from "../../protocol/hash.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { StoreDependencies, Told } from "./ports.ts";
import type { Receiving } from "./receiving.ts";
import type { KeptRequest } from "./requests.ts";

export class Naming {
  readonly #deps: StoreDependencies;
  readonly #receiving: Receiving;

  constructor(deps: StoreDependencies, receiving: Receiving) {
    this.#deps = deps;
    this.#receiving = receiving;
  }

  async name(kept: KeptRequest, { piece, name }: NamePiece): Promise<Told<"named">> {
    const entry = await this.#receiving.pieceOf(kept, piece);
    if ("kind" in entry) return entry;
    await this.#deps.requests.name(kept, piece, name);
    return { kind: "named" };
  }

  /** The newest list of the group that has the name, among those to which this provider consented. */
  async find(message: FindPiece, peer: string): Promise<Told<"found">> {
    const { readers, requests } = this.#deps;
    const { group, name } = message;
    const refused = await readers.refused(message, message, peer);
    if (refused !== undefined) return refused;
    // Names belong to all pieces of the group, so a permission for one piece is not enough.
    if (message.root !== zeroHash) return refusal("not-the-payer", "permission: expected for all pieces");
    for (const kept of requests.all().reverse()) {
      const { request, consentUntil } = kept;
      if (request.group !== group || consentUntil === 0 || !kept.isChecked) continue;
      const piece = await requests.pieceOf(request, name);
      if (piece === undefined) continue;
      const { root, size } = (await requests.list(kept)).pieces.at(piece) as PieceEntry;
      return { kind: "found", root: Uint8Array.from(root), size };
    }
    return refusal("unknown-name", `no piece of the group has this name`);
  }
}
