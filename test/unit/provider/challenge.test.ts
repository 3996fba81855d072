/** R12: the order of a provider's checks, and that a refused challenge costs it nothing. */
import { describe, expect, it } from "vitest";
import { verifyAnswer } from "../../../protocol/codec/answer.ts";
import { decodeChallengeResponse } from "../../../protocol/codec/challenge.ts";
import type { ChallengeAnswer, ChallengeRequest, Refusal } from "../../../protocol/codec/challenge.ts";
import { toHex } from "../../../protocol/hash.ts";
import { challengeQueue, wrongSeedRate } from "../../../protocol/limits/derived.ts";
import { challengeResponder } from "../../../provider/challenge.ts";
import {
  blockHashAt,
  bothGroups,
  committed,
  FixedPorts,
  group,
  keeper,
  list,
  receiptKey,
  secondGroup,
  seedOf,
} from "./fixed-ports.ts";

type Respond = ReturnType<typeof challengeResponder>;

/** The answers and refusals for each target; or the code of the refusal of all. */
async function told(
  respond: Respond,
  request: ChallengeRequest,
  peer = "peer",
): Promise<readonly (ChallengeAnswer | Refusal)[] | string> {
  const decoded = decodeChallengeResponse(await respond(request, peer), request.targets.length);
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.value.kind === "answers" ? decoded.value.answers : decoded.value.code;
}

/** For each target "answer" or the code of its refusal; or the code of the refusal of all. */
async function outcomes(respond: Respond, request: ChallengeRequest, peer?: string): Promise<string> {
  const answers = await told(respond, request, peer);
  if (typeof answers === "string") return `all ${answers}`;
  return answers.map((one) => (one.kind === "answer" ? "answer" : one.code)).join(", ");
}

const outcome = (ports: FixedPorts, request = ports.request(), peer?: string): Promise<string> =>
  outcomes(challengeResponder(ports.dependencies()), request, peer);

describe("a challenge", () => {
  it("is answered for every group with a valid receipt, is stored, and old answers are deleted", async () => {
    const ports = new FixedPorts();
    ports.head = 10 + 100 * 5;
    const request = ports.request({ slot: 100, targets: bothGroups });
    const answers = await told(challengeResponder(ports.dependencies()), request);
    if (typeof answers === "string") throw new Error(answers);
    for (const [i, target] of bothGroups.entries()) {
      const answer = answers[i] as ChallengeAnswer;
      const verified = verifyAnswer({ request, target, answer, list, receiptKey });
      expect(verified).toMatchObject({ ok: true, value: { bytesProven: 0n } });
    }
    expect(ports.stored.size).toBe(2);
    expect(ports.pruned).toEqual([68]);
    expect(ports.slots).toEqual([
      [510, 515],
      [510, 515],
    ]);
    // One seed, checked once, and one durable write for all groups.
    expect(ports.used.filter((what) => what === "seed" || what === "answers.put")).toHaveLength(2);
  });

  it.each<[string, Partial<ChallengeRequest>, string, string[]]>([
    ["unknown-committee", { chainId: 6 }, "peer", []],
    ["unknown-provider", { operator: keeper }, "peer", []],
    ["malformed", { targets: [bothGroups[0]!, bothGroups[0]!] }, "peer", []],
    ["unknown-committee", { committee: keeper }, "peer", ["committee"]],
    ["not-a-member", { keeper: group }, "peer", ["committee", "keeper"]],
    ["wrong-peer", {}, "another", ["committee", "keeper"]],
    ["slot-in-future", { slot: 11 }, "peer", ["committee", "keeper", "head"]],
  ])("is turned away as %s before any later check (%#)", async (code, changes, peer, used) => {
    const ports = new FixedPorts();
    expect(await outcome(ports, ports.request(changes), peer)).toBe(`all ${code}`);
    expect(ports.used).toEqual(used);
    expect(ports.turnedAway).toEqual([code]);
    expect(ports.refused).toEqual([]);
  });

  it.each<[string, Partial<ChallengeRequest>, string[]]>([
    ["slot-too-old", { slot: 7 }, []],
    ["wrong-block", { blockHash: blockHashAt(1) }, ["blockHash"]],
    ["wrong-seed", { seed: seedOf(1) }, ["blockHash", "seed"]],
  ])("of a keeper is refused as %s before any later check", async (code, changes, used) => {
    const ports = new FixedPorts();
    expect(await outcome(ports, ports.request({ targets: bothGroups, ...changes }))).toBe(`all ${code}`);
    expect(ports.used).toEqual(["committee", "keeper", "head", "answers.get", ...used]);
    expect(ports.refused).toEqual([code, code]);
    expect(ports.stored.size).toBe(0);
  });

  it("is answered in a slot that ended one slot before the head, and in no older one", async () => {
    const ports = new FixedPorts();
    ports.head = 10 + 9 * 5 + 9;
    expect(await outcome(ports)).toBe("answer");
    ports.head++;
    ports.stored.clear();
    expect(await outcome(ports)).toBe("all slot-too-old");
  });

  it("is refused for one group alone if its data are another operator's, are empty, or are not stored, and for a missing receipt key", async () => {
    const ports = new FixedPorts();
    const cases: [FixedPorts["data"], string][] = [
      ["unserved", "unknown-group"],
      ["foreign", "unknown-provider"],
      ["none", "no-data"],
      [{ ...committed, listRoot: blockHashAt(3) }, "no-data"],
      [{ ...committed, bytes: 4_999n }, "no-data"],
      [{ ...committed, receiptKey: keeper }, "internal"],
    ];
    for (const [data, code] of cases) {
      ports.data = data;
      expect(await outcome(ports, ports.request({ targets: bothGroups }))).toBe(`${code}, answer`);
    }
    expect(ports.stored.size).toBe(1);
    ports.data = committed;
    expect(await outcome(ports)).toBe("answer");
  });

  it("is refused for a group that this provider did not agree to serve, without a line in its journal", async () => {
    const ports = new FixedPorts();
    const targets = [{ group: keeper, provider: 0 }, bothGroups[0]!];
    expect(await outcome(ports, ports.request({ targets }))).toBe("unknown-group, answer");
    expect(ports.refused).toEqual([]);
    expect(ports.slots).toHaveLength(1);
  });

  it("is refused as internal while chain or disk fails, without the text of their error, and answered afterwards", async () => {
    const ports = new FixedPorts();
    ports.broken = true;
    const response = await challengeResponder(ports.dependencies())(ports.request(), "peer");
    expect(decodeChallengeResponse(response, 1)).toMatchObject({
      value: { kind: "refusal", code: "internal" },
    });
    expect(Buffer.from(response).toString()).not.toContain("gone");
    ports.broken = false;
    expect(await outcome(ports)).toBe("answer");
  });

  it("is accepted under each of a keeper's BLS keys, since a member of two versions asks once (R12, R37)", async () => {
    const ports = new FixedPorts();
    ports.blsKeys = ["0x01", "0x02"];
    expect(await outcome(ports)).toBe("answer");
    expect(ports.used.filter((what) => what === "seed")).toHaveLength(2);
  });
});

describe("one answer for each keeper, group and slot (R12)", () => {
  it("is repeated from the store without a new proof, also after its slot is over", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    const first = await respond(ports.request({ targets: bothGroups }), "peer");
    ports.head += 40;
    ports.used.length = 0;
    expect(toHex(await respond(ports.request({ targets: bothGroups }), "peer"))).toBe(toHex(first));
    expect(ports.used).toEqual(["committee", "keeper", "head", "answers.get"]);
  });

  it("has the same bytes whatever other groups the retry names, and a group asked later is answered without another seed check", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    const first = await told(respond, ports.request());
    const both = await told(respond, ports.request({ targets: bothGroups }));
    expect(both[0]).toEqual(first[0]);
    expect(ports.used.filter((what) => what === "prove")).toHaveLength(2);
    expect(ports.used.filter((what) => what === "seed")).toHaveLength(1);
    // When the slot is over, what was answered is repeated and nothing else is.
    ports.stored.delete([...ports.stored.keys()].find((key) => key.includes(secondGroup))!);
    ports.head += 40;
    expect(await outcomes(respond, ports.request({ targets: bothGroups }))).toBe("answer, slot-too-old");
  });

  it("is not given for a second seed of the slot, also in a group that was not asked about before", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    expect(await outcomes(respond, ports.request())).toBe("answer");
    const targets = bothGroups.slice(1);
    expect(await outcomes(respond, ports.request({ targets, seed: seedOf(1) }))).toBe("all wrong-seed");
    expect(await outcomes(respond, ports.request({ targets }))).toBe("answer");
  });

  it("is not given again for the seed of the keeper's other BLS key, while a group not yet asked about is answered (R37)", async () => {
    const ports = new FixedPorts();
    ports.blsKeys = ["0x02", "0x03"];
    const respond = challengeResponder(ports.dependencies());
    expect(await outcomes(respond, ports.request())).toBe("answer");
    const request = ports.request({ targets: bothGroups });
    const second = { ...request, seed: seedOf(request.slot, "0x03") };
    expect(await outcomes(respond, second)).toBe("already-answered, answer");
  });

  it("is not replaced for another seed of the same block, but for another block after a reorg", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    expect(await outcomes(respond, ports.request())).toBe("answer");
    expect(await outcomes(respond, ports.request({ seed: seedOf(1) }))).toBe("all already-answered");
    ports.branch = 1_000;
    expect(await outcomes(respond, ports.request())).toBe("answer");
    expect(ports.stored.size).toBe(1);
  });

  it("is made once if the same challenge arrives many times at once", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    const answers = await Promise.all([1, 2, 3, 4].map(() => respond(ports.request(), "peer")));
    expect(new Set(answers.map((each) => toHex(each))).size).toBe(1);
    expect(ports.used.filter((what) => what === "prove")).toHaveLength(1);
  });
});

describe("the work that a keeper can cause (L4)", () => {
  it("is its share of the queue, which grows with committees and groups; the rest is refused as busy", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    const flood = async (): Promise<number> => {
      ports.refused.length = 0;
      await Promise.all(Array.from({ length: 100 }, () => respond(ports.request(), "peer")));
      return 100 - ports.refused.filter((code) => code === "busy").length;
    };
    expect(await flood()).toBe(challengeQueue(ports.scale).perPeer);
    ports.scale = { committees: 10, groups: 640, keepers: 40 };
    expect(challengeQueue(ports.scale).perPeer).toBe(40);
    expect(await flood()).toBe(40);
  });

  it("is a limited number of wrong seeds; its right ones are answered again soon, those of others at once", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    const { burst, perSecond } = wrongSeedRate(ports.scale);
    const wrong = { seed: seedOf(1) };
    for (let i = 0; i < 20; i++) {
      const code = i < burst ? "wrong-seed" : "busy";
      expect(await outcomes(respond, ports.request(wrong))).toBe(`all ${code}`);
    }
    expect(ports.used.filter((what) => what === "seed")).toHaveLength(burst);
    expect(await outcomes(respond, ports.request())).toBe("all busy");
    ports.now_ms += 1_000 / perSecond;
    expect(await outcomes(respond, ports.request())).toBe("answer");
  });

  it("is no limit for right seeds: many slots at once are answered", async () => {
    const ports = new FixedPorts();
    const respond = challengeResponder(ports.dependencies());
    for (let slot = 20; slot < 60; slot++) {
      ports.head = 10 + slot * 5;
      expect(await outcomes(respond, ports.request({ slot }))).toBe("answer");
    }
  });
});
