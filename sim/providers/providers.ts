/** Providers of a simulated world: their commitments, their answers, and the keepers' checks of these. */
import type { Hex } from "../../protocol/hash.ts";
import type { CryptoPort } from "../../keeper/ports/crypto.ts";
import type { CallLimits, ProviderClient } from "../../keeper/ports/provider.ts";
import type { ChainModel } from "../chain/chain-model.ts";
import type { Signatures } from "../signatures/signatures.ts";
import type { World } from "../world.ts";

/** A fault of a provider's answers. `hang`: no answer to the first call for a slot. */
export type Spoiled = "corrupt" | "replay" | "slow" | "hang";

/** Waits until the caller's timeout if this call gets no answer; undefined: it gets one. A keeper's second call for a slot is answered. */
export function hanging({ world, spoils }: Pick<ProviderWorld, "world" | "spoils">) {
  const asked = new Map<number, number>();
  return (provider: number, slot: number, { timeout_ms }: CallLimits): Promise<void> | undefined => {
    if (spoils(provider) !== "hang" || asked.get(provider) === slot) return undefined;
    asked.set(provider, slot);
    return world.sleep(timeout_ms);
  };
}

/** Content of a receipt that a provider issued. */
export type Issued = {
  /** Operator of the keeper. */
  readonly keeper: Hex;
  /** Address of the group. */
  readonly group: Hex;
  readonly provider: number;
  readonly slot: number;
  readonly bytes: bigint;
};

export type ProofChecks = Pick<CryptoPort, "checkAnswer" | "openingsFault" | "receiptHolds">;

export type Providers = {
  readonly checks: ProofChecks;
  /** The commitment of provider `provider` to that many bytes. */
  dataOf(provider: number, bytes: bigint): { readonly listRoot: Hex; readonly receiptKey: Hex };
  /** The client with which keeper `keeper` calls all providers. */
  client(keeper: number): ProviderClient;
};

/** Makes the data of a provider and a number of bytes once: they are asked for at every challenge. */
export function madeOnce(make: Providers["dataOf"]): Providers["dataOf"] {
  const made = new Map<string, ReturnType<Providers["dataOf"]>>();
  return (provider, bytes) => {
    const key = `${provider}/${bytes}`;
    let data = made.get(key);
    if (data === undefined) made.set(key, (data = make(provider, bytes)));
    return data;
  };
}

/** The world as providers see it, and their faults in force. */
export type ProviderWorld = {
  readonly world: World;
  /** A function, since the chain needs the providers' data when it is built. */
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
