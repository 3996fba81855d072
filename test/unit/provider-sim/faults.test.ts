/** Each fault changes an answer in its own way, and has no effect after it is removed. */
import { describe, expect, it } from "vitest";
import {
  decodeChallengeResponse,
  encodeChallengeResponse,
  refusal,
} from "../../../protocol/codec/challenge.ts";
import { encodeRetrieveResponse } from "../../../protocol/codec/retrieve.ts";
import { decodeStoreResponse, encodeStoreResponse } from "../../../protocol/codec/store-response.ts";
import { receiptBytes } from "../../../protocol/codec/receipt.ts";
import { toHex, zeroHash } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { withFaults, withReadFaults, withStoreFaults } from "../../../provider-sim/faults.ts";
import type { Fault } from "../../../provider-sim/faults.ts";
import { seededBytes } from "../../support/files.ts";

const committee: Hex = `0x${"c0".repeat(20)}`;
const operator: Hex = `0x${"0e".repeat(20)}`;
const group: Hex = `0x${"a1".repeat(20)}`;
const keeper: Hex = `0x${"b2".repeat(20)}`;
const other: Hex = `0x${"c3".repeat(20)}`;

const secondGroup: Hex = `0x${"a2".repeat(20)}`;

/** One group is answered, one is refused. */
const answered = (number: number): Uint8Array =>
  encodeChallengeResponse({
    kind: "answers",
    answers: [
      { kind: "answer", receipt: seededBytes(receiptBytes, number), proof: seededBytes(300, number) },
      refusal("no-data", "none"),
    ],
  });

/** A responder with faults that the test sets; `respond` makes the honest responses. */
function scene(respond: () => Uint8Array) {
  const state = { faults: [] as Fault[], slept: [] as number[] };
  const responder = withFaults(async () => respond(), {
    faults: async () => state.faults,
    sleep: async (delay_ms) => void state.slept.push(delay_ms),
  });
  /** The answer that a keeper gets, as hex; undefined: none. */
  const ask = async (from = keeper): Promise<Hex | undefined> => {
    const scope = { chainId: 5, committee, operator, slot: 1, blockHash: toHex(new Uint8Array(32)) };
    const targets = [group, secondGroup].map((one) => ({ group: one, provider: 0 }));
    const response = await responder({ ...scope, keeper: from, seed: seededBytes(48, 1), targets }, "peer");
    return response && toHex(response);
  };
  return { state, ask };
}

describe("faults", () => {
  it("change the honest answer as described, and have no effect after they are removed", async () => {
    let count = 0;
    const { state, ask } = scene(() => answered(++count));
    expect(await ask()).toBe(toHex(answered(1)));
    state.faults = [{ kind: "offline" }];
    expect(await ask()).toBeUndefined();
    state.faults = [{ kind: "only-keepers", keepers: [other] }];
    expect(await ask()).toBeUndefined();
    expect(await ask(other)).toBe(toHex(answered(2)));
    state.faults = [{ kind: "slow", delay_ms: 77 }];
    expect(await ask()).toBe(toHex(answered(3)));
    expect(state.slept).toEqual([77]);
    state.faults = [{ kind: "replay" }];
    expect(await ask()).toBe(toHex(answered(1)));
    state.faults = [];
    expect(await ask()).toBe(toHex(answered(4)));
  });

  it("corrupt exactly one byte of the proof", async () => {
    const { state, ask } = scene(() => answered(1));
    state.faults = [{ kind: "corrupt" }];
    const corrupt = Buffer.from((await ask())?.slice(2) ?? "", "hex");
    const decoded = decodeChallengeResponse(corrupt, 2);
    if (!decoded.ok || decoded.value.kind !== "answers") throw new Error("no answers");
    const [first, second] = decoded.value.answers;
    if (first?.kind !== "answer") throw new Error("no answer");
    expect(toHex(first.receipt)).toBe(toHex(seededBytes(receiptBytes, 1)));
    const proof = seededBytes(300, 1);
    expect(first.proof.filter((byte, i) => byte !== proof[i])).toHaveLength(1);
    expect(second).toEqual(refusal("no-data", "none"));
  });

  it("do not change or replay refusals", async () => {
    let response = encodeChallengeResponse(refusal("busy", "later"));
    const { state, ask } = scene(() => response);
    state.faults = [{ kind: "corrupt" }, { kind: "replay" }];
    expect(await ask()).toBe(toHex(response));
    response = answered(1);
    state.faults = [{ kind: "replay" }];
    expect(await ask()).toBe(toHex(answered(1)));
    response = answered(2);
    expect(await ask()).toBe(toHex(answered(1)));
  });
});

describe("faults of storing and reading", () => {
  const active = (faults: Fault[]) => ({ faults: async () => faults });
  const range = encodeRetrieveResponse({
    kind: "range",
    siblings: [seededBytes(32, 1)],
    bytes: seededBytes(100, 2),
  });
  const read = { chainId: 5, group, pieceRoot: toHex(seededBytes(32, 3)), size: 100, range: 0 };
  const permission = { forAnybody: false, root: zeroHash, until: 9, bytesPerDay: 0, sequence: 0 };
  const request = { ...read, ...permission, signature: seededBytes(65, 4) };

  it("change one byte of a range that is read, and nothing of a refusal", async () => {
    const honest = withReadFaults(async () => range, active([]));
    expect(toHex(await honest(request, "peer"))).toBe(toHex(range));
    const corrupt = await withReadFaults(async () => range, active([{ kind: "corrupt" }]))(request, "peer");
    expect(corrupt.filter((byte, i) => byte !== range[i])).toHaveLength(1);
    const refused = encodeRetrieveResponse(refusal("damaged", "missing"));
    const same = await withReadFaults(async () => refused, active([{ kind: "corrupt" }]))(request, "peer");
    expect(toHex(same)).toBe(toHex(refused));
  });

  it("say that a range is stored, and pass nothing on but the other requests", async () => {
    const passed: string[] = [];
    const named = encodeStoreResponse({ kind: "named" });
    const respond = withStoreFaults(
      async ({ kind }) => {
        passed.push(kind);
        return named;
      },
      active([{ kind: "discard" }]),
    );
    const digest = toHex(seededBytes(32, 5));
    const put = { kind: "put", digest, piece: 0, range: 0, siblings: [], bytes: seededBytes(9, 6) } as const;
    expect(decodeStoreResponse(await respond(put, "peer"), "put")).toMatchObject({
      ok: true,
      value: { kind: "stored", whole: false },
    });
    await respond({ kind: "name", digest, piece: 0, name: "a" }, "peer");
    expect(passed).toEqual(["name"]);
  });

  it("change the signature of a consent, and nothing of a refusal", async () => {
    const [account, hash] = [toHex(seededBytes(20, 7)), toHex(seededBytes(32, 8))];
    const given = {
      kind: "consented",
      operator: account,
      committee: account,
      listRoot: hash,
      bytes: 9,
      price: 1n,
      receiptKey: account,
      sequence: 1,
      deadline: 2,
      signature: seededBytes(65, 9),
    } as const;
    const consent = { kind: "consent", digest: hash, committee: account, sequence: 1, deadline: 2 } as const;
    const faults = active([{ kind: "forge-consent" }]);
    const forged = await withStoreFaults(async () => encodeStoreResponse(given), faults)(consent, "peer");
    const { value } = decodeStoreResponse(forged, "consent") as { value: typeof given };
    expect(value.signature.filter((byte, i) => byte !== given.signature[i])).toHaveLength(1);
    expect({ ...value, signature: given.signature }).toEqual(given);
    const refused = encodeStoreResponse(refusal("damaged", "missing"));
    expect(await withStoreFaults(async () => refused, faults)(consent, "peer")).toEqual(refused);
  });
});
