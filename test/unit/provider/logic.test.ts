/** R12: in which order a provider checks, and that what it refuses costs it nothing. */
import { describe, expect, it } from "vitest";
import { verifyAnswer } from "../../../protocol/codec/answer.ts";
import { decodeChallengeResponse, decodePiecesResponse } from "../../../protocol/codec/challenge.ts";
import type { ChallengeRequest } from "../../../protocol/codec/challenge.ts";
import { secretKeyAddress, signReceipt } from "../../../protocol/codec/receipt.ts";
import { toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { Gate } from "../../../provider/gate.ts";
import { challengeResponder, piecesResponder } from "../../../provider/logic.ts";
import type { ProviderDependencies } from "../../../provider/logic.ts";
import type { AnswerStore, CommittedData, StoredAnswer } from "../../../provider/ports.ts";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import { seededBytes } from "../../support/files.ts";
import { secretOf } from "../../support/provider-scene.ts";

const group: Hex = `0x${"a1".repeat(20)}`;
const keeper: Hex = `0x${"b2".repeat(20)}`;
const receiptKey = secretKeyAddress(secretOf(1));
const list = makePieceList([{ root: seededBytes(32, 1), size: 5_000 }]);
const committed: CommittedData = { listRoot: toHex(list.root), bytes: list.totalBytes, receiptKey };
const blockHashAt = (block: number): Hex => toHex(seededBytes(32, block));
const seedOf = (slot: number): Uint8Array => seededBytes(48, slot);

/** A small world behind the provider's ports; `used` lists, in order, what a request made it use. */
class World {
  head = 60;
  data: CommittedData | "foreign" | "none" = committed;
  blsKeys: Hex[] = ["0x02"];
  broken = false;
  /** Another number, another history of blocks. */
  branch = 0;
  readonly used: string[] = [];
  readonly stored = new Map<string, StoredAnswer>();
  readonly refused: string[] = [];
  readonly pruned: number[] = [];

  dependencies(): ProviderDependencies {
    const use = <T>(what: string, value: T): Promise<T> => {
      this.used.push(what);
      return this.broken ? Promise.reject(new Error("disk or chain is gone")) : Promise.resolve(value);
    };
    const answers: AnswerStore = {
      get: (key) => use("answers.get", this.stored.get(JSON.stringify(key))),
      put: async (key, answer) => {
        await use("answers.put", undefined);
        this.stored.set(JSON.stringify(key), answer);
      },
      prune: async (_group, slot) => void this.pruned.push(slot),
    };
    return {
      chain: {
        chainId: 5,
        head: () => use("head", this.head),
        group: (g) =>
          use(
            "group",
            g === group ? { originBlock: 10, slot: 5, confirmations: 1, payer: keeper } : undefined,
          ),
        keeper: (_g, k) =>
          use("keeper", k === keeper ? { blsKeys: this.blsKeys, peerId: "peer" } : undefined),
        blockHash: (block) => use("blockHash", blockHashAt(block + this.branch)),
        data: () => use("data", this.data),
      },
      answers,
      store: {
        list: (root) => use("list", toHex(root) === toHex(list.root) ? list : undefined),
        prove: () => use("prove", { proof: { pieces: [] }, lost: [], warnings: [] }),
      },
      crypto: {
        verifySeed: (scope, seed, key) =>
          use("seed", key === "0x02" && toHex(seed) === toHex(seedOf(scope.slot + this.branch))),
        signReceipt: (domain, receipt, key) =>
          key === receiptKey ? signReceipt(domain, receipt, secretOf(1)) : undefined,
      },
      events: {
        answered: () => undefined,
        repeated: () => undefined,
        refused: ({ code }) => void this.refused.push(code),
        damaged: () => undefined,
        served: () => undefined,
      },
    };
  }

  /** A request that is right in every field, but for the changes. */
  request(changes: Partial<ChallengeRequest> = {}): ChallengeRequest {
    const slot = changes.slot ?? 9;
    const blockHash = blockHashAt(10 + slot * 5 + this.branch);
    return {
      chainId: 5,
      group,
      keeper,
      provider: 0,
      slot,
      blockHash,
      seed: seedOf(slot + this.branch),
      ...changes,
    };
  }
}

/** "answer", or the code of the refusal. */
async function outcome(world: World, request = world.request(), peer = "peer"): Promise<string> {
  const decoded = decodeChallengeResponse(await challengeResponder(world.dependencies())(request, peer));
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.value.kind === "answer" ? "answer" : decoded.value.code;
}

describe("a challenge", () => {
  it("is answered with a receipt that holds, noted, and old answers are forgotten", async () => {
    const world = new World();
    world.head = 10 + 100 * 5;
    const request = world.request({ slot: 100 });
    const decoded = decodeChallengeResponse(await challengeResponder(world.dependencies())(request, "peer"));
    if (!decoded.ok || decoded.value.kind !== "answer") throw new Error("refused");
    const verified = verifyAnswer({ request, answer: decoded.value, list, receiptKey });
    expect(verified).toMatchObject({ ok: true, value: { bytesProven: 0n } });
    expect(world.stored.size).toBe(1);
    expect(world.pruned).toEqual([68]);
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
  ])("is refused as %s, and no dearer step was taken (%#)", async (code, changes, peer, used) => {
    const world = new World();
    expect(await outcome(world, world.request(changes), peer)).toBe(code);
    expect(world.used).toEqual(used);
    expect(world.refused).toEqual([code]);
    expect(world.stored.size).toBe(0);
  });

  it("is refused when its data is somebody else's, none, not stored, or signed for with a lost key", async () => {
    const world = new World();
    const cases: [World["data"], string][] = [
      ["foreign", "unknown-provider"],
      ["none", "no-data"],
      [{ ...committed, listRoot: blockHashAt(3) }, "no-data"],
      [{ ...committed, bytes: 4_999n }, "no-data"],
      [{ ...committed, receiptKey: keeper }, "internal"],
    ];
    for (const [data, code] of cases) {
      world.data = data;
      expect(await outcome(world)).toBe(code);
    }
    expect(world.stored.size).toBe(0);
    world.data = committed;
    expect(await outcome(world)).toBe("answer");
  });

  it("is refused as internal while chain or disk is gone, without their words, and answered afterwards", async () => {
    const world = new World();
    world.broken = true;
    const response = await challengeResponder(world.dependencies())(world.request(), "peer");
    expect(decodeChallengeResponse(response)).toMatchObject({ value: { kind: "refusal", code: "internal" } });
    expect(Buffer.from(response).toString()).not.toContain("gone");
    world.broken = false;
    expect(await outcome(world)).toBe("answer");
  });

  it("is accepted under any of a keeper's keys: a member of a pending committee asks once (R12, R33)", async () => {
    const world = new World();
    world.blsKeys = ["0x01", "0x02"];
    expect(await outcome(world)).toBe("answer");
    expect(world.used.filter((what) => what === "seed")).toHaveLength(2);
  });
});

describe("one answer a keeper and slot (R12)", () => {
  it("is repeated without proving again, even after its slot is over", async () => {
    const world = new World();
    const respond = challengeResponder(world.dependencies());
    const first = await respond(world.request(), "peer");
    world.head += 40;
    world.used.length = 0;
    expect(toHex(await respond(world.request(), "peer"))).toBe(toHex(first));
    expect(world.used).toEqual(["group", "keeper", "head", "answers.get"]);
  });

  it("stands against another seed for the same block, and gives way when the chain took another branch", async () => {
    const world = new World();
    expect(await outcome(world)).toBe("answer");
    expect(await outcome(world, world.request({ seed: seedOf(1) }))).toBe("already-answered");
    world.branch = 1_000;
    expect(await outcome(world)).toBe("answer");
    expect(world.stored.size).toBe(1);
  });

  it("is made once when the same question comes many times at once", async () => {
    const world = new World();
    const respond = challengeResponder(world.dependencies());
    const answers = await Promise.all([1, 2, 3, 4].map(() => respond(world.request(), "peer")));
    expect(new Set(answers.map((each) => toHex(each))).size).toBe(1);
    expect(world.used.filter((what) => what === "prove")).toHaveLength(1);
  });

  it("leaves room for others: of one peer's flood eight wait and the rest is refused as busy (D6)", async () => {
    const world = new World();
    const respond = challengeResponder(world.dependencies());
    await Promise.all(Array.from({ length: 20 }, () => respond(world.request(), "peer")));
    expect(world.refused).toEqual(Array.from({ length: 12 }, () => "busy"));
  });
});

describe("a piece list", () => {
  it("is served to anyone by its root, page by page, and nothing else is", async () => {
    const world = new World();
    const respond = piecesResponder(world.dependencies());
    const ask = async (changes: object): Promise<number | string> => {
      const query = { chainId: 5, group, provider: 0, listRoot: toHex(list.root), first: 0, ...changes };
      const decoded = decodePiecesResponse(await respond(query, "anyone"));
      if (!decoded.ok) throw new Error(decoded.detail);
      return decoded.value.kind === "pieces" ? decoded.value.pieces.length : decoded.value.code;
    };
    expect(await ask({})).toBe(1);
    expect(await ask({ first: 1 })).toBe("unknown-list");
    expect(await ask({ listRoot: blockHashAt(1) })).toBe("unknown-list");
    expect(await ask({ chainId: 6 })).toBe("unknown-group");
    expect(await ask({ group: keeper })).toBe("unknown-group");
    world.broken = true;
    expect(await ask({})).toBe("internal");
  });
});

describe("the gate", () => {
  it("runs one job at a time, in order, goes on after a failure, and bounds all peers together", async () => {
    const gate = new Gate({ total: 3, perPeer: 2 });
    const log: string[] = [];
    const job =
      (name: string, fails = false) =>
      async (): Promise<void> => {
        log.push(`${name} starts`);
        await Promise.resolve();
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
      };
    const a = gate.run("p", job("a", true));
    const b = gate.run("p", job("b"));
    expect(gate.run("p", job("c"))).toBeUndefined();
    const d = gate.run("q", job("d"));
    expect(gate.run("r", job("e"))).toBeUndefined();
    await expect(a).rejects.toThrow("a");
    await Promise.all([b, d]);
    expect(log).toEqual(["a starts", "a ends", "b starts", "b ends", "d starts", "d ends"]);
    await gate.run("p", job("f"));
    expect(log.at(-1)).toBe("f ends");
  });
});
