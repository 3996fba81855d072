/** Providers of a simulated world: what they commit to, how they answer, and how a keeper checks what they say. */
import type { Hex } from "../../protocol/hash.ts";
import type { CryptoPort } from "../../keeper/ports/crypto.ts";
import type { CallLimits, ProviderClient } from "../../keeper/ports/provider.ts";
import type { ChainModel } from "../chain/chain-model.ts";
import type { Signatures } from "../signatures/signatures.ts";
import type { World } from "../world.ts";

/** What is wrong with a provider's answers. `hang`: nothing comes to the first call for a slot. */
export type Spoiled = "corrupt" | "replay" | "slow" | "hang";

/**
 * Whether nothing comes to this call; it has then lasted until the caller's clock cut it. A keeper's second call for a slot is
 * answered.
 */
export function hanging({ world, spoils }: Pick<ProviderWorld, "world" | "spoils">) {
  const asked = new Map<number, number>();
  return async (provider: number, slot: number, { timeout_ms }: CallLimits): Promise<boolean> => {
    if (spoils(provider) !== "hang" || asked.get(provider) === slot) return false;
    asked.set(provider, slot);
    await world.sleep(timeout_ms);
    return true;
  };
}

/** What a receipt that a provider really gave is about. */
export type Issued = {
  /** Operator of the keeper. */
  readonly keeper: Hex;
  readonly provider: number;
  readonly slot: number;
  readonly bytes: bigint;
};

export type ProofChecks = Pick<CryptoPort, "checkAnswer" | "openingsFault" | "receiptHolds">;

export type Providers = {
  readonly checks: ProofChecks;
  /** What provider `provider` commits to for that many bytes. */
  dataOf(provider: number, bytes: bigint): { readonly listRoot: Hex; readonly receiptKey: Hex };
  /** The way of keeper `keeper` to all providers. */
  client(keeper: number): ProviderClient;
};

/** What providers see of the world, and what is wrong with them now. */
export type ProviderWorld = {
  readonly world: World;
  /** Not before the world is whole: the chain itself asks for the providers' data. */
  readonly chain: () => ChainModel;
  readonly signatures: Signatures;
  readonly delayMs: readonly [number, number];
  /** A provider signed a receipt. */
  readonly onReceipt: (receiptHash: Hex, issued: Issued) => void;
  /** Longer than any answer may take. */
  readonly tooLate_ms: number;
  /** Of 16 leaves, how many a provider still has for a keeper; undefined: it does not answer. */
  readonly proves: (provider: number, keeper: number) => number | undefined;
  readonly spoils: (provider: number) => Spoiled | undefined;
  /** Whether a provider gives a keeper its piece list. */
  readonly servesList: (provider: number, keeper: number) => boolean;
};
