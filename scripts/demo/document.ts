/** The demo's JSON document. All of it is read from the chain, except the counts of challenges, which keepers report. */
import type { GroupParams } from "../fleet/setup.ts";
import type { ChallengeEntry } from "../fleet/keepers.ts";

export type MemberEntry = { index: number; operator: string; payee: string };
export type ProviderEntry = MemberEntry & { bytes: bigint };

export type ItemEntry = {
  provider: number;
  spaceTime: bigint;
  /** The contract's charge for it (R30), in token units. */
  amount: bigint;
  /** Increase of the provider's credit. */
  toProvider: bigint;
};

export type SettlementEntry = {
  ts: number;
  te: number;
  turn: number;
  leader: number;
  block: number;
  tx: string;
  gasUsed: number;
  failed: number[];
  payees: number[];
  signers: number[];
  items: ItemEntry[];
  keeperCut: bigint;
  /** Increase of each keeper's account, by keeper index; payees are listed even with 0. */
  shares: Record<string, bigint>;
};

export type EscrowEntry = { deposited: bigint; balance: bigint; withdrawn: bigint; credited: bigint };

export type ParamsEntry = GroupParams & { originBlock: number; committeeSeed: string };

export type DemoDocument = {
  rpc: string;
  chainId: number;
  group: string;
  token: string;
  params: ParamsEntry;
  committee: MemberEntry[];
  providers: ProviderEntry[];
  settlements: SettlementEntry[];
  escrow: EscrowEntry;
  challenges: ChallengeEntry;
  ok: boolean;
};
