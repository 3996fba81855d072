/** A payer's side of `/whitepay/store/1`, written from the rules: sends requests one by one and keeps nothing. */
import { keccak256, toUtf8Bytes, Wallet } from "ethers";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import type { CallingNode } from "../../keeper/adapters/libp2p/node.ts";
import {
  decodeOfferResponse,
  encodeOfferRequest,
  maxOfferResponseBytes,
  offerProtocol,
} from "../../protocol/codec/offer.ts";
import type { OfferResponse } from "../../protocol/codec/offer.ts";
import { encodeStoreMessage, storeProtocol } from "../../protocol/codec/store.ts";
import { storeDigest } from "../../protocol/codec/store-request.ts";
import type { StoreKind, StoreMessage } from "../../protocol/codec/store.ts";
import type { GroupBirth, StoreRequest } from "../../protocol/codec/store-request.ts";
import {
  answerKinds,
  decodeStoreResponse,
  maxStoreResponseBytes,
} from "../../protocol/codec/store-response.ts";
import type { StoreAnswer } from "../../protocol/codec/store-response.ts";
import { fromHex, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { pieceRoot, segmentRoot } from "../../storage/core/merkle.ts";
import { makePieceList } from "../../storage/core/piece-list.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { rangeBytes, rangeCount, rangePlace, rangeSiblings } from "../../storage/core/range.ts";
import { segmentBytes } from "../../storage/core/geometry.ts";
import { nodeHash } from "../../storage/core/merkle.ts";
import type { Permission } from "../../protocol/codec/permission.ts";
import { seededBytes } from "./files.ts";
import { signedPermission } from "./permissions.ts";

export type Target = { readonly peerId: string; readonly addrs: readonly string[] };
export type Answer<K extends StoreKind> = Extract<StoreAnswer, { kind: (typeof answerKinds)[K] }>;

/** Data of a payer for one provider. */
export type Parcel = { readonly pieces: readonly Uint8Array[]; readonly list: PieceList };

export function parcelOf(pieces: readonly Uint8Array[]): Parcel {
  return {
    pieces,
    list: makePieceList(pieces.map((bytes) => ({ root: pieceRoot(bytes), size: bytes.length }))),
  };
}

/** A parcel of two pieces: one of three ranges, and a small one. */
export function twoPieces(seed: number): Parcel {
  return parcelOf([seededBytes(2 * rangeBytes + 50_000, seed), seededBytes(5_000, seed + 1)]);
}

/** The bytes and siblings of a range, from the whole piece. */
export function rangeOf(piece: Uint8Array, range: number): { bytes: Uint8Array; siblings: Uint8Array[] } {
  const { start, bytes } = rangePlace(piece.length, range);
  let level: Uint8Array[] = [];
  for (let at = 0; at < piece.length; at += segmentBytes) {
    level.push(segmentRoot(piece.subarray(at, at + segmentBytes)));
  }
  const levels: Uint8Array[][] = [];
  let padding: Uint8Array = new Uint8Array(32);
  const siblings: Uint8Array[] = [];
  const wanted = rangeSiblings(piece.length, range);
  for (;;) {
    levels.push(level);
    for (const one of wanted) {
      if (one.level === levels.length - 1) siblings.push(level[one.index] ?? padding);
    }
    if (level.length <= 1) break;
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      above.push(nodeHash(level[i] as Uint8Array, level[i + 1] ?? padding));
    }
    padding = nodeHash(padding, padding);
    level = above;
  }
  return { bytes: piece.subarray(start, start + bytes), siblings };
}

export type PayerTerms = {
  readonly chainId: number;
  readonly registry: Hex;
  readonly provider: Hex;
  readonly group: Hex;
  readonly price: bigint;
  readonly deadline: number;
  readonly isPublic?: boolean;
  readonly birth?: GroupBirth;
  /** The contract that pays, for which the wallet signs (ERC-1271); default: the wallet itself. */
  readonly account?: Hex;
};

/** EIP-712 types of a request to store, written from R43. */
export const requestTypes = {
  StoreRequest: [
    { name: "payer", type: "address" },
    { name: "provider", type: "address" },
    { name: "group", type: "address" },
    { name: "peer", type: "bytes32" },
    { name: "root", type: "bytes32" },
    { name: "size", type: "uint64" },
    { name: "pieces", type: "uint32" },
    { name: "price", type: "uint80" },
    { name: "isPublic", type: "bool" },
    { name: "deadline", type: "uint64" },
  ],
};

export class StorePayer {
  readonly wallet: Wallet;
  readonly calling: CallingNode;
  readonly target: () => Target;
  readonly terms: PayerTerms;

  constructor(wallet: Wallet, calling: CallingNode, target: () => Target, terms: PayerTerms) {
    this.wallet = wallet;
    this.calling = calling;
    this.target = target;
    this.terms = terms;
  }

  get peer(): string {
    return this.calling.libp2p.peerId.toString();
  }

  with(terms: Partial<PayerTerms>, calling = this.calling): StorePayer {
    return new StorePayer(this.wallet, calling, this.target, { ...this.terms, ...terms });
  }

  request({ list }: Pick<Parcel, "list">): StoreRequest {
    const { provider, group, price, deadline, isPublic = false, account } = this.terms;
    return {
      payer: account ?? (this.wallet.address.toLowerCase() as Hex),
      provider,
      group,
      listRoot: toHex(list.root),
      bytes: Number(list.totalBytes),
      pieces: list.pieces.length,
      price,
      isPublic,
      deadline,
    };
  }

  digest(parcel: Pick<Parcel, "list">): Hex {
    return storeDigest(this.terms, this.request(parcel), this.peer);
  }

  /** The answer; else the code of the refusal, or why there is none. */
  async ask<K extends StoreKind>(
    message: Extract<StoreMessage, { kind: K }>,
    timeout_ms = 20_000,
  ): Promise<Answer<K> | string> {
    const call = {
      protocol: storeProtocol,
      bytes: encodeStoreMessage(message),
      maxBytes: maxStoreResponseBytes,
    };
    const received = await askProvider(this.calling, this.target(), call, { timeout_ms });
    if (!received.ok) return received.reason;
    const decoded = decodeStoreResponse(received.bytes, message.kind);
    if (!decoded.ok) return `malformed: ${decoded.detail}`;
    const { value } = decoded;
    return "code" in value ? value.code : value;
  }

  async offer(): Promise<OfferResponse | string> {
    const { chainId, registry } = this.terms;
    const call = {
      protocol: offerProtocol,
      bytes: encodeOfferRequest({ chainId, registry }),
      maxBytes: maxOfferResponseBytes,
    };
    const received = await askProvider(this.calling, this.target(), call, { timeout_ms: 10_000 });
    if (!received.ok) return received.reason;
    const decoded = decodeOfferResponse(received.bytes);
    return decoded.ok ? decoded.value : decoded.detail;
  }

  async propose(parcel: Pick<Parcel, "list">): Promise<Answer<"propose"> | string> {
    const { chainId, registry, birth } = this.terms;
    const request = this.request(parcel);
    const domain = { name: "WhitePay", version: "2", chainId, verifyingContract: registry };
    const { listRoot: root, bytes: size, ...rest } = request;
    const value = { ...rest, root, size, peer: keccak256(toUtf8Bytes(this.peer)) };
    const signature = fromHex(await this.wallet.signTypedData(domain, requestTypes, value));
    return this.ask({ kind: "propose", request, signature, birth });
  }

  async sendList(
    { list }: Pick<Parcel, "list">,
    first = 0,
    count = list.pieces.length,
  ): Promise<Answer<"list"> | string> {
    const digest = this.digest({ list });
    return this.ask({ kind: "list", digest, first, pieces: list.pieces.slice(first, count) });
  }

  have(parcel: Parcel, piece: number): Promise<Answer<"have"> | string> {
    return this.ask({ kind: "have", digest: this.digest(parcel), piece, firstRange: 0 });
  }

  put(
    parcel: Parcel,
    piece: number,
    range: number,
    changes: { bytes?: Uint8Array; siblings?: Uint8Array[] } = {},
  ): Promise<Answer<"put"> | string> {
    const proven = { ...rangeOf(parcel.pieces[piece] as Uint8Array, range), ...changes };
    return this.ask({ kind: "put", digest: this.digest(parcel), piece, range, ...proven });
  }

  /** Proposes, and sends the list and all ranges. Returns the number of ranges. */
  async store(parcel: Parcel): Promise<number> {
    const answer = await this.propose(parcel);
    if (typeof answer === "string") throw new Error(answer);
    await this.sendList(parcel);
    return this.sendMissing(parcel);
  }

  /** Sends every range that is missing. Returns their number. */
  async sendMissing(parcel: Parcel): Promise<number> {
    let sent = 0;
    for (const [piece, bytes] of parcel.pieces.entries()) {
      const have = await this.have(parcel, piece);
      if (typeof have === "string") throw new Error(have);
      for (let range = 0; range < rangeCount(bytes.length); range++) {
        if (have.stored[range] === true) continue;
        const answer = await this.put(parcel, piece, range);
        if (typeof answer === "string") throw new Error(answer);
        sent++;
      }
    }
    return sent;
  }

  consent(
    parcel: Pick<Parcel, "list">,
    wish: { committee: Hex; sequence: number; deadline: number },
  ): Promise<Answer<"consent"> | string> {
    return this.ask({ kind: "consent", digest: this.digest(parcel), ...wish });
  }

  permission(group: Hex, until: number, peer: string | undefined = this.peer): Promise<Permission> {
    return signedPermission(this.wallet, { chainId: this.terms.chainId, group }, { peer, until });
  }
}
