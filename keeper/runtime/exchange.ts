/** R24: the leader gathers the records of disputed providers and serves them as pages; the others fetch those pages. */
import {
  decodePageQuestion,
  decodeRecordsQuestion,
  decodeRecordsReply,
  encodePageQuestion,
  encodeRecordsQuestion,
  encodeRecordsReply,
  maxLeavesPerReply,
} from "../../protocol/codec/question.ts";
import {
  cutPages,
  decodePinnedEntries,
  encodePinnedEntry,
  pageHash,
} from "../../protocol/codec/record-pages.ts";
import type { PinnedEntry } from "../../protocol/codec/record-pages.ts";
import type { Effect } from "../core/effects.ts";
import type { Event, PinnedRecords } from "../core/events.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import { treeOf } from "../core/liveness.ts";
import type { OpenedLeaf } from "../../protocol/messages.ts";
import { providerKey, providerText, treePath } from "../../protocol/records.ts";
import type { ProviderName, RecordLeaf } from "../../protocol/records.ts";
import { maxPinnedBytes, pageBytes } from "../../protocol/pinned.ts";
import { decodeValues, valuesPerPage } from "../../protocol/values.ts";
import type { KeeperState } from "../core/state.ts";
import type { CryptoPort } from "../ports/crypto.ts";
import type { StorePort } from "../ports/store.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { TransportPort } from "../ports/transport.ts";
import { concatBytes } from "../../storage/core/bytes.ts";
import { RecordPages } from "./record-pages.ts";
import { checkRecords } from "./record-check.ts";
import type { RecordClaim } from "./record-check.ts";
import { counted } from "../../protocol/counted.ts";

export type ExchangeDependencies = {
  readonly transport: Pick<TransportPort, "ask">;
  readonly crypto: Pick<CryptoPort, "receiptHolds">;
  readonly store: Pick<StorePort, "proofOf">;
  readonly telemetry: Pick<TelemetryPort, "reason">;
};

type EffectOf<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;
type PagesResult = Extract<Event, { kind: "pages" }>["result"];

/** The pages of this turn and of the one before it. */
const maxKeptBytes = 2 * maxPinnedBytes;

/** Records that a leader has gathered for one round. A later round of the committee replaces them. */
type Gathered = { readonly round: Hex; readonly entries: Map<string, Uint8Array> };

export class RecordExchange {
  readonly #on: ExchangeDependencies;
  readonly #pages = new RecordPages(maxKeptBytes);
  readonly #gathered = new Map<Hex, Gathered>();

  constructor(on: ExchangeDependencies) {
    this.#on = on;
  }

  /** Fetches the records of one keeper for one provider, checks them against root and receipts, and keeps them for the pages. */
  async gather(
    committee: CommitteeSnapshot,
    state: KeeperState,
    effect: EffectOf<"gather-records">,
  ): Promise<readonly RecordLeaf[] | undefined> {
    const { owner, name, round } = effect;
    const claim = { ...effect, committee };
    const opened: OpenedLeaf[] = [];
    const leaves: RecordLeaf[] = [];
    const range = effect.scope.rangeOf(name);
    if (range === undefined) return undefined;
    while (range.fromSlot + opened.length < range.toSlot) {
      const fromSlot = range.fromSlot + opened.length;
      const page = await this.#ownersPage(committee, state, effect, fromSlot);
      if (page === undefined) return undefined;
      const expected = Math.min(maxLeavesPerReply, range.toSlot - fromSlot);
      const checked = this.#check(claim, page, fromSlot, expected);
      if (typeof checked === "string") {
        const detail = `${checked}, ${providerText(name)}, keeper ${owner}`;
        this.#on.telemetry.reason(committee.address, "records-refused", detail);
        return undefined;
      }
      opened.push(...page);
      leaves.push(...checked);
    }
    this.#keepEntry(committee.address, round, { ...name, owner, leaves: opened });
    return leaves;
  }

  #check(
    claim: RecordClaim,
    page: readonly OpenedLeaf[],
    fromSlot: number,
    expected: number,
  ): RecordLeaf[] | string {
    return checkRecords(claim, page, { fromSlot, expected }, this.#on.crypto);
  }

  async #ownersPage(
    committee: CommitteeSnapshot,
    state: KeeperState,
    { owner, root, name }: EffectOf<"gather-records">,
    fromSlot: number,
  ): Promise<readonly OpenedLeaf[] | undefined> {
    const question = { committee: committee.address, root, ...name, fromSlot };
    const own = await this.#openedHere(question, state);
    if (own !== undefined) return own;
    const operator = committee.version.members[owner]?.operator;
    if (operator === undefined) return undefined;
    const reply = await this.#on.transport.ask(operator, "records", encodeRecordsQuestion(question));
    if (reply === undefined) return undefined;
    const decoded = decodeRecordsReply(reply);
    if (decoded.ok) return decoded.value;
    const detail = `${decoded.code}: ${decoded.detail}, ${providerText(name)}, keeper ${owner}`;
    this.#on.telemetry.reason(committee.address, "records-refused", detail);
    return undefined;
  }

  #keepEntry(committee: Hex, round: Hex, entry: PinnedEntry): void {
    const known = this.#gathered.get(committee);
    const gathered = known?.round === round ? known : { round, entries: new Map<string, Uint8Array>() };
    gathered.entries.set(`${providerKey(entry)}/${entry.owner}`, encodePinnedEntry(entry));
    this.#gathered.set(committee, gathered);
  }

  /** Writes the pinned records into pages; undefined if a gathered record is no longer held. */
  pack(committee: Hex, { round, pinned }: EffectOf<"pack-pages">): Hex[] | undefined {
    const gathered = this.#gathered.get(committee);
    const entries: Uint8Array[] = [];
    for (const pin of pinned) {
      for (const owner of pin.keepers) {
        const entry =
          gathered?.round === round ? gathered.entries.get(`${providerKey(pin)}/${owner}`) : undefined;
        if (entry === undefined) return undefined;
        entries.push(entry);
      }
    }
    this.#gathered.delete(committee);
    return cutPages(entries).map((page) => this.#pages.keep(page));
  }

  /** Fetches the pages of a proposal from any holder and reads the records in them. */
  async fetch(committee: CommitteeSnapshot, effect: EffectOf<"fetch-pages">): Promise<PagesResult> {
    const parts: Uint8Array[] = [];
    for (const hash of effect.pages) {
      const page = await this.#page(committee, hash, effect.holders);
      if (page === undefined) return { kind: "unserved" };
      parts.push(page);
    }
    const result = this.#readPages(committee, effect, parts);
    // Serves only valid pages to others.
    if (result.kind === "records") parts.forEach((page, i) => this.#pages.keep(page, effect.pages[i]));
    return result;
  }

  async #page(
    committee: CommitteeSnapshot,
    hash: Hex,
    holders: readonly number[],
  ): Promise<Uint8Array | undefined> {
    const here = this.#pages.find(hash);
    if (here !== undefined) return here;
    const question = encodePageQuestion({ committee: committee.address, page: hash });
    for (const holder of holders) {
      const operator = committee.version.members[holder]?.operator;
      if (operator === undefined) continue;
      const reply = await this.#on.transport.ask(operator, "page", question);
      if (reply !== undefined && reply.length <= pageBytes && pageHash(reply) === hash) return reply;
    }
    return undefined;
  }

  #readPages(
    committee: CommitteeSnapshot,
    effect: EffectOf<"fetch-pages">,
    parts: readonly Uint8Array[],
  ): PagesResult {
    const fault = (detail: string): PagesResult => ({ kind: "fault", detail });
    const decoded = decodePinnedEntries(concatBytes(...parts));
    if (!decoded.ok) return fault(`${decoded.code}: ${decoded.detail}`);
    const expected = effect.pinned.flatMap(({ group, provider, keepers, roots }) =>
      keepers.map((owner, i) => ({ name: { group, provider }, owner, root: roots[i] })),
    );
    if (decoded.value.length !== expected.length) {
      return fault(
        `expected ${counted(expected.length, "entry", "entries")}, actual ${decoded.value.length}`,
      );
    }
    const records: PinnedRecords[] = [];
    for (const [i, { name, owner, root }] of expected.entries()) {
      const entry = decoded.value[i] as PinnedEntry;
      const range = effect.scope.rangeOf(name);
      const same = providerKey(entry) === providerKey(name) && entry.owner === owner;
      const wanted = `${providerText(name)} of keeper ${owner}`;
      if (!same || root === undefined || range === undefined) {
        return fault(`expected ${wanted}, actual ${providerText(entry)} of keeper ${entry.owner}`);
      }
      const { fromSlot, toSlot } = range;
      const claim = { committee, owner, root, name, scope: effect.scope };
      const leaves = this.#check(claim, entry.leaves, fromSlot, toSlot - fromSlot);
      if (typeof leaves === "string") return fault(`${wanted}: ${leaves}`);
      records.push({ ...name, owner, leaves });
    }
    return { kind: "records", records };
  }

  /** R17: serves pages of this keeper's values. */
  servePages(pages: readonly Uint8Array[]): void {
    for (const page of pages) this.#pages.keep(page);
  }

  /** R17: the values in the pages that a reveal names; undefined: nobody served them, or their number differs. */
  async fetchValues(
    committee: CommitteeSnapshot,
    { pages, count, holders }: EffectOf<"fetch-values">,
  ): Promise<bigint[] | undefined> {
    const values: bigint[] = [];
    const parts: Uint8Array[] = [];
    for (const hash of pages) {
      const page = await this.#page(committee, hash, holders);
      const read = page === undefined ? undefined : decodeValues(page);
      const expected = Math.min(valuesPerPage, count - values.length);
      if (page === undefined || read?.length !== expected) return undefined;
      for (const value of read) values.push(value);
      parts.push(page);
    }
    this.servePages(parts);
    return values.length === count ? values : undefined;
  }

  answerPage(bytes: Uint8Array): Uint8Array | undefined {
    const decoded = decodePageQuestion(bytes);
    return decoded.ok ? this.#pages.find(decoded.value.page) : undefined;
  }

  /** Answers the question of another keeper for records of this keeper's tree; undefined: it has no such tree. */
  async answer(
    bytes: Uint8Array,
    stateOf: (committee: Hex) => KeeperState | undefined,
  ): Promise<Uint8Array | undefined> {
    const decoded = decodeRecordsQuestion(bytes);
    if (!decoded.ok) return undefined;
    const state = stateOf(decoded.value.committee);
    const leaves = state === undefined ? undefined : await this.#openedHere(decoded.value, state);
    return leaves === undefined ? undefined : encodeRecordsReply(leaves);
  }

  async #openedHere(
    question: ProviderName & { readonly committee: Hex; readonly root: Hex; readonly fromSlot: number },
    state: KeeperState,
  ): Promise<OpenedLeaf[] | undefined> {
    const { committee, group, provider } = question;
    const tree = treeOf(state, question.root);
    const range = tree?.scope.rangeOf(question);
    if (tree === undefined || range === undefined || question.fromSlot < range.fromSlot) return undefined;
    const last = Math.min(range.toSlot, question.fromSlot + maxLeavesPerReply);
    const leaves: OpenedLeaf[] = [];
    for (let slot = question.fromSlot; slot < last; slot++) {
      const key = { group, provider, slot };
      const index = tree.scope.indexOf(key);
      const leaf = index === undefined ? undefined : tree.leaves[index];
      if (index === undefined || leaf === undefined) return undefined;
      const stored = leaf.kind === "proven" ? await this.#on.store.proofOf(committee, key) : undefined;
      const receipt = stored?.receipt ?? new Uint8Array();
      leaves.push({ ...key, leaf, path: treePath(tree, index), receipt });
    }
    return leaves;
  }
}
