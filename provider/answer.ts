/** Proof and receipt of one group for a challenge whose seed is checked (R9, R11, R12). */
import { encodeReceipt } from "../protocol/codec/receipt.ts";
import type { Receipt } from "../protocol/codec/receipt.ts";
import type { ChallengeRequest, ChallengeTarget } from "../protocol/codec/challenge.ts";
import { fromHex } from "../protocol/hash.ts";
import { leafSeed } from "../protocol/leaf-seed.ts";
import { bytesProven, encodeProof, proofHash } from "../storage/core/proof.ts";
import type { Proof } from "../storage/core/proof.ts";
import { sampleLeaves } from "../storage/core/sampling.ts";
import type { Draw } from "../storage/core/sampling.ts";
import type {
  ChainView,
  CommittedData,
  ProviderCrypto,
  ProviderEvents,
  SampleStore,
  SlotBlocks,
} from "./ports.ts";
import { Refused } from "./refused.ts";

export type MadeAnswer = {
  readonly receipt: Uint8Array;
  readonly proof: Uint8Array;
  readonly share: {
    /** Of 16 leaves. */
    readonly proven: number;
    readonly bytesProven: bigint;
    readonly bytesCommitted: bigint;
    readonly lost: readonly string[];
  };
};

export type MakerDependencies = {
  readonly chain: ChainView;
  readonly store: SampleStore;
  readonly crypto: Pick<ProviderCrypto, "signReceipt">;
  readonly events: Pick<ProviderEvents, "damaged">;
};

export class AnswerMaker {
  readonly #deps: MakerDependencies;

  constructor(deps: MakerDependencies) {
    this.#deps = deps;
  }

  /** @throws Refused if nothing is committed in the slot, the list is not stored here, or the receipt key is missing */
  async make(request: ChallengeRequest, blocks: SlotBlocks, target: ChallengeTarget): Promise<MadeAnswer> {
    const data = await this.#committed(blocks, target);
    const list = await this.#deps.store.list(fromHex(data.listRoot));
    if (list === undefined || list.totalBytes !== data.bytes) {
      throw new Refused("no-data", `the list ${data.listRoot} of ${data.bytes} bytes is not stored here`);
    }
    const draws = sampleLeaves(leafSeed(request.seed, target.group, target.provider), list);
    const { proof, lost, warnings } = await this.#deps.store.prove(list, draws);
    const reasons = lost.map(({ piece, leaf, reason }) => `piece ${piece} leaf ${leaf} left out: ${reason}`);
    for (const text of [...reasons, ...warnings]) this.#deps.events.damaged({ text });
    const proven = provenDraws(draws, proof);
    const proofBytes = encodeProof(proof);
    const receipt: Receipt = {
      ...target,
      keeper: request.keeper,
      slot: request.slot,
      seed: request.seed,
      bytesProven: bytesProven(list.totalBytes, proven),
      proofHash: proofHash(proofBytes),
    };
    const signed = this.#deps.crypto.signReceipt(request, receipt, data.receiptKey);
    if (signed === undefined) {
      throw new Refused("internal", `the receipt key ${data.receiptKey} is not in this provider's key file`);
    }
    return {
      receipt: encodeReceipt(signed),
      proof: proofBytes,
      share: {
        proven,
        bytesProven: receipt.bytesProven,
        bytesCommitted: data.bytes,
        lost: reasons,
      },
    };
  }

  async #committed(blocks: SlotBlocks, target: ChallengeTarget): Promise<CommittedData> {
    const { group, provider } = target;
    const { chain } = this.#deps;
    if (!chain.groups.has(group)) throw new Refused("unknown-group", `${group}: not served here`);
    const data = await chain.data(blocks, target);
    const { committee, start, end } = blocks;
    switch (data) {
      case "unserved":
        throw new Refused(
          "unknown-group",
          `${group}: not served by ${committee} in blocks ${start} to ${end - 1}`,
        );
      case "foreign":
        throw new Refused("unknown-provider", `provider ${provider} belongs to another operator`);
      case "none":
        throw new Refused(
          "no-data",
          `provider ${provider} committed to nothing in the slot from block ${start}`,
        );
      default:
        return data;
    }
  }
}

function provenDraws(draws: readonly Draw[], proof: Proof): number {
  const there = new Set(
    proof.pieces.flatMap(({ piece, leaves }) => leaves.map(({ leaf }) => `${piece}/${leaf}`)),
  );
  return draws.filter(({ piece, leaf }) => there.has(`${piece}/${leaf}`)).length;
}
