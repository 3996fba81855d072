/** R24: asking other keepers for records of disputed providers, and serving them from what is here. */
import {
  decodeRecordsQuestion,
  decodeRecordsReply,
  encodeRecordsQuestion,
  encodeRecordsReply,
  maxLeavesPerReply,
} from "../codec/question.ts";
import type { RecordsQuestion } from "../codec/question.ts";
import { receiptHash } from "../codec/receipt.ts";
import type { Effect } from "../core/effects.ts";
import type { GroupSnapshot } from "../core/group.ts";
import type { Hex } from "../core/hash.ts";
import { treeOf } from "../core/liveness.ts";
import type { OpenedLeaf } from "../core/messages.ts";
import { TreePaths, leafHash, treePath } from "../core/records.ts";
import type { RecordLeaf } from "../core/records.ts";
import type { KeeperState } from "../core/state.ts";
import type { CryptoPort } from "../ports/crypto.ts";
import type { StorePort } from "../ports/store.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { TransportPort } from "../ports/transport.ts";
import { dataOfSlot } from "./group-data.ts";
import { RecordPages } from "./record-pages.ts";

export type ExchangeDependencies = {
  readonly transport: Pick<TransportPort, "ask">;
  readonly crypto: Pick<CryptoPort, "receiptHolds">;
  readonly store: Pick<StorePort, "proofOf">;
  readonly telemetry: Pick<TelemetryPort, "reason">;
};

type FetchRecords = Extract<Effect, { kind: "fetch-records" }>;

const maxPageBytes = 32 * 1024 * 1024;

export class RecordExchange {
  readonly #on: ExchangeDependencies;
  readonly #pages = new RecordPages(maxPageBytes);
  /** Questions in a row that a keeper left without a good answer. As many names as there are members. */
  readonly #failures = new Map<Hex, number>();

  constructor(on: ExchangeDependencies) {
    this.#on = on;
  }

  /** One keeper's records about one provider, from whoever serves them first, checked against root and receipts. */
  async records(group: GroupSnapshot, effect: FetchRecords): Promise<readonly RecordLeaf[] | undefined> {
    for (const operator of this.#helpfulFirst(group, effect.holders)) {
      const leaves = await this.#recordsFrom(group, effect, operator);
      this.#failures.set(operator, leaves === undefined ? (this.#failures.get(operator) ?? 0) + 1 : 0);
      if (leaves !== undefined) return leaves;
    }
    return undefined;
  }

  /** A keeper that lets questions time out is asked last: it must not use up the time of a whole round (L3). */
  #helpfulFirst(group: GroupSnapshot, holders: readonly number[]): Hex[] {
    const failures = (operator: Hex): number => Math.min(this.#failures.get(operator) ?? 0, 8);
    return holders
      .map((holder) => group.committee.members[holder]?.operator)
      .filter((operator) => operator !== undefined)
      .sort((a, b) => failures(a) - failures(b));
  }

  async #recordsFrom(
    group: GroupSnapshot,
    effect: FetchRecords,
    operator: Hex,
  ): Promise<readonly RecordLeaf[] | undefined> {
    const { scope, root, provider } = effect;
    const leaves: RecordLeaf[] = [];
    while (scope.fromSlot + leaves.length < scope.toSlot) {
      const fromSlot = scope.fromSlot + leaves.length;
      const question = encodeRecordsQuestion({ group: group.address, root, provider, fromSlot });
      const reply = await this.#on.transport.ask(operator, "records", question);
      if (reply === undefined) return undefined;
      const page = this.#checkedPage(group, effect, reply, fromSlot);
      if (typeof page === "string") {
        const detail = `${page}, slots from ${fromSlot} of keeper ${effect.owner}, served by ${operator}`;
        this.#on.telemetry.reason(group.address, "records-refused", detail);
        return undefined;
      }
      this.#pages.keep(root, provider, fromSlot, reply);
      leaves.push(...page);
    }
    return leaves;
  }

  /** The leaves of a page, or what is wrong with it. A page is full: one leaf a time would let a liar stretch it for ever. */
  #checkedPage(
    group: GroupSnapshot,
    effect: FetchRecords,
    reply: Uint8Array,
    fromSlot: number,
  ): RecordLeaf[] | string {
    const decoded = decodeRecordsReply(reply);
    if (!decoded.ok) return `${decoded.code}: ${decoded.detail}`;
    const expected = Math.min(maxLeavesPerReply, effect.scope.toSlot - fromSlot);
    const actual = decoded.value.length;
    if (actual !== expected) return `expected ${expected} leaves, actual ${actual}`;
    const leaves: RecordLeaf[] = [];
    const { providers, fromSlot: first, toSlot } = effect.scope;
    const paths = new TreePaths(effect.root, providers.length * (toSlot - first));
    for (const [i, opened] of decoded.value.entries()) {
      const leaf = this.#checkedLeaf(group, effect, paths, opened, fromSlot + i);
      if (typeof leaf === "string") return leaf;
      leaves.push(leaf);
    }
    return leaves;
  }

  /**
   * A proven leaf whose own receipt does not hold counts as failed, for everyone alike. One that comes with another receipt
   * says nothing about the leaf, only about who served it: else a liar could show each keeper something else.
   */
  #checkedLeaf(
    group: GroupSnapshot,
    effect: FetchRecords,
    paths: TreePaths,
    opened: OpenedLeaf,
    slot: number,
  ): RecordLeaf | string {
    const { scope, provider, owner } = effect;
    const keeper = group.committee.members[owner];
    const position = scope.providers.indexOf(provider);
    if (keeper === undefined || position < 0 || opened.provider !== provider || opened.slot !== slot) {
      return `expected provider ${provider}, slot ${slot}, actual ${opened.provider}, ${opened.slot}`;
    }
    const slots = scope.toSlot - scope.fromSlot;
    const index = position * slots + slot - scope.fromSlot;
    const hash = leafHash(provider, slot, opened.leaf);
    if (!paths.holds(index, hash, opened.path)) {
      return `slot ${slot}: path does not lead to the root`;
    }
    if (opened.leaf.kind !== "proven") return opened.leaf;
    if (receiptHash(opened.receipt) !== opened.leaf.receiptHash)
      return `slot ${slot}: not the receipt of the leaf`;
    const holds = this.#on.crypto.receiptHolds(opened, {
      group,
      keeper,
      dataOf: (p, s) => dataOfSlot(group, p, s),
    });
    return holds ? opened.leaf : { kind: "failed" };
  }

  /** From the own tree, or a page that was fetched and checked before; undefined: not here. */
  async answer(
    bytes: Uint8Array,
    stateOf: (group: Hex) => KeeperState | undefined,
  ): Promise<Uint8Array | undefined> {
    const decoded = decodeRecordsQuestion(bytes);
    if (!decoded.ok) return undefined;
    const question = decoded.value;
    const state = stateOf(question.group);
    const tree = state === undefined ? undefined : treeOf(state, question.root);
    if (tree === undefined) return this.#pages.find(question.root, question.provider, question.fromSlot);
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
      leaves.push({ provider: question.provider, slot, leaf, path: treePath(tree, index), receipt });
    }
    return encodeRecordsReply(leaves);
  }

  async #receipt(question: RecordsQuestion, slot: number): Promise<Uint8Array> {
    const stored = await this.#on.store.proofOf(question.group, question.provider, slot);
    return stored?.receipt ?? new Uint8Array();
  }
}
