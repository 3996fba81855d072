/** Ports of a provider's responders, with data that the tests set. */
import { secretKeyAddress, signReceipt } from "../../../protocol/codec/receipt.ts";
import type { ChallengeRequest } from "../../../protocol/codec/challenge.ts";
import { toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ChallengeDependencies } from "../../../provider/challenge.ts";
import type { AnswerStore, CommittedData, StoredAnswer } from "../../../provider/ports.ts";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import { seededBytes } from "../../support/files.ts";
import { secretOf } from "../../support/provider-scene.ts";

export const group: Hex = `0x${"a1".repeat(20)}`;
export const keeper: Hex = `0x${"b2".repeat(20)}`;
export const receiptKey = secretKeyAddress(secretOf(1));
export const list = makePieceList([{ root: seededBytes(32, 1), size: 5_000 }]);
export const committed: CommittedData = { listRoot: toHex(list.root), bytes: list.totalBytes, receiptKey };
export const blockHashAt = (block: number): Hex => toHex(seededBytes(32, block));
export const seedOf = (slot: number): Uint8Array => seededBytes(48, slot);

/** Implements the responders' ports over fixed data; `used` lists the port calls of the requests in order. */
export class FixedPorts {
  head = 60;
  data: CommittedData | "foreign" | "none" = committed;
  blsKeys: Hex[] = ["0x02"];
  broken = false;
  /** Each number gives other block hashes and seeds, as after a reorg. */
  branch = 0;
  readonly used: string[] = [];
  readonly stored = new Map<string, StoredAnswer>();
  readonly refused: string[] = [];
  readonly pruned: number[] = [];

  dependencies(): ChallengeDependencies {
    const use = <T>(what: string, value: T): Promise<T> => {
      this.used.push(what);
      return this.broken ? Promise.reject(new Error("disk or chain is gone")) : Promise.resolve(value);
    };
    const answers: AnswerStore = {
      get: (key) => use("answers.get", this.stored.get(JSON.stringify(key))),
      put: async (key, answer) => {
        await use("answers.put", undefined);
        this.stored.set(JSON.stringify(key), answer);
      },
      prune: async (_group, slot) => void this.pruned.push(slot),
    };
    return {
      chain: {
        chainId: 5,
        head: () => use("head", this.head),
        group: (g) =>
          use(
            "group",
            g === group ? { originBlock: 10, slot: 5, confirmations: 1, payer: keeper } : undefined,
          ),
        keeper: (_g, k) =>
          use("keeper", k === keeper ? { blsKeys: this.blsKeys, peerId: "peer" } : undefined),
        blockHash: (block) => use("blockHash", blockHashAt(block + this.branch)),
        data: () => use("data", this.data),
      },
      answers,
      store: {
        list: (root) => use("list", toHex(root) === toHex(list.root) ? list : undefined),
        prove: () => use("prove", { proof: { pieces: [] }, lost: [], warnings: [] }),
      },
      crypto: {
        verifySeed: (scope, seed, key) =>
          use("seed", key === "0x02" && toHex(seed) === toHex(seedOf(scope.slot + this.branch))),
        signReceipt: (domain, receipt, key) =>
          key === receiptKey ? signReceipt(domain, receipt, secretOf(1)) : undefined,
      },
      events: {
        answered: () => undefined,
        repeated: () => undefined,
        refused: ({ code }) => void this.refused.push(code),
        damaged: () => undefined,
        served: () => undefined,
      },
    };
  }

  /** A valid request, apart from the changes. */
  request(changes: Partial<ChallengeRequest> = {}): ChallengeRequest {
    const slot = changes.slot ?? 9;
    const blockHash = blockHashAt(10 + slot * 5 + this.branch);
    return {
      chainId: 5,
      group,
      keeper,
      provider: 0,
      slot,
      blockHash,
      seed: seedOf(slot + this.branch),
      ...changes,
    };
  }
}
