/** Ports of a provider's responders, with data that the tests set. */
import { secretKeyAddress, signReceipt } from "../../../protocol/codec/receipt.ts";
import type { ChallengeRequest } from "../../../protocol/codec/challenge.ts";
import { toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ProviderScale } from "../../../protocol/limits/derived.ts";
import type { ChallengeDependencies } from "../../../provider/challenge.ts";
import type { AnswerStore, CommittedData, NoCommitment, StoredAnswer } from "../../../provider/ports.ts";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import { seededBytes } from "../../support/files.ts";
import { secretOf } from "../../support/secrets.ts";

export const committee: Hex = `0x${"c0".repeat(20)}`;
const operator: Hex = `0x${"0e".repeat(20)}`;
export const group: Hex = `0x${"a1".repeat(20)}`;
export const secondGroup: Hex = `0x${"a2".repeat(20)}`;
export const keeper: Hex = `0x${"b2".repeat(20)}`;
export const receiptKey = secretKeyAddress(secretOf(1));
export const list = makePieceList([{ root: seededBytes(32, 1), size: 5_000 }]);
export const committed: CommittedData = { listRoot: toHex(list.root), bytes: list.totalBytes, receiptKey };
export const blockHashAt = (block: number): Hex => toHex(seededBytes(32, block));
/** The seed of a slot under the keeper's BLS key 0x02, 0x03 or a later one. */
export const seedOf = (slot: number, key = "0x02"): Uint8Array =>
  seededBytes(48, slot + 1_000_000 * (Number(key) - 2));

/** Implements the responders' ports over fixed data; `used` lists the port calls of the requests in order. */
export class FixedPorts {
  head = 60;
  data: CommittedData | NoCommitment = committed;
  /** Data of the second group. */
  secondData: CommittedData | NoCommitment = committed;
  blsKeys: Hex[] = ["0x02"];
  broken = false;
  now_ms = 0;
  scale: ProviderScale = { committees: 1, groups: 2, keepers: 4 };
  /** Each number gives other block hashes and seeds, as after a reorg. */
  branch = 0;
  readonly used: string[] = [];
  readonly stored = new Map<string, StoredAnswer>();
  readonly refused: string[] = [];
  readonly turnedAway: string[] = [];
  readonly pruned: number[] = [];
  /** Blocks [start, end) that were asked for. */
  readonly slots: [number, number][] = [];

  dependencies(): ChallengeDependencies {
    const use = <T>(what: string, value: T): Promise<T> => {
      this.used.push(what);
      return this.broken ? Promise.reject(new Error("disk or chain is gone")) : Promise.resolve(value);
    };
    const answers: AnswerStore = {
      get: (keys) =>
        use(
          "answers.get",
          keys.map((key) => this.stored.get(JSON.stringify(key))),
        ),
      put: async (all) => {
        await use("answers.put", undefined);
        for (const { key, answer } of all) this.stored.set(JSON.stringify(key), answer);
      },
      prune: async (_committee, slot) => void this.pruned.push(slot),
    };
    return {
      chain: {
        chainId: 5,
        operator,
        groups: new Set([group, secondGroup]),
        head: () => use("head", this.head),
        committee: (c) => use("committee", c === committee ? { originBlock: 10, slot: 5 } : undefined),
        keeper: (_c, k) =>
          use("keeper", k === keeper ? { blsKeys: this.blsKeys, peerId: "peer" } : undefined),
        blockHash: (block) => use("blockHash", blockHashAt(block + this.branch)),
        data: ({ start, end }, target) => {
          this.slots.push([start, end]);
          return use("data", target.group === group ? this.data : this.secondData);
        },
        payer: () => use("payer", keeper),
      },
      answers,
      store: {
        list: (root) => use("list", toHex(root) === toHex(list.root) ? list : undefined),
        prove: () => use("prove", { proof: { pieces: [] }, lost: [], warnings: [] }),
      },
      crypto: {
        verifySeed: (scope, seed, key) =>
          use("seed", toHex(seed) === toHex(seedOf(scope.slot + this.branch, key))),
        signReceipt: (domain, receipt, key) =>
          key === receiptKey ? signReceipt(domain, receipt, secretOf(1)) : undefined,
      },
      events: {
        answered: () => undefined,
        repeated: () => undefined,
        refused: ({ code }) => void this.refused.push(code),
        turnedAway: ({ code }) => void this.turnedAway.push(code),
        damaged: () => undefined,
        served: () => undefined,
      },
      scale: () => this.scale,
      now_ms: () => this.now_ms,
    };
  }

  /** A valid request for the first group, apart from the changes. */
  request(changes: Partial<ChallengeRequest> = {}): ChallengeRequest {
    const slot = changes.slot ?? 9;
    const blockHash = blockHashAt(10 + slot * 5 + this.branch);
    return {
      chainId: 5,
      committee,
      operator,
      keeper,
      slot,
      blockHash,
      seed: seedOf(slot + this.branch),
      targets: [{ group, provider: 0 }],
      ...changes,
    };
  }
}

/** Both groups in one message. */
export const bothGroups = [
  { group, provider: 0 },
  { group: secondGroup, provider: 7 },
];
