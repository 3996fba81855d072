/** What the parts of storing need of the daemon. */
import type { RegistryScope } from "../../protocol/codec/identity.ts";
import type { OfferPrice } from "../../protocol/codec/offer.ts";
import type { Permission } from "../../protocol/codec/permission.ts";
import type { ConsentGiven, StoreAnswer } from "../../protocol/codec/store-response.ts";
import type { Refusal } from "../../protocol/codec/challenge.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import type { GroupStanding } from "../chain-reads.ts";
import type { DataConsent, DataTerms } from "../consent.ts";
import type { GroupReads, Source } from "./group-facts.ts";
import type { Readers } from "../reading/readers.ts";
import type { StoredRequests } from "./requests.ts";
import type { Rooms } from "./rooms.ts";
import type { OfferSettings } from "./settings.ts";

/** The chain as storing needs it. */
export type StoreChain = {
  readonly groups: ReadonlySet<Hex>;
  head(): Promise<number>;
  /** This provider's seat in a group, and who serves it. */
  standing(group: Hex): Promise<GroupStanding>;
  payer(group: Hex): Promise<Hex>;
  /** Answers challenges of this group from now on. */
  serve(group: Hex): void;
  /** Answers them no more. */
  leave(group: Hex): void;
};

/** Reads a range of a piece from another provider. Rejects with the reason. */
export type RangeSource = (
  source: Source,
  wanted: Permission & { readonly group: Hex; readonly entry: PieceEntry; readonly range: number },
  signal: AbortSignal,
) => Promise<{ readonly bytes: Uint8Array; readonly siblings: readonly Uint8Array[] }>;

/** Reports, for log and metrics. No answer depends on them. */
export type StoreEvents = {
  accepted(event: { group: Hex; payer: Hex; listRoot: Hex; bytes: number }): void;
  /** A request that this provider does not accept, or a message that does not fit its request. */
  refused(event: { kind: string; peer: string; code: string; detail: string }): void;
  received(event: { bytes: number }): void;
  whole(event: { group: Hex; root: Hex; bytes: number }): void;
  consented(event: { group: Hex; listRoot: Hex; bytes: number; deadline: number }): void;
  committed(event: { group: Hex; listRoot: Hex; bytes: number }): void;
  over(event: { group: Hex; listRoot: Hex; bytes: number; until: number }): void;
  /** Data was deleted: `reason` says why. */
  dropped(event: { group: Hex; listRoot: Hex; bytes: number; reason: string }): void;
  /** Parts of a piece were deleted that no request named. */
  swept(event: { root: Hex }): void;
  fault(event: { text: string }): void;
};

export type StoreDependencies = {
  readonly scope: RegistryScope;
  /** Address of this provider's operator. */
  readonly operator: Hex;
  readonly receiptKey: Hex;
  /** Those in force: they may change while the provider runs. */
  readonly settings: OfferSettings;
  /** Least prices in the contracts' unit. */
  readonly prices: () => Promise<readonly OfferPrice[]>;
  readonly chain: StoreChain;
  readonly reads: GroupReads;
  readonly store: PieceStore;
  readonly requests: StoredRequests;
  readonly rooms: Rooms;
  readonly sign: (terms: DataTerms) => Promise<DataConsent>;
  readonly source: RangeSource;
  readonly readers: Pick<Readers, "refused" | "open" | "publish" | "revoke">;
  /** Where a piece is served to anybody; undefined: nowhere. */
  readonly publicUrl: (root: Hex) => string | undefined;
  /** The consent that this provider gave a group without a request; undefined: none. */
  readonly volunteered: (group: Hex) => Promise<ConsentGiven | undefined>;
  readonly events: StoreEvents;
};

export type Told<K extends StoreAnswer["kind"]> = Extract<StoreAnswer, { kind: K }> | Refusal;
