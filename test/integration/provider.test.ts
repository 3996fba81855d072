/** Keepers and a provider's daemon in two groups of one committee, with real nodes, streams, files and contracts (R9-R13). */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { multiaddr } from "@multiformats/multiaddr";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import { challengeProtocol, encodeChallengeRequest } from "../../protocol/codec/challenge.ts";
import type { ChallengeRequest } from "../../protocol/codec/challenge.ts";
import { toHex } from "../../protocol/hash.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { cliScript } from "../../scripts/paths.ts";
import { seededBytes, sharedFolder } from "../support/files.ts";
import { lower } from "../support/provider-chain.ts";
import { ask, bytesOf, provenBy, providerScene } from "../support/provider-scene.ts";
import type { Keeper, Scene } from "../support/provider-scene.ts";

const sizes = [[300_000, 1_000_000, 700], [40_000]];

let scene: Scene;
let running: RunningProvider;
let removeFolder: () => Promise<void>;
/** Each test has a slot of its own, since a slot is answered once. */
let slot: number;

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  scene = await providerScene(shared.folder, sizes);
  running = await scene.start();
  await scene.nextSlot();
  await scene.nextSlot();
});

afterAll(async () => {
  await running.stop();
  await scene.close();
  await removeFolder();
});

beforeEach(async () => {
  slot = await scene.nextSlot();
});

const keeper = (index = 0): Keeper => scene.keepers[index] as Keeper;
const request = (changes?: Partial<ChallengeRequest>, from = keeper()): Promise<ChallengeRequest> =>
  scene.request(from, slot, changes);
const proven = (asked: ChallengeRequest, from = keeper()): Promise<string> =>
  provenBy(scene, running, from, asked);

describe("an honest provider", () => {
  it("proves all leaves of every group with one seed, and the groups' leaves differ", async () => {
    const asked = await request();
    expect(await proven(asked)).toBe("16 16");
    const told = await ask(running, keeper(), asked);
    if (typeof told === "string") throw new Error(told);
    expect(new Set(told.map((one) => (one.kind === "answer" ? toHex(one.receipt) : ""))).size).toBe(2);
  });

  it("is called with the keeper's client: an answer or refusal for each group, or a refusal of all", async () => {
    const client = providerClient(keeper().calling);
    const [first, second] = scene.targets;
    const targets = [{ ...first!, provider: 1 }, second!];
    const called = await client.challenge(running, await request({ targets }), { timeout_ms: 10_000 });
    expect(called.ok && called.answers.map((one) => (one.kind === "answer" ? "answer" : one.code))).toEqual([
      "unknown-provider",
      "answer",
    ]);
    const refused = await client.challenge(running, await request({ chainId: 1 }), { timeout_ms: 10_000 });
    expect(refused).toMatchObject({ ok: false, reason: "refused", refusal: "unknown-committee" });
  });

  it("serves the piece list of each group, which the keeper checks against root and bytes", async () => {
    const client = providerClient(keeper().calling);
    for (const { group, list } of scene.stored) {
      const query = {
        chainId: scene.chain.chainId,
        committee: lower(scene.committee.address),
        group: group.address,
        provider: 0,
        listRoot: toHex(list.root),
        bytes: list.totalBytes,
      };
      const limits = { timeout_ms: 10_000 };
      const got = await client.pieceList(running, query, limits);
      expect(got.ok && toHex(got.list.root)).toBe(query.listRoot);
      const wrongBytes = await client.pieceList(running, { ...query, bytes: query.bytes + 1n }, limits);
      expect(wrongBytes).toMatchObject({ ok: false, reason: "malformed" });
      const unknown = { ...query, listRoot: toHex(seededBytes(32, 9)) };
      expect(await client.pieceList(running, unknown, limits)).toMatchObject({ reason: "refused" });
    }
  });

  it("answers all keepers at once, each with a sample of its own", async () => {
    const asked = await Promise.all(scene.keepers.map((one) => request({}, one)));
    const told = await Promise.all(asked.map((one, i) => ask(running, keeper(i), one)));
    expect(new Set(told.map(bytesOf)).size).toBe(4);
    const found = await Promise.all(asked.map((one, i) => proven(one, keeper(i))));
    expect(found).toEqual(["16 16", "16 16", "16 16", "16 16"]);
  });

  it("repeats an answer byte for byte, to simultaneous requests and for some of the groups", async () => {
    const asked = await request();
    const answers = await Promise.all([1, 2, 3].map(() => ask(running, keeper(), asked)));
    expect(new Set(answers.map(bytesOf)).size).toBe(1);
    const [, second] = scene.targets;
    const one = await ask(running, keeper(), { ...asked, targets: [second!] });
    expect(one[0]).toEqual(answers[0]?.[1]);
    expect(await proven(asked)).toBe("16 16");
  });
});

describe("a provider refuses", () => {
  it("another keeper's seed and an invented seed, which do not use up the slot", async () => {
    const right = await request();
    const stolen = { ...right, seed: (await request({}, keeper(1))).seed };
    expect(await proven(stolen)).toBe("wrong-seed");
    expect(await proven({ ...stolen, seed: seededBytes(48, 3) })).toBe("wrong-seed");
    // The limit of wrong seeds holds this keeper up for a moment.
    await expect.poll(() => proven(right), { timeout: 5_000 }).toBe("16 16");
  });

  it("a seed for another committee, another provider, another slot or another block", async () => {
    const other = `0x${"77".repeat(20)}` as const;
    const right = await request();
    for (const changes of [{ committee: other }, { operator: other }, { slot: slot - 1 }]) {
      const { seed } = await request(changes);
      await expect.poll(() => proven({ ...right, seed }), { timeout: 5_000 }).toBe("wrong-seed");
    }
  });

  it("a keeper in no committee of the group, and a member's address from another peer", async () => {
    const [stranger] = (await scene.chain.keepers(4, 1)) as [Keeper];
    expect(await proven(await request({}, stranger), stranger)).toBe("not-a-member");
    expect(await proven(await request(), keeper(1))).toBe("wrong-peer");
  });

  it("another chain, committee, operator and group", async () => {
    const other = `0x${"77".repeat(20)}` as const;
    expect(await proven(await request({ chainId: 1 }))).toBe("unknown-committee");
    expect(await proven(await request({ committee: other }))).toBe("unknown-committee");
    expect(await proven(await request({ operator: other }))).toBe("unknown-provider");
    const [first] = scene.targets;
    const targets = [{ group: other, provider: 0 }, first!];
    expect(await proven(await request({ targets }))).toBe("unknown-group bad-proof");
    expect(await proven(await request({ targets: [first!, first!] }))).toBe("malformed");
  });

  it("a future slot, a slot that is too old, and a block hash of another chain", async () => {
    const blockHash = toHex(seededBytes(32, 1));
    expect(await proven(await request({ slot: slot + 1, blockHash }))).toBe("slot-in-future");
    expect(await proven(await scene.request(keeper(), slot - 2))).toBe("slot-too-old");
    expect(await proven(await request({ blockHash }))).toBe("wrong-block");
  });

  it("an index that is not its own", async () => {
    const targets = scene.targets.map((target) => ({ ...target, provider: 1 }));
    expect(await proven(await request({ targets }))).toBe("unknown-provider unknown-provider");
  });

  it("malformed requests, and stays up", async () => {
    const node = keeper(2).calling.libp2p;
    const addresses = running.addrs.map((address) => multiaddr(address));
    const asked = await request({}, keeper(2));
    const good = encodeChallengeRequest(asked);
    const manyTargets = good.slice();
    manyTargets.fill(0xff, good.length - 2 * 24 - 4, good.length - 2 * 24);
    for (const bytes of [
      seededBytes(good.length, 5),
      good.subarray(0, 10),
      manyTargets,
      seededBytes(100_000, 6),
    ]) {
      const stream = await node.dialProtocol(addresses, challengeProtocol);
      stream.addEventListener("message", () => undefined);
      stream.send(bytes);
      await stream.close().catch(() => undefined);
    }
    expect(await proven(asked, keeper(2))).toBe("16 16");
  });
});

describe("a provider that starts again", () => {
  it("gives the same bytes as before, at its new address", async () => {
    const asked = await request();
    const before = bytesOf(await ask(running, keeper(), asked));
    await running.stop();
    running = await scene.start();
    expect(bytesOf(await ask(running, keeper(), asked))).toBe(before);
  });

  it("cannot open its data folder while another provider uses it", async () => {
    await expect(scene.start()).rejects.toThrow(/in use/);
    expect(await proven(await request())).toBe("16 16");
  });

  it("repeats an answer that it sent before kill -9, and refuses a second seed of the slot", async () => {
    await running.stop();
    const first = await startProcess();
    running = first.provider;
    const asked = await request();
    const before = bytesOf(await ask(running, keeper(), asked));
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    running = await scene.start();
    expect(bytesOf(await ask(running, keeper(), asked))).toBe(before);
    expect(await proven({ ...asked, seed: seededBytes(48, 1) })).toBe("already-answered");
  });

  it("answers a slot again if a reorg replaced its first block", async () => {
    const { rpc } = scene.chain.world.chain;
    const snapshot = await rpc("evm_snapshot");
    const next = await scene.nextSlot();
    const before = await scene.request(keeper(), next);
    expect(await proven(before)).toBe("16 16");
    await rpc("evm_revert", [snapshot]);
    await rpc("evm_setNextBlockTimestamp", [Math.floor(Date.now() / 1000) + 1_000_000]);
    expect(await scene.nextSlot()).toBe(next);
    const after = await scene.request(keeper(), next);
    expect(after.blockHash).not.toBe(before.blockHash);
    expect(await proven(after)).toBe("16 16");
    expect(await proven(before)).toBe("wrong-block");
  });
});

/** Starts the daemon as a process, as an operator does. */
async function startProcess(): Promise<{ child: ChildProcess; provider: RunningProvider }> {
  const child = spawn(process.execPath, [cliScript, "provider", "run", "--config", scene.configPath], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, "line")) as [string];
  // The ready document is a single line.
  const ready = JSON.parse(line) as RunningProvider & { event: string };
  expect(ready.event).toBe("ready");
  return { child, provider: { ...ready, stop: async () => void child.kill() } };
}
