/** Asking other keepers for what is missing, and answering them from this keeper's own state (R22, R24). */
import {
  decodePull,
  decodePullReply,
  decodeRecordsQuestion,
  decodeRecordsReply,
  encodePull,
  encodePullReply,
  encodeRecordsQuestion,
  encodeRecordsReply,
  hashPrefix,
  maxLeavesPerReply,
} from "../codec/question.ts";
import type { RecordsQuestion } from "../codec/question.ts";
import type { Effect } from "../core/effects.ts";
import type { GroupSnapshot } from "../core/group.ts";
import type { Hex } from "../core/hash.ts";
import { turnMessages, treeOf } from "../core/liveness.ts";
import type { Message, OpenedLeaf } from "../core/messages.ts";
import { leafHash, pathHolds, treePath } from "../core/records.ts";
import type { RecordLeaf } from "../core/records.ts";
import type { KeeperState } from "../core/state.ts";
import type { CryptoPort } from "../ports/crypto.ts";
import type { StorePort } from "../ports/store.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { TransportPort } from "../ports/transport.ts";
import { dataOfSlot } from "./group-data.ts";
import type { Ingress } from "./ingress.ts";

export type QuestionDependencies = {
  readonly transport: TransportPort;
  readonly crypto: CryptoPort;
  readonly store: StorePort;
  readonly telemetry: TelemetryPort;
  readonly ingress: Ingress;
};

type FetchRecords = Extract<Effect, { kind: "fetch-records" }>;

export class Questions {
  readonly #on: QuestionDependencies;

  constructor(on: QuestionDependencies) {
    this.#on = on;
  }

  /** Messages of a turn that the asked keeper has and this one lacks, each checked like any other; undefined: no answer. */
  async pull(
    group: GroupSnapshot,
    state: KeeperState,
    effect: Extract<Effect, { kind: "pull" }>,
  ): Promise<Message[] | undefined> {
    const operator = group.committee.members[effect.keeper]?.operator;
    if (operator === undefined) return undefined;
    const { ts, turn } = effect;
    const have = turnMessages(state, ts, turn).map((message) => hashPrefix(message.hash));
    const question = encodePull({ group: group.address, ts, turn, have });
    const reply = await this.#on.transport.ask(operator, "pull", question);
    if (reply === undefined) return undefined;
    const decoded = decodePullReply(reply);
    if (!decoded.ok) {
      this.#on.telemetry.reason(
        group.address,
        "wire-malformed",
        `pull reply of ${operator}: ${decoded.detail}`,
      );
      return undefined;
    }
    return decoded.value.flatMap((bytes) => {
      const checked = this.#on.ingress.check(bytes, group);
      if (checked.verdict === "accept") return [checked.message];
      this.#on.telemetry.reason(group.address, checked.code, `pulled from ${operator}: ${checked.detail}`);
      return [];
    });
  }

  answerPull(bytes: Uint8Array, stateOf: (group: Hex) => KeeperState | undefined): Uint8Array | undefined {
    const question = decodePull(bytes);
    if (!question.ok) return undefined;
    const { group, ts, turn, have } = question.value;
    const state = stateOf(group);
    if (state === undefined) return undefined;
    const known = new Set(have);
    const missing = turnMessages(state, ts, turn).filter((m) => !known.has(hashPrefix(m.hash)));
    return encodePullReply(missing.map((message) => message.bytes));
  }

  /** R24: one keeper's records about one provider, from whoever serves them first, checked against root and receipts. */
  async records(group: GroupSnapshot, effect: FetchRecords): Promise<readonly RecordLeaf[] | undefined> {
    for (const holder of effect.holders) {
      const operator = group.committee.members[holder]?.operator;
      if (operator === undefined) continue;
      const leaves = await this.#recordsFrom(group, effect, operator);
      if (leaves !== undefined) return leaves;
    }
    return undefined;
  }

  async #recordsFrom(
    group: GroupSnapshot,
    effect: FetchRecords,
    operator: Hex,
  ): Promise<readonly RecordLeaf[] | undefined> {
    const { scope } = effect;
    const { root, provider } = effect;
    const leaves: RecordLeaf[] = [];
    while (leaves.length < scope.toSlot - scope.fromSlot) {
      const fromSlot = scope.fromSlot + leaves.length;
      const question = encodeRecordsQuestion({ group: group.address, root, provider, fromSlot });
      const reply = await this.#on.transport.ask(operator, "records", question);
      const decoded = reply === undefined ? undefined : decodeRecordsReply(reply);
      if (decoded?.ok !== true || decoded.value.length === 0) return undefined;
      for (const opened of decoded.value) {
        const expected = scope.fromSlot + leaves.length;
        const leaf = this.#checkedLeaf(group, effect, opened, expected);
        if (leaf === undefined) return undefined;
        leaves.push(leaf);
      }
    }
    return leaves;
  }

  /** Undefined if it does not lead to the root; a proven leaf without a valid receipt counts as failed. */
  #checkedLeaf(
    group: GroupSnapshot,
    effect: FetchRecords,
    opened: OpenedLeaf,
    slot: number,
  ): RecordLeaf | undefined {
    const { scope, provider, root, owner } = effect;
    const keeper = group.committee.members[owner];
    const position = scope.providers.indexOf(provider);
    if (keeper === undefined || position < 0 || opened.provider !== provider || opened.slot !== slot) {
      return undefined;
    }
    const slots = scope.toSlot - scope.fromSlot;
    if (slot >= scope.toSlot) return undefined;
    const index = position * slots + slot - scope.fromSlot;
    const hash = leafHash(provider, slot, opened.leaf);
    if (!pathHolds(root, scope.providers.length * slots, index, hash, opened.path)) return undefined;
    if (opened.leaf.kind !== "proven") return opened.leaf;
    const holds = this.#on.crypto.receiptHolds(opened, {
      group,
      keeper,
      dataOf: (p, s) => dataOfSlot(group, p, s),
    });
    return holds ? opened.leaf : { kind: "failed" };
  }

  async answerRecords(
    bytes: Uint8Array,
    stateOf: (group: Hex) => KeeperState | undefined,
  ): Promise<Uint8Array | undefined> {
    const decoded = decodeRecordsQuestion(bytes);
    if (!decoded.ok) return undefined;
    const question = decoded.value;
    const state = stateOf(question.group);
    const tree = state === undefined ? undefined : treeOf(state, question.root);
    if (tree === undefined) return undefined;
    const position = tree.providers.indexOf(question.provider);
    if (position < 0 || question.fromSlot < tree.fromSlot) return undefined;
    const slots = tree.toSlot - tree.fromSlot;
    const last = Math.min(tree.toSlot, question.fromSlot + maxLeavesPerReply);
    const leaves: OpenedLeaf[] = [];
    for (let slot = question.fromSlot; slot < last; slot++) {
      const index = position * slots + slot - tree.fromSlot;
      const leaf = tree.leaves[index];
      if (leaf === undefined) return undefined;
      const receipt = leaf.kind === "proven" ? await this.#receipt(question, slot) : new Uint8Array();
      leaves.push({ provider: question.provider, slot, leaf, path: treePath(tree.levels, index), receipt });
    }
    return encodeRecordsReply(leaves);
  }

  async #receipt(question: RecordsQuestion, slot: number): Promise<Uint8Array> {
    const stored = await this.#on.store.proofOf(question.group, question.provider, slot);
    return stored?.receipt ?? new Uint8Array();
  }
}
