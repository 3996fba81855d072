/** R12: the order of a provider's checks, and that a refused challenge costs it nothing. */
import { describe, expect, it } from "vitest";
import { verifyAnswer } from "../../../protocol/codec/answer.ts";
import { decodeChallengeResponse } from "../../../protocol/codec/challenge.ts";
import type { ChallengeRequest } from "../../../protocol/codec/challenge.ts";
import { toHex } from "../../../protocol/hash.ts";
import { challengeResponder } from "../../../provider/challenge.ts";
import {
  blockHashAt,
  committed,
  FixedPorts,
  group,
  keeper,
  list,
  receiptKey,
  seedOf,
} from "./fixed-ports.ts";

/** "answer", or the code of the refusal. */
async function outcome(ports: FixedPorts, request = ports.request(), peer = "peer"): Promise<string> {
  const decoded = decodeChallengeResponse(await challengeResponder(ports.dependencies())(request, peer));
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.value.kind === "answer" ? "answer" : decoded.value.code;
}

describe("a challenge", () => {
  it("is answered with a valid receipt, is stored, and old answers are deleted", async () => {
    const ports = new FixedPorts();
    ports.head = 10 + 100 * 5;
    const request = ports.request({ slot: 100 });
    const decoded = decodeChallengeResponse(await challengeResponder(ports.dependencies())(request, "peer"));
    if (!decoded.ok || decoded.value.kind !== "answer") throw new Error("refused");
    const verified = verifyAnswer({ request, answer: decoded.value, list, receiptKey });
    expect(verified).toMatchObject({ ok: true, value: { bytesProven: 0n } });
    expect(ports.stored.size).toBe(1);
    expect(ports.pruned).toEqual([68]);
  });

  it.each<[string, Partial<ChallengeRequest>, string, string[]]>([
    ["unknown-group", { chainId: 6 }, "peer", []],
    ["unknown-group", { group: keeper }, "peer", ["group"]],
    ["not-a-member", { keeper: group }, "peer", ["group", "keeper"]],
    ["wrong-peer", {}, "another", ["group", "keeper"]],
    ["slot-in-future", { slot: 11 }, "peer", ["group", "keeper", "head"]],
    ["slot-too-old", { slot: 7 }, "peer", ["group", "keeper", "head", "answers.get"]],
    [
      "wrong-block",
      { blockHash: blockHashAt(1) },
      "peer",
      ["group", "keeper", "head", "answers.get", "blockHash"],
    ],
    [
      "wrong-seed",
      { seed: seedOf(1) },
      "peer",
      ["group", "keeper", "head", "answers.get", "blockHash", "seed"],
    ],
  ])("is refused as %s before any later check (%#)", async (code, changes, peer, used) => {
    const ports = new FixedPorts();
    expect(await outcome(ports, ports.request(changes), peer)).toBe(code);
    expect(ports.used).toEqual(used);
    expect(ports.refused).toEqual([code]);
    expect(ports.stored.size).toBe(0);
  });

  it("is refused if its data is another operator's, is empty, is not stored, or needs a receipt key that is not here", async () => {
    const ports = new FixedPorts();
    const cases: [FixedPorts["data"], string][] = [
      ["foreign", "unknown-provider"],
      ["none", "no-data"],
      [{ ...committed, listRoot: blockHashAt(3) }, "no-data"],
      [{ ...committed, bytes: 4_999n }, "no-data"],
      [{ ...committed, receiptKey: keeper }, "internal"],
    ];
    for (const [data, code] of cases) {
      ports.data = data;
      expect(await outcome(ports)).toBe(code);
    }
    expect(ports.stored.size).toBe(0);
    ports.data = committed;
    expect(await outcome(ports)).toBe("answer");
  });

  it("is refused as internal while chain or disk fails, without the text of their error, and answered afterwards", async () => {
    const ports = new FixedPorts();
    ports.broken = true;
    const response = await challengeResponder(ports.dependencies())(ports.request(), "peer");
    expect(decodeChallengeResponse(response)).toMatchObject({ value: { kind: "refusal", code: "internal" } });
    expect(Buffer.from(response).toString()).not.toContain("gone");
    ports.broken = false;
    expect(await outcome(ports)).toBe("answer");
  });

  it("is accepted under each of a keeper's BLS keys, since a member of two committees asks once (R12, R33)", async () => {
    const ports = new FixedPorts();
    ports.blsKeys = ["0x01", "0x02"];
    expect(await outcome(ports)).toBe("answer");
    expect(ports.used.filter((what) => what === "seed")).toHaveLength(2);
  });
});

describe("one answer for each keeper and slot (R12)", () => {
  it("is repeated from the store without a new proof, also after its slot is over", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    const first = await respond(ports.request(), "peer");
    ports.head += 40;
    ports.used.length = 0;
    expect(toHex(await respond(ports.request(), "peer"))).toBe(toHex(first));
    expect(ports.used).toEqual(["group", "keeper", "head", "answers.get"]);
  });

  it("is not replaced for another seed of the same block, but for another block after a reorg", async () => {
    const ports = new FixedPorts();
    expect(await outcome(ports)).toBe("answer");
    expect(await outcome(ports, ports.request({ seed: seedOf(1) }))).toBe("already-answered");
    ports.branch = 1_000;
    expect(await outcome(ports)).toBe("answer");
    expect(ports.stored.size).toBe(1);
  });

  it("is made once if the same challenge arrives many times at once", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    const answers = await Promise.all([1, 2, 3, 4].map(() => respond(ports.request(), "peer")));
    expect(new Set(answers.map((each) => toHex(each))).size).toBe(1);
    expect(ports.used.filter((what) => what === "prove")).toHaveLength(1);
  });

  it("queues at most eight challenges of one peer and refuses the others as busy (D6)", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    await Promise.all(Array.from({ length: 20 }, () => respond(ports.request(), "peer")));
    expect(ports.refused).toEqual(Array.from({ length: 12 }, () => "busy"));
  });
});
