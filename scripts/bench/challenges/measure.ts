/**
 * What the challenges of one slot cost a keeper and a provider, by the groups that the provider serves: a real keeper with its store on disk
 * in this process, the provider's daemon in another one, real libp2p between them. The slot before is not measured: in it they connect, and
 * the keeper fetches the piece list.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { installFastHashes } from "../../../daemon/hashing/install.ts";
import { systemClock } from "../../../keeper/adapters/clock-system.ts";
import { NobleCrypto } from "../../../keeper/adapters/crypto-noble.ts";
import { startCallingNode } from "../../../keeper/adapters/libp2p/node.ts";
import type { CallingNode } from "../../../keeper/adapters/libp2p/node.ts";
import { providerClient } from "../../../keeper/adapters/libp2p/provider.ts";
import { LevelStore } from "../../../keeper/adapters/store-level.ts";
import type { ChainPort, ChainUpdate, Endpoint } from "../../../keeper/ports/chain.ts";
import type { TransportPort } from "../../../keeper/ports/transport.ts";
import { Keeper } from "../../../keeper/runtime/keeper.ts";
import { encodeChallengeRequest } from "../../../protocol/codec/challenge.ts";
import { keccakWords } from "../../../protocol/hash.ts";
import { override } from "../../../sim/byzantine/override.ts";
import { receiptKey, withPiece } from "../round/records.ts";
import { RoundScene } from "../round/scene.ts";
import type { ProviderNews, ProviderOrder, ProviderReport, ProviderTask } from "./provider-process.ts";

export type ChallengeFigures = {
  /** That the provider serves; it has one index in each. */
  readonly groups: number;
  /** Of one keeper in one slot: questions, and their bytes and those of the answers. */
  readonly messages: number;
  readonly bytes: number;
  readonly keeper_ms: number;
  readonly provider_ms: number;
};

const program = fileURLToPath(new URL("provider-process.ts", import.meta.url));

const idle_ms = 20;

/** Asks the child and waits for its next news. */
function heard(child: ChildProcess, order?: ProviderOrder): Promise<ProviderNews> {
  return new Promise((resolve, reject) => {
    child.once("message", (news: ProviderNews) => resolve(news));
    child.once("exit", (code) => reject(new Error(`the provider ended with code ${code}`)));
    if (order !== undefined) child.send(order);
  });
}

async function reportOf(child: ChildProcess): Promise<ProviderReport> {
  const news = await heard(child, { kind: "report" });
  if (news.kind !== "report") throw new Error(`expected a report, actual ${news.kind}`);
  return news.report;
}

/** A keeper alone on its network: it challenges, and no round is due. */
const alone: TransportPort = {
  join: () => undefined,
  publish: async () => undefined,
  serve: () => undefined,
  ask: async () => undefined,
  setMembers: () => undefined,
  onConnected: () => undefined,
};

class Slots {
  readonly #scene: RoundScene;
  readonly #keeper: Keeper;
  /** Of challenges. */
  askedBytes = 0;
  #update: (update: ChainUpdate) => Promise<void> = async () => undefined;

  constructor(scene: RoundScene, store: LevelStore, calling: CallingNode, provider: Endpoint) {
    this.#scene = scene;
    const client = providerClient(calling);
    const chain: ChainPort = {
      follow: async (_operator, onUpdate, _onTrouble, signal) => {
        this.#update = onUpdate;
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
      keeperEndpoint: async () => undefined,
      providerEndpoint: async () => provider,
      fee: async () => undefined,
      submit: async () => ({ kind: "failed", detail: "no certificate in this bench" }),
    };
    this.#keeper = new Keeper(
      { timeout_ms: 30_000, replacesResigned: false },
      {
        keyring: scene.keyrings[0] as RoundScene["keyrings"][number],
        crypto: new NobleCrypto(),
        store,
        chain,
        transport: alone,
        ledger: { addChallenge: () => undefined },
        telemetry: { reason: () => undefined, info: () => undefined, warn: () => undefined, error: fail },
        clock: systemClock,
        provider: override(client, {
          challenge: (target, request, limits) => {
            this.askedBytes += encodeChallengeRequest(request).length;
            return client.challenge(target, request, limits);
          },
        }),
      },
    );
    void this.#keeper.run(new AbortController().signal);
  }

  async begin(): Promise<void> {
    await sleep(10);
    const { firstHead, snapshot } = this.#scene;
    const blocks = Array.from({ length: firstHead + 1 }, (_, number) => this.#scene.block(number));
    await this.#update({ blocks, committees: [snapshot] });
  }

  /** All blocks from `from` to before `to`, each after the work of the one before. */
  async play(child: ChildProcess, from: number, to: number): Promise<void> {
    for (let head = from; head < to; head++) {
      child.send({ kind: "head", head } satisfies ProviderOrder);
      await this.#update({ blocks: [this.#scene.block(head)], committees: [] });
      await this.#idle();
    }
  }

  /** Two equal answers with nothing under way: the keeper waits for the next block. */
  async #idle(): Promise<void> {
    for (let before = -1; ;) {
      await sleep(idle_ms);
      const { underWay, handled } = this.#keeper.work();
      if (underWay === 0 && handled === before) return;
      before = handled;
    }
  }
}

function fail(text: string, fields?: object): never {
  throw new Error(`${text} ${JSON.stringify(fields)}`);
}

/** @throws Error unless the provider answered every group once */
function checkAnswered({ answered, refused }: ProviderReport, groups: number): void {
  if (answered !== groups || refused.length > 0)
    throw new Error(`expected ${groups} answers, actual ${answered}; ${refused.slice(0, 3).join("; ")}`);
}

export async function measureChallenges(groups: number): Promise<ChallengeFigures> {
  installFastHashes();
  const folder = await mkdtemp(join(tmpdir(), "whitepay-challenges-"));
  const calling = await startCallingNode(keccakWords(40, 99));
  const size = { keepers: 4, groups, providers: 1, slots: 4 };
  const task: ProviderTask = { size, folder, keeperPeer: calling.libp2p.peerId.toString() };
  const child = fork(program, [JSON.stringify(task)], {
    serialization: "advanced",
    stdio: ["pipe", "ignore", "inherit", "ipc"],
  });
  const store = await LevelStore.open(join(folder, "store"));
  try {
    const ready = await heard(child);
    if (ready.kind !== "ready") throw new Error(`expected the provider's address, actual ${ready.kind}`);
    const provider = { operator: receiptKey, ...ready, sequence: 1 };
    return await withPiece(async ({ list }) => {
      const scene = new RoundScene(size, list);
      const slots = new Slots(scene, store, calling, provider);
      await slots.begin();
      const { slot } = scene.params;
      await slots.play(child, scene.firstHead + 1, 3 * slot);
      await reportOf(child);
      slots.askedBytes = 0;
      const before = process.cpuUsage();
      await slots.play(child, 3 * slot, 4 * slot - 1);
      const { user, system } = process.cpuUsage(before);
      const report = await reportOf(child);
      checkAnswered(report, groups);
      return {
        groups,
        messages: report.messages,
        bytes: report.bytes + slots.askedBytes,
        keeper_ms: (user + system) / 1000,
        provider_ms: report.cpu_ms,
      };
    });
  } finally {
    child.removeAllListeners("exit");
    child.kill("SIGKILL");
    await store.close();
    await calling.libp2p.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
