/** Messages and questions between keepers: each has one encoding, and decoding never throws (D3). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bodyWithin,
  encodeBody,
  decodeMessage,
  encodeMessage,
  maxBytesOf,
  maxMessageBytes,
  messageDigest,
} from "../../protocol/codec/message.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
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
  maxQuestionBytes,
  maxReplyBytes,
} from "../../protocol/codec/question.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import {
  decodeCertificatePage,
  decodeCertificateQuestion,
  encodeCertificatePage,
  encodeCertificateQuestion,
} from "../../protocol/codec/certificate-pages.ts";
import type { CertificatePage } from "../../protocol/codec/certificate-pages.ts";
import { maxValuesInMessage, pageCount } from "../../protocol/values.ts";
import type { RevealedValues, Body, OpenedLeaf } from "../../protocol/messages.ts";
import type { RecordLeaf } from "../../protocol/records.ts";
import { concatBytes } from "../../storage/core/bytes.ts";
import { checkForms } from "../support/codec-forms.ts";
import type { CodecForm } from "../support/codec-forms.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex = (length: number): fc.Arbitrary<Hex> => bytes(length).map(toHex);
const u128 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });
const u64 = fc.oneof(fc.nat(), fc.maxSafeNat());
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const u16 = fc.integer({ min: 0, max: 2 ** 16 - 1 });
const keeper = fc.integer({ min: 0, max: 123 });
const round = fc.record({
  ts: u64,
  te: u64,
  turn: u32,
  leader: keeper,
  version: u64,
});
const few = { maxLength: 12 };
/** A list without duplicate names, ascending by name: the only order that the codec accepts. */
const ascending = <T>(item: fc.Arbitrary<T>, name: (item: T) => number): fc.Arbitrary<T[]> =>
  fc.uniqueArray(item, { ...few, selector: name }).map((items) => items.sort((a, b) => name(a) - name(b)));
const indices = (index: fc.Arbitrary<number>): fc.Arbitrary<number[]> => ascending(index, (i) => i);

const leaf: fc.Arbitrary<RecordLeaf> = fc.oneof(
  fc.record({ kind: fc.constant("proven" as const), bytes: u128, receiptHash: hex(32) }),
  fc.record({ kind: fc.constant("failed" as const) }),
  fc.record({ kind: fc.constant("carried" as const), bytes: u128 }),
);
const opened: fc.Arbitrary<OpenedLeaf> = fc.record({
  group: u32,
  provider: u32,
  slot: u64,
  leaf,
  path: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), few).map((nodes) => concatBytes(...nodes)),
  receipt: fc.uint8Array({ maxLength: 200 }),
});
const fullProof = fc.record({
  group: u32,
  provider: u32,
  slot: u64,
  seed: fc.uint8Array({ maxLength: 96 }),
  proof: fc.uint8Array({ maxLength: 3_000 }),
});

/** Short lists in the message, long ones as hashes of their pages. */
const values: fc.Arbitrary<RevealedValues> = fc.oneof(
  fc.record({ kind: fc.constant("inline" as const), values: fc.array(u128, few) }),
  fc.integer({ min: maxValuesInMessage + 1, max: 200_000 }).chain((count) =>
    fc.record({
      kind: fc.constant("pages" as const),
      count: fc.constant(count),
      pages: fc.array(hex(32), { minLength: pageCount(count), maxLength: pageCount(count) }),
    }),
  ),
);

const bodies: { readonly [K in Body["kind"]]: fc.Arbitrary<Extract<Body, { kind: K }>> } = {
  hello: fc.record({
    kind: fc.constant("hello"),
    instance: hex(16),
    head: u64,
    speaks: fc.integer({ min: 0, max: 255 }),
  }),
  announce: fc.record({ kind: fc.constant("announce"), round, head: u64, count: u32, root: hex(32) }),
  commit: fc.record({ kind: fc.constant("commit"), round, commitment: hex(32) }),
  close: fc.record({
    kind: fc.constant("close"),
    round,
    commits: ascending(fc.record({ keeper, commitment: hex(32), signature: hex(65) }), (c) => c.keeper),
    auditBlock: u64,
  }),
  reveal: fc.record({
    kind: fc.constant("reveal"),
    round,
    closedSet: hex(32),
    values,
    recordsRoot: hex(32),
    salt: hex(32),
    opened: fc.array(opened, few),
    proof: fc.option(fullProof, { nil: undefined }),
  }),
  bundle: fc.record({
    kind: fc.constant("bundle"),
    round,
    closedSet: hex(32),
    reveals: ascending(fc.record({ keeper, hash: hex(32) }), (r) => r.keeper),
  }),
  proposal: fc.record({
    kind: fc.constant("proposal"),
    round,
    bundle: hex(32),
    digest: hex(32),
    pinned: ascending(
      fc.record({ group: u16, provider: u16, keepers: indices(keeper) }),
      ({ group, provider }) => group * 2 ** 16 + provider,
    ),
    pages: fc.array(hex(32), few),
  }),
  partial: fc.record({ kind: fc.constant("partial"), round, digest: hex(32), signature: hex(48) }),
};
const body: fc.Arbitrary<Body> = fc.oneof(...Object.values(bodies));
/** The list of a body that must be in ascending order. */
const listed = {
  close: "commits",
  bundle: "reveals",
  proposal: "pinned",
} as const;

/** The body with its list reversed or its first entry duplicated; undefined if that changes nothing. */
function disordered(one: Body, how: "reverse" | "double"): object | undefined {
  if (!(one.kind in listed)) return undefined;
  const key = listed[one.kind as keyof typeof listed];
  const items: readonly unknown[] = Object.entries(one).find(([name]) => name === key)?.[1] ?? [];
  if (items.length < (how === "double" ? 1 : 2)) return undefined;
  return { ...one, [key]: how === "double" ? [items[0], ...items] : items.toReversed() };
}

const envelope: fc.Arbitrary<Envelope> = fc.record({
  chainId: u64,
  committee: hex(20),
  version: u64,
  keeper,
  body,
  signature: hex(65),
});

const pull = fc.record({ committee: hex(20), ts: u64, turn: u32, have: fc.array(hex(8), few) });
const recordsQuestion = fc.record({
  committee: hex(20),
  root: hex(32),
  group: u32,
  provider: u32,
  fromSlot: u64,
});

const certificatePage: fc.Arbitrary<CertificatePage> = fc.record({
  certificate: fc.record({
    ts: u64,
    te: u64,
    version: u64,
    leader: keeper,
    failed: u128,
    payees: u128,
    count: u32,
    groups: hex(32),
  }),
  groups: fc.array(
    fc.record({
      number: u32,
      group: hex(20),
      items: fc.array(fc.record({ provider: u32, spaceTime: u128 }), few),
    }),
    few,
  ),
});

/** Each codec between keepers: random values, encoder, decoder. */
const forms: readonly CodecForm[] = [
  {
    name: "message",
    encoded: envelope.map(encodeMessage),
    decode: decodeMessage,
    encodeAgain: encodeMessage,
  },
  { name: "pull question", encoded: pull.map(encodePull), decode: decodePull, encodeAgain: encodePull },
  {
    name: "pull reply",
    encoded: fc.array(fc.uint8Array({ maxLength: 300 }), few).map(encodePullReply),
    decode: decodePullReply,
    encodeAgain: encodePullReply,
  },
  {
    name: "records question",
    encoded: recordsQuestion.map(encodeRecordsQuestion),
    decode: decodeRecordsQuestion,
    encodeAgain: encodeRecordsQuestion,
  },
  {
    name: "certificate question",
    encoded: fc.record({ committee: hex(20), hash: hex(25), first: u32 }).map(encodeCertificateQuestion),
    decode: decodeCertificateQuestion,
    encodeAgain: encodeCertificateQuestion,
  },
  {
    name: "certificate page",
    encoded: certificatePage.map(({ certificate, groups }) => encodeCertificatePage(certificate, groups, 0)),
    decode: decodeCertificatePage,
    encodeAgain: ({ certificate, groups }: CertificatePage) => encodeCertificatePage(certificate, groups, 0),
  },
  {
    name: "records reply",
    encoded: fc.array(opened, few).map(encodeRecordsReply),
    decode: decodeRecordsReply,
    encodeAgain: encodeRecordsReply,
  },
];

checkForms(forms);

describe("an envelope", () => {
  it("decodes to the same fields, for every kind", () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(envelope, (value) => {
        const encoded = encodeMessage(value);
        expect(decodeMessage(encoded)).toEqual({ ok: true, value });
        expect(bodyWithin(encoded)).toEqual(encodeBody(value.body));
        kinds.add(value.body.kind);
      }),
      { seed: 4, numRuns: 300 },
    );
    expect([...kinds].sort()).toEqual(Object.keys(bodies).sort());
  });

  it("has a digest over all fields: every change of a field changes it", () => {
    const domain = toHex(new Uint8Array(32).fill(7));
    fc.assert(
      fc.property(body, body, u64, keeper, (one, two, committee, index) => {
        const digest = messageDigest(domain, committee, index, one);
        expect(messageDigest(domain, committee, index, structuredClone(one))).toBe(digest);
        const same = JSON.stringify(one, bigints) === JSON.stringify(two, bigints);
        expect(messageDigest(domain, committee, index, two) === digest).toBe(same);
        expect(messageDigest(domain, committee, (index + 1) % 124, one)).not.toBe(digest);
        expect(messageDigest(domain, committee === 0 ? 1 : committee - 1, index, one)).not.toBe(digest);
        expect(messageDigest(toHex(new Uint8Array(32)), committee, index, one)).not.toBe(digest);
      }),
      { seed: 5, numRuns: 150 },
    );
  });

  it("is refused before decoding if it is above the size limit of its kind (D3)", () => {
    const kinds = Object.keys(maxBytesOf) as (keyof typeof maxBytesOf)[];
    for (const [number, kind] of kinds.entries()) {
      const input = new Uint8Array(maxBytesOf[kind] + 1);
      input.set([1, number]);
      expect(decodeMessage(input)).toMatchObject({ ok: false, code: "too-large" });
      expect(decodeMessage(input.subarray(1))).toMatchObject({ ok: false });
    }
    expect(decodeMessage(new Uint8Array(maxMessageBytes + 1))).toMatchObject({ code: "too-large" });
    expect(decodePull(new Uint8Array(maxQuestionBytes + 1))).toMatchObject({ code: "too-large" });
    expect(decodeRecordsReply(new Uint8Array(maxReplyBytes + 1))).toMatchObject({ code: "too-large" });
  });

  it("is refused if its list is unordered or has duplicates (D6)", () => {
    const swapped = fc
      .tuple(envelope, fc.constantFrom("reverse", "double"))
      .map(([one, how]) => ({ ...one, body: disordered(one.body, how) }))
      .filter(({ body: changed }) => changed !== undefined);
    fc.assert(
      fc.property(swapped, ({ body: changed, ...rest }) => {
        const decoded = decodeMessage(encodeMessage({ ...rest, body: changed as Body }));
        expect(decoded).toMatchObject({ ok: false, code: "order" });
      }),
    );
  });

  it("is refused if the keeper's index is above every committee size (R2)", () => {
    const [value] = fc.sample(envelope, { seed: 6, numRuns: 1 });
    for (const [keeper, ok] of [
      [123, true],
      [124, false],
      [65_535, false],
    ] as const) {
      expect(decodeMessage(encodeMessage({ ...value!, keeper })).ok).toBe(ok);
    }
  });

  it("cannot make the reader allocate memory for missing entries", () => {
    const value: Envelope = {
      chainId: 1,
      committee: toHex(new Uint8Array(20)),
      version: 1,
      keeper: 0,
      body: {
        kind: "close",
        round: { ts: 0, te: 0, turn: 1, leader: 0, version: 1 },
        auditBlock: 0,
        commits: [],
      },
      signature: toHex(new Uint8Array(65)),
    };
    const input = encodeMessage(value);
    // The count of commits, after envelope (40 bytes), round (30) and audit block (8).
    new DataView(input.buffer, input.byteOffset).setUint32(78, 0xffff_ffff);
    expect(decodeMessage(input)).toMatchObject({ ok: false, code: "range" });
  });
});

describe("a pull", () => {
  it("names messages by prefixes of their hashes", () => {
    expect(hashPrefix(toHex(new Uint8Array(32).fill(0xab)))).toBe("0xabababababababab");
  });

  it("gets as many complete messages as fit, in order", () => {
    const messages = Array.from({ length: 12 }, (_, i) => new Uint8Array((90 + i) * 1024).fill(i));
    const reply = encodePullReply(messages);
    expect(reply.length).toBeLessThanOrEqual(maxReplyBytes);
    const decoded = decodePullReply(reply);
    expect(decoded.ok && decoded.value.map(({ length }) => length / 1024)).toEqual([
      90, 91, 92, 93, 94, 95, 96, 97, 98, 99,
    ]);
  });
});

function bigints(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  return typeof value === "bigint" ? `${value}n` : value;
}
