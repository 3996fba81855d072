/** A keeper whose chain endpoints fail, refuse, limit or lie (D7): a real node behind a proxy with faults. */
import type { Contract } from "ethers";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { HandingIn } from "../../keeper/ports/chain.ts";
import { connectRpc } from "../../client/connect.ts";
import { simulate } from "../../client/transactions.ts";
import { certifying, CommitteeScene, until } from "../support/committee-scene.ts";
import type { Following, SceneGroup } from "../support/committee-scene.ts";
import type { Keeper } from "../support/contracts/basics.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { RpcFront } from "../support/fleet/rpc-front.ts";
import type { RpcFault } from "../support/fleet/rpc-front.ts";

const internal: RpcFault = { code: -32_603, message: "internal error" };

let scene: CommitteeScene;
let front: RpcFront;
let sound: unknown;
let keepers: Keeper[];
let committee: Committee;
let group: SceneGroup;

const rpc = (method: string, ...params: unknown[]): Promise<unknown> => scene.world.chain.rpc(method, params);

beforeAll(async () => {
  scene = await CommitteeScene.open();
  front = await RpcFront.open(scene.url);
  keepers = await scene.world.keepers(4);
  committee = await scene.world.committee(keepers);
  group = await scene.group(committee);
  await group.add("provider");
  await rpc("evm_setAutomine", false);
  sound = await rpc("evm_snapshot");
});

afterAll(async () => {
  await front.close();
  await scene.close();
});

beforeEach(async () => {
  await rpc("evm_revert", sound);
  sound = await rpc("evm_snapshot");
});

const keeper = (index: number): Keeper => keepers[index] as Keeper;
const head = (): Promise<number> => scene.world.chain.block();

/** A client name of the front for one test, without faults when the test is over. */
function endpoint(name: string): string {
  onTestFinished(() => {
    front.recover(name);
    front.tellTruth(name);
  });
  return front.url(name);
}

async function follow(urls: readonly string[]): Promise<Following> {
  const f = await scene.follow(keeper(0), { urls });
  onTestFinished(() => f.stop());
  return f;
}

/** A certificate that the first block of its window may have; its leader is keeper 0. */
async function certified(): Promise<HandingIn> {
  const te = (await committee.certifiedThrough()) + committee.rhythm.interval;
  await scene.mineTo(te);
  const groups = [{ number: 1, group: group.address, items: [{ provider: 0, spaceTime: 0n }] }];
  const certificate = await committee.certificate(groups, { turn: 1 });
  return certifying(committee, certificate, groups, { first: 0, length: 1 });
}

type RawTransaction = { to: string; from: string; gas: string; maxFeePerGas: string };

async function pending(): Promise<RawTransaction[]> {
  const block = (await rpc("eth_getBlockByNumber", "pending", true)) as { transactions: RawTransaction[] };
  return block.transactions.filter(({ to }) => to === committee.address.toLowerCase());
}

const isPending = async (): Promise<boolean> => (await pending()).length > 0;

async function submitted(urls: readonly string[], submission: HandingIn): ReturnType<Submit> {
  return (await scene.chain(keeper(0), { urls })).submit(submission, new AbortController().signal);
}

type Submit = Awaited<ReturnType<CommitteeScene["chain"]>>["submit"];

async function certify(submission: HandingIn): Promise<void> {
  const result = submitted([scene.url], submission);
  await until(isPending, "a pending certificate");
  await scene.mine(1);
  expect((await result).kind).toBe("mined");
}

function told(f: Following): number[] {
  return f.updates.flatMap(({ committees }) => committees.map(({ ts }) => ts));
}

describe("a new certificate", () => {
  it("is seen after every eth_call failed at the only endpoint, which is told", async () => {
    const f = await follow([endpoint("only")]);
    const submission = await certified();
    await f.caughtUp();
    const { ts, te } = submission.certificate;
    front.fail("only", (method) => (method === "eth_call" ? internal : undefined));
    await certify(submission);
    await scene.mine(committee.rhythm.slot);
    await f.until(() => f.troubles.length > 0, "a word of the failure");
    front.recover("only");
    await f.caughtUp();
    expect([told(f)[0], told(f).at(-1)]).toEqual([ts, te]);
  });

  it("is read from the next endpoint if a call fails at the first", async () => {
    const f = await follow([endpoint("first"), endpoint("second")]);
    const submission = await certified();
    await f.caughtUp();
    await certify(submission);
    front.fail("first", (method) =>
      method === "eth_call" || method === "eth_getLogs" ? internal : undefined,
    );
    await scene.mine(committee.rhythm.slot);
    await f.caughtUp();
    expect(told(f).at(-1)).toBe(submission.certificate.te);
  });

  it("that an endpoint leaves out of its logs is missed for a slot at most, and told; then all is read again", async () => {
    const f = await follow([endpoint("forgetful")]);
    const submission = await certified();
    await f.caughtUp();
    front.lie("forgetful", (method, _params, result) => (method === "eth_getLogs" ? [] : result));
    await certify(submission);
    await scene.mine(committee.rhythm.slot);
    await f.until(() => f.troubles.join().includes("from its events"), "a word of it");
    expect(told(f).at(-1)).toBe(submission.certificate.ts);
    front.tellTruth("forgetful");
    await f.caughtUp();
    expect(told(f).at(-1)).toBe(submission.certificate.te);
  });
});

describe("endpoints with different logs", () => {
  const empty = (method: string, _params: readonly unknown[], result: unknown): unknown =>
    method === "eth_getLogs" ? [] : result;

  it("are named, and neither of two is believed", async () => {
    const f = await follow([endpoint("a"), endpoint("b")]);
    const submission = await certified();
    await f.caughtUp();
    const before = f.updates.length;
    front.lie("a", empty);
    await certify(submission);
    await f.until(() => f.troubles.join().includes("rpc-disagrees"), "a word of it");
    expect(f.updates).toHaveLength(before);
    front.tellTruth("a");
    await scene.mine(1);
    await f.caughtUp();
    expect(told(f).at(-1)).toBe(submission.certificate.te);
  });

  it("are outvoted by two others", async () => {
    front.lie("a", empty);
    const f = await follow([endpoint("a"), endpoint("b"), endpoint("c")]);
    await f.caughtUp();
    expect(f.shown(committee)?.groups.map(({ address }) => address)).toEqual([group.address]);
    expect(f.troubles.join()).toContain("rpc-disagrees");
  });
});

describe("an outage of many blocks", () => {
  it("is caught up in bounded steps, past an endpoint that limits ranges of logs", async () => {
    const limited = (method: string, [filter]: readonly unknown[]): RpcFault | undefined => {
      if (method !== "eth_getLogs") return undefined;
      const { fromBlock, toBlock } = filter as { fromBlock?: string; toBlock?: string };
      const tooWide = Number(toBlock) - Number(fromBlock) >= 10;
      return tooWide ? { code: -32_602, message: "block range too large" } : undefined;
    };
    front.fail("limited", limited);
    const f = await follow([endpoint("limited")]);
    await f.caughtUp();
    const before = await head();
    front.fail("limited", () => "cut");
    const blocks = 1_200;
    await scene.mine(blocks);
    const traffic = front.traffic("limited");
    const earlier = traffic.calls.length;
    traffic.most = 0;
    front.fail("limited", limited);
    await f.caughtUp();
    const { interval, slot, turn } = committee.rhythm;
    const calls = (name: string): number =>
      traffic.calls.slice(earlier).filter(({ method }) => method === name).length;
    expect(calls("eth_getBlockByNumber")).toBeLessThan((blocks + interval) / slot + 128 + turn + 50);
    // A refused range is asked for again in parts, so that no event in it is lost.
    expect(calls("eth_getLogs")).toBeGreaterThanOrEqual(blocks / 10);
    // Two filters, ranges of 5 to 10 blocks, and as many refused as halving needs.
    expect(calls("eth_getLogs")).toBeLessThan(2 * (2 * (blocks / 5) + 20));
    expect(traffic.most).toBeLessThanOrEqual(16);
    const target = await head();
    const { originBlock } = f.shown(committee)?.params ?? { originBlock: 0 };
    for (let n = originBlock; n <= target; n += slot) expect(f.hashes().get(n), `block ${n}`).toBeDefined();
    for (let n = Math.max(before, target - 100); n <= target; n++)
      expect(f.hashes().get(n)).toBe(await scene.hashOf(n));
  });

  it("reports a reorg during the outage from its first block on", async () => {
    const f = await follow([endpoint("away")]);
    await f.caughtUp();
    const fork = await rpc("evm_snapshot");
    const kept = await head();
    await scene.mine(3);
    await f.caughtUp();
    front.fail("away", () => "cut");
    await rpc("evm_revert", fork);
    await rpc("hardhat_setCoinbase", `0x${"c0".repeat(20)}`);
    await scene.mine(400);
    front.recover("away");
    await f.caughtUp();
    for (let n = kept + 1; n <= kept + 3; n++)
      expect([undefined, await scene.hashOf(n)]).toContain(f.hashes().get(n));
    expect(f.hashes().get(kept + 1)).toBe(await scene.hashOf(kept + 1));
  });
});

describe("a pending certificate", () => {
  /** No transaction is mined while the base fee is above every fee limit. */
  async function mineDear(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) {
      await rpc("hardhat_setNextBlockBaseFeePerGas", `0x${(10n ** 14n).toString(16)}`);
      await scene.mine(1);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  it("is not cancelled if eth_estimateGas or eth_call fails", async () => {
    const url = endpoint("flaky");
    const submission = await certified();
    const result = submitted([url], submission);
    await until(isPending, "a pending certificate");
    const unable: RpcFault = { code: -32_000, message: "execution aborted (timeout = 5s)" };
    front.fail("flaky", (method) => (["eth_estimateGas", "eth_call"].includes(method) ? unable : undefined));
    await mineDear(7);
    await rpc("hardhat_setNextBlockBaseFeePerGas", "0x1");
    await scene.mine(1);
    expect((await result).kind).toBe("mined");
  });

  it("reaches the chain although the first endpoint accepts and drops it", async () => {
    const urls = [endpoint("swallows"), endpoint("honest")];
    const submission = await certified();
    front.fail("swallows", (method) =>
      method === "eth_sendRawTransaction" ? { result: `0x${"ab".repeat(32)}` } : undefined,
    );
    const result = submitted(urls, submission);
    await until(isPending, "a pending certificate");
    await scene.mine(1);
    expect((await result).kind).toBe("mined");
  });

  it("is mined after an outage of the endpoint", async () => {
    const url = endpoint("flaky");
    const result = submitted([url], await certified());
    await until(isPending, "a pending certificate");
    front.fail("flaky", () => "cut");
    await new Promise((done) => setTimeout(done, 300));
    await scene.mine(1);
    front.recover("flaky");
    expect((await result).kind).toBe("mined");
  });

  it("never has a gas limit above the cap of a transaction, and reports if the cap is too low", async () => {
    const url = endpoint("dear");
    const submission = await certified();
    const estimate = (gas: number): void =>
      front.lie("dear", (method, _params, result) =>
        method === "eth_estimateGas" ? `0x${gas.toString(16)}` : result,
      );
    estimate(16_777_217);
    const refused = await submitted([url], submission);
    expect(refused).toMatchObject({ kind: "failed" });
    expect("detail" in refused ? refused.detail : "").toMatch(/at most 16777216.*actual 16777217/);
    estimate(14_000_000);
    const result = submitted([url], submission);
    await until(isPending, "a pending certificate");
    expect((await pending()).map(({ gas }) => Number(gas))).toEqual([16_777_216]);
    await scene.mine(1);
    expect((await result).kind).toBe("mined");
  });

  it("is cancelled if the contract reports that another one was first", async () => {
    const submission = await certified();
    await scene.mineTo(submission.certificate.te + Math.ceil((2 * committee.rhythm.turn) / 3));
    const result = submitted([endpoint("slow")], submission);
    await until(isPending, "a pending certificate");
    // Keeper 1's is mined while keeper 0's cannot be: its fee is below what a block asks for.
    const [waiting] = await pending();
    const price = `0x${(BigInt(waiting?.maxFeePerGas ?? 0n) + 1n).toString(16)}`;
    await rpc("hardhat_setNextBlockBaseFeePerGas", price);
    await scene.mine(1);
    await rpc("hardhat_setNextBlockBaseFeePerGas", price);
    const other = (await scene.chain(keeper(1))).submit(submission, new AbortController().signal);
    const ofOther = keeper(1).operator.address.toLowerCase();
    await until(async () => (await pending()).some(({ from }) => from === ofOther), "the other keeper's");
    await scene.mine(1);
    expect((await other).kind).toBe("mined");
    await until(async () => {
      await scene.mine(1);
      return Promise.race([result.then(() => true), new Promise<false>((no) => setTimeout(no, 100, false))]);
    }, "the end of the other one");
    expect(await result).toMatchObject({ kind: "superseded" });
  });
});

describe("a payer's transaction", () => {
  it("never has a gas limit above the cap, and is refused with an explanation if the cap is too low", async () => {
    const payer = await connectRpc(endpoint("payer"));
    onTestFinished(() => payer.destroy());
    const signer = scene.world.convener.connect(payer);
    const contract = group.contract.connect(signer) as Contract;
    const plan = { what: "terminating the group", contract, method: "terminate", args: [] };
    const estimate = (gas: number): void =>
      front.lie("payer", (method, _params, result) =>
        method === "eth_estimateGas" ? `0x${gas.toString(16)}` : result,
      );
    estimate(14_000_000);
    expect((await simulate(plan, signer)).gas).toBe(16_777_216n);
    estimate(16_777_217);
    await expect(simulate(plan, signer)).rejects.toMatchObject({
      code: "refused",
      expected: "at most 16777216",
      actual: "16777217",
    });
  });
});
