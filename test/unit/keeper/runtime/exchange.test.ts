/** R24: checks of records that another keeper serves, against its root and the receipts of the providers. */
import { describe, expect, it } from "vitest";
import { valuePageHash, valuePages, valuesPerPage } from "../../../../protocol/values.ts";
import {
  decodePageQuestion,
  encodePageQuestion,
  encodeRecordsReply,
} from "../../../../protocol/codec/question.ts";
import { cutPages, encodePinnedEntry, pageHash } from "../../../../protocol/codec/record-pages.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { keccak } from "../../../../protocol/hash.ts";
import { initialState } from "../../../../keeper/core/state.ts";
import type { ReasonCode } from "../../../../protocol/reasons.ts";
import { RecordScope, recordTree, treePath } from "../../../../protocol/records.ts";
import type { RecordLeaf } from "../../../../protocol/records.ts";
import { RecordExchange } from "../../../../keeper/runtime/exchange.ts";
import { memberOf, simulatedCrypto } from "../../../../sim/signatures/cheap-signatures.ts";
import { cheapReceipt } from "../../../../sim/providers/cheap-proofs.ts";
import { committeeAt, groupAddress, hashAt } from "../../../support/machine.ts";

const owner = 1;
const provider = 0;
const name = { group: 1, provider };
const committee = committeeAt(10);
const receiptKey = committee.groups[0]?.providers[provider]?.history[0]?.receiptKey ?? "0x";

type Given = {
  readonly keeper?: number;
  readonly slot?: number;
  readonly group?: Hex;
  readonly signer?: typeof receiptKey;
};

/** A valid receipt for all bytes of the provider, except for the given changes. */
function receipt(slot: number, given: Given = {}): Uint8Array {
  const { keeper = owner, signer = receiptKey } = given;
  return cheapReceipt({
    keeper: memberOf(keeper).operator,
    group: given.group ?? groupAddress,
    provider,
    slot: given.slot ?? slot,
    leaves: 16,
    signer,
  });
}

/** `bytes`: claim of a leaf with other bytes; `shown`: the asking keeper's snapshot; `served`: receipts in place of those of the leaves. */
type Asking = {
  readonly bytes?: bigint;
  readonly shown?: typeof committee;
  readonly served?: readonly Uint8Array[];
};

/** The leaves that the asking keeper accepts for `receipts`, slot by slot from 0. */
async function asked(
  receipts: readonly Uint8Array[],
  { bytes = 1_600n, shown = committee, served = receipts }: Asking = {},
) {
  const leaves: RecordLeaf[] = receipts.map((one) => ({ kind: "proven", bytes, receiptHash: keccak(one) }));
  const scope = new RecordScope([{ ...name, fromSlot: 0, toSlot: leaves.length }]);
  const tree = recordTree(scope, leaves);
  const reply = encodeRecordsReply(
    leaves.map((leaf, slot) => ({
      ...name,
      slot,
      leaf,
      path: treePath(tree, slot),
      receipt: served[slot] ?? new Uint8Array(),
    })),
  );
  const reasons: ReasonCode[] = [];
  const exchange = new RecordExchange({
    transport: { ask: async () => reply },
    crypto: simulatedCrypto,
    store: { proofOf: async () => undefined },
    telemetry: { reason: (_group, code) => void reasons.push(code) },
  });
  const effect = {
    kind: "gather-records",
    round: hashAt(1),
    owner,
    root: tree.root,
    name,
    scope,
  } as const;
  const leavesFound = await exchange.gather(shown, initialState(), effect);
  const pinned = [{ ...name, keepers: [owner], roots: [tree.root] }];
  const pack = (round: Hex) => exchange.pack(shown.address, { kind: "pack-pages", round, pinned, scope });
  return { leaves: leavesFound, reasons, pack };
}

/**
 * The leaves that a follower accepts from the leader's pages with `receipts`, slot by slot from 0; `named`: the keeper that the pages name
 * as their owner.
 */
async function paged(receipts: readonly Uint8Array[], named = owner) {
  const leaves: RecordLeaf[] = receipts.map((one) => ({
    kind: "proven",
    bytes: 1_600n,
    receiptHash: keccak(one),
  }));
  const scope = new RecordScope([{ ...name, fromSlot: 0, toSlot: leaves.length }]);
  const tree = recordTree(scope, leaves);
  const opened = leaves.map((leaf, slot) => {
    const path = treePath(tree, slot);
    return { ...name, slot, leaf, path, receipt: receipts[slot] ?? new Uint8Array() };
  });
  const pages = cutPages([encodePinnedEntry({ ...name, owner: named, leaves: opened })]);
  const exchange = new RecordExchange({
    transport: { ask: async () => pages[0] },
    crypto: simulatedCrypto,
    store: { proofOf: async () => undefined },
    telemetry: { reason: () => undefined },
  });
  return exchange.fetch(committee, {
    kind: "fetch-pages",
    round: hashAt(1),
    pages: pages.map((page) => pageHash(page)),
    pinned: [{ ...name, keepers: [owner], roots: [tree.root] }],
    scope,
    holders: [0],
  });
}

describe("a proven leaf in the leader's pages", () => {
  it("counts with the receipt of its provider, and as failed with another one", async () => {
    const forged = receipt(1, { signer: memberOf(owner).operator });
    const result = await paged([receipt(0), forged, receipt(2)]);
    const found = result.kind === "records" ? result.records : [];
    expect(found.map(({ leaves }) => leaves.map(({ kind }) => kind))).toEqual([
      ["proven", "failed", "proven"],
    ]);
  });

  it("is refused under the name of another keeper than the pinned one", async () => {
    expect(await paged([receipt(0)], 2)).toEqual({
      kind: "fault",
      detail: "expected group 1, provider 0 of keeper 1, actual group 1, provider 0 of keeper 2",
    });
  });
});

describe("a proven leaf that a keeper serves for an exchange", () => {
  it("counts with a receipt of its provider for that keeper, slot and bytes", async () => {
    const { leaves, reasons } = await asked([receipt(0), receipt(1)]);
    expect(leaves?.map(({ kind }) => kind)).toEqual(["proven", "proven"]);
    expect(reasons).toEqual([]);
  });

  it.each([
    ["signed by another key", receipt(1, { signer: memberOf(owner).operator })],
    ["given to another keeper", receipt(1, { keeper: 2 })],
    ["of another slot", receipt(1, { slot: 0 })],
    ["of another group", receipt(1, { group: `0x${"68".repeat(20)}` })],
    ["that is none", new Uint8Array([1, 2, 3])],
  ])("counts as nothing with a receipt %s, and the others as before", async (_name, bad) => {
    const { leaves, reasons } = await asked([receipt(0), bad, receipt(2)]);
    expect(leaves?.map(({ kind }) => kind)).toEqual(["proven", "failed", "proven"]);
    expect(reasons).toEqual([]);
  });

  it("counts if its group was settled meanwhile and only the turn's scope shows it", async () => {
    const { leaves } = await asked([receipt(0)], { shown: { ...committee, groups: [] } });
    expect(leaves?.map(({ kind }) => kind)).toEqual(["proven"]);
  });

  it("is refused with all others if it comes with a receipt that is not its own, so that every keeper counts it alike", async () => {
    const served = [receipt(0), receipt(0), receipt(2)];
    const { leaves, reasons } = await asked([receipt(0), receipt(1), receipt(2)], { served });
    expect(leaves).toBeUndefined();
    expect(reasons).toEqual(["records-refused"]);
  });

  it("goes into pages of the round for which it was asked, and of no other", async () => {
    const { pack } = await asked([receipt(0)]);
    expect(pack(hashAt(2))).toBeUndefined();
    expect(pack(hashAt(1))).toHaveLength(1);
  });

  it("counts as failed if it claims other bytes than its receipt", async () => {
    const { leaves } = await asked([receipt(0)], { bytes: 1_601n });
    expect(leaves).toEqual([{ kind: "failed" }]);
  });
});

describe("values in pages (R17)", () => {
  const values = Array.from({ length: valuesPerPage + 3 }, (_, i) => BigInt(i));
  const pages = valuePages(values);
  const effect = {
    kind: "fetch-values",
    round: hashAt(1),
    reveal: hashAt(2),
    pages: pages.map(valuePageHash),
    count: values.length,
    holders: [1, 0],
  } as const;

  function exchangeWith(served: (hash: Hex) => Uint8Array | undefined): RecordExchange {
    return new RecordExchange({
      transport: {
        ask: async (_keeper, _question, bytes) => {
          const question = decodePageQuestion(bytes);
          return question.ok ? served(question.value.page) : undefined;
        },
      },
      crypto: simulatedCrypto,
      store: { proofOf: async () => undefined },
      telemetry: { reason: () => undefined },
    });
  }

  it("are those of the keeper that serves them, and are served again", async () => {
    const author = exchangeWith(() => undefined);
    author.servePages(pages);
    const serve = (hash: Hex) =>
      author.answerPage(encodePageQuestion({ committee: committee.address, page: hash }));
    const reader = exchangeWith(serve);
    expect(await reader.fetchValues(committee, effect)).toEqual(values);
    const third = exchangeWith((hash) =>
      reader.answerPage(encodePageQuestion({ committee: committee.address, page: hash })),
    );
    expect(await third.fetchValues(committee, effect)).toEqual(values);
  });

  it("are none if a page is missing, altered, or the number differs", async () => {
    const all = (hash: Hex) => pages.find((page) => valuePageHash(page) === hash);
    const first = (hash: Hex) => (hash === effect.pages[0] ? pages[0] : undefined);
    expect(await exchangeWith(first).fetchValues(committee, effect)).toBeUndefined();
    expect(await exchangeWith(() => new Uint8Array(16)).fetchValues(committee, effect)).toBeUndefined();
    for (const count of [values.length - 1, values.length + 1]) {
      expect(await exchangeWith(all).fetchValues(committee, { ...effect, count })).toBeUndefined();
    }
    expect(await exchangeWith(all).fetchValues(committee, effect)).toEqual(values);
  });

  it("are none if a page but the last is not full", async () => {
    const [full, rest] = pages as [Uint8Array, Uint8Array];
    const uneven = { ...effect, pages: [rest, full].map(valuePageHash) };
    const all = (hash: Hex) => pages.find((page) => valuePageHash(page) === hash);
    expect(await exchangeWith(all).fetchValues(committee, uneven)).toBeUndefined();
  });
});
