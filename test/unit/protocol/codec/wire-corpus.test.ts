/**
 * Encoded messages in test/vectors/wire.json. A change of these bytes is incompatible with keepers of other releases.
 * WHITEPAY_WRITE_VECTORS=1 writes the file.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage, maxMessageBytes } from "../../../../protocol/codec/message.ts";
import type { Envelope } from "../../../../protocol/codec/message.ts";
import { fromHex, toHex } from "../../../../protocol/hash.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import type { Body } from "../../../../protocol/messages.ts";
import { projectRoot } from "../../../../scripts/paths.ts";

type Vector = { readonly name: string; readonly bytes: Hex; readonly refused?: string };

const file = join(projectRoot, "test/vectors/wire.json");
const hex = (byte: number, size: number): Hex => `0x${byte.toString(16).padStart(2, "0").repeat(size)}`;
const round = { ts: 100, te: 160, turn: 1, leader: 2, version: 3 };

const bodies: readonly [string, Body][] = [
  ["hello", { kind: "hello", instance: hex(1, 16), head: 170, speaks: 4 }],
  ["announce", { kind: "announce", round, head: 161, count: 3, root: hex(0xaa, 32) }],
  ["commit", { kind: "commit", round, commitment: hex(2, 32) }],
  [
    "close",
    {
      kind: "close",
      round,
      auditBlock: 166,
      commits: [0, 1, 2].map((keeper) => ({ keeper, commitment: hex(keeper, 32), signature: hex(7, 65) })),
    },
  ],
  [
    "reveal",
    {
      kind: "reveal",
      round,
      closedSet: hex(3, 32),
      values: { kind: "inline", values: [2n ** 100n, 0n] },
      recordsRoot: hex(4, 32),
      salt: hex(5, 32),
      opened: [
        {
          group: 7,
          provider: 4,
          slot: 12,
          leaf: { kind: "proven", bytes: 4096n, receiptHash: hex(6, 32) },
          path: fromHex(hex(8, 32)),
          receipt: new Uint8Array([1, 2, 3]),
        },
        {
          group: 7,
          provider: 4,
          slot: 13,
          leaf: { kind: "failed" },
          path: new Uint8Array(),
          receipt: new Uint8Array(),
        },
        {
          group: 7,
          provider: 4,
          slot: 14,
          leaf: { kind: "carried", bytes: 5n },
          path: new Uint8Array(),
          receipt: new Uint8Array(),
        },
      ],
      proof: { group: 7, provider: 4, slot: 12, seed: new Uint8Array([9]), proof: new Uint8Array([10, 11]) },
    },
  ],
  [
    "reveal with pages",
    {
      kind: "reveal",
      round,
      closedSet: hex(3, 32),
      values: { kind: "pages", count: 40_000, pages: [hex(1, 32), hex(2, 32)] },
      recordsRoot: hex(4, 32),
      salt: hex(5, 32),
      opened: [],
      proof: undefined,
    },
  ],
  ["bundle", { kind: "bundle", round, closedSet: hex(3, 32), reveals: [{ keeper: 0, hash: hex(1, 32) }] }],
  [
    "proposal",
    {
      kind: "proposal",
      round,
      bundle: hex(1, 32),
      digest: hex(2, 32),
      pinned: [{ group: 7, provider: 4, keepers: [0, 1, 2] }],
      pages: [hex(9, 32)],
    },
  ],
  ["partial", { kind: "partial", round, digest: hex(2, 32), signature: hex(3, 48) }],
];

function envelope(body: Body): Envelope {
  return { chainId: 31_337, committee: hex(0xab, 20), version: 3, keeper: 1, body, signature: hex(0xcd, 65) };
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
}

/** Malformed messages: each is refused with a code and none throws (D3). */
function malformed(): [string, Uint8Array][] {
  const commit = encodeMessage(envelope(bodies[2]?.[1] as Body));
  const close = encodeMessage(envelope(bodies[3]?.[1] as Body));
  const commitsAt = close.length - 65 - (4 + 3 * 99);
  return [
    ["nothing", new Uint8Array()],
    ["one byte", new Uint8Array([1])],
    ["cut short", commit.slice(0, -1)],
    ["one byte too many", Uint8Array.from([...commit, 0])],
    ["a version to come", changed(commit, 0, 9)],
    ["version zero", changed(commit, 0, 0)],
    ["the first version", changed(commit, 0, 1)],
    ["the second version", changed(commit, 0, 2)],
    ["the third version", changed(commit, 0, 3)],
    ["an unknown kind", changed(commit, 1, 200)],
    ["a keeper beyond any committee", changed(commit, 39, 255)],
    ["a list that claims four billion entries", changed(close, commitsAt, 255)],
    ["a hello as long as a reveal", changed(new Uint8Array(4_096).fill(3), 1, 0)],
    ["more than any message", new Uint8Array(maxMessageBytes + 1).fill(3)],
  ];
}

function vectors(): Vector[] {
  const good = bodies.map(([name, body]) => ({ name, bytes: toHex(encodeMessage(envelope(body))) }));
  const bad = malformed().map(([name, bytes]) => {
    const decoded = decodeMessage(bytes);
    // The longest message is not stored; only its length matters.
    const kept: Hex = bytes.length > 5_000 ? "0x" : toHex(bytes);
    return { name, bytes: kept, refused: decoded.ok ? "accepted" : decoded.code };
  });
  return [...good, ...bad];
}

if (process.env["WHITEPAY_WRITE_VECTORS"] === "1")
  writeFileSync(file, `${JSON.stringify(vectors(), null, 2)}\n`);
const kept = JSON.parse(readFileSync(file, "utf8")) as Vector[];

describe("the message format", () => {
  it("equals the stored vectors, for valid and refused messages", () => {
    expect(vectors()).toEqual(kept);
    expect(kept.filter(({ refused }) => refused === "accepted")).toEqual([]);
  });

  it.each(bodies)("decodes %s to the encoded message", (name, body) => {
    const bytes = fromHex(kept.find((vector) => vector.name === name)?.bytes ?? "0x");
    expect(decodeMessage(bytes)).toMatchObject({ ok: true, value: envelope(body) });
  });
});
