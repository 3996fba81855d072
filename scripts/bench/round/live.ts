/** Measures the duration and the traffic of a round: real daemons, real libp2p, and a Hardhat node with a steady clock, on loopback. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildFleet } from "../../fleet/build.ts";
import { Links } from "../../fleet/links.ts";
import { Processes } from "../../fleet/processes.ts";
import { fleetParams, multiaddr } from "../../fleet/setup.ts";
import type { Keeper } from "../../fleet/setup.ts";
import { committeeAbi } from "../../../client/abi.ts";
import { certifiedEvent } from "../../../client/settlements.ts";
import type { Stamp, TimedPlan } from "./timed-keeper.ts";

export type LiveFigures = {
  readonly keepers: number;
  readonly providers: number;
  readonly block_ms: number;
  readonly settlements: number;
  /** Medians over the settlements: the time from the leader's receipt of block te to its certificate. */
  readonly certificate_ms: number;
  /** Blocks in that time; the protocol waits for them. */
  readonly blocks: number;
  /** From the last of these blocks to the certificate: computation and messages. */
  readonly afterLastBlock_ms: number;
  /** Bytes on the TCP connections of one keeper in a whole interval, in both directions. */
  readonly wireBytesPerInterval: number;
};

const block_ms = 500;
const settlements = 5;
/** The chain of a measurement has one committee. */
const certifiedTopic = committeeAbi.getEvent("Certified")?.topicHash ?? null;
const entry = fileURLToPath(new URL("timed-keeper.ts", import.meta.url));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

async function stampsOf(folder: string, keepers: number): Promise<Stamp[][]> {
  const read = async (index: number): Promise<Stamp[]> => {
    const text = await readFile(join(folder, `stamps-${index}`), "utf8");
    return text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Stamp);
  };
  return Promise.all(Array.from({ length: keepers }, (_, index) => read(index)));
}

type Timing = {
  readonly certificate_ms: number;
  readonly blocks: number;
  readonly afterLastBlock_ms: number;
};

/** Times of the first certificate for the settlement that ends at `te`, by the clock of the keeper that made it. */
function timingOf(te: number, all: readonly Stamp[][]): Timing {
  const timings = all.flatMap((stamps) => {
    const certificate = stamps.find((stamp) => stamp.kind === "certificate" && stamp.te === te);
    if (certificate === undefined) return [];
    const heads = stamps.filter((stamp) => stamp.kind === "head" && stamp.at_ms <= certificate.at_ms);
    const opening = heads.find((stamp) => stamp.kind === "head" && stamp.head >= te);
    const last = heads.at(-1);
    if (opening === undefined || last?.kind !== "head") return [];
    return [
      {
        certificate_ms: certificate.at_ms - opening.at_ms,
        blocks: last.head - te,
        afterLastBlock_ms: certificate.at_ms - last.at_ms,
      },
    ];
  });
  const [first] = timings.sort((a, b) => a.certificate_ms - b.certificate_ms);
  if (first === undefined) throw new Error(`no keeper wrote down a certificate for te ${te}`);
  return first;
}

async function writePlans(folder: string, keepers: readonly Keeper[], links: Links): Promise<void> {
  for (const { index } of keepers) {
    const others = keepers.filter((keeper) => keeper.index !== index);
    const plan: TimedPlan = {
      stamps: join(folder, `stamps-${index}`),
      links: Object.fromEntries(others.map((o) => [multiaddr(o.port), links.address(index, o.index)])),
    };
    await writeFile(join(folder, `plan-${index}.json`), JSON.stringify(plan));
  }
}

/** A fleet of `keepers` and two providers settles a few intervals; the first one is not measured, as the fleet starts in it. */
export async function measureLive(keepers: number): Promise<LiveFigures> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-round-"));
  const failures: Error[] = [];
  const processes = new Processes((failure) => void failures.push(failure));
  let links: Links | undefined;
  const providers = 2;
  try {
    const { provider } = await buildFleet({
      processes,
      folder,
      keepers,
      providers,
      params: fleetParams(keepers),
      polling_ms: block_ms / 4,
      say: () => undefined,
      startMining: async (chain) => {
        await chain.send("evm_setAutomine", [false]);
        await chain.send("evm_setIntervalMining", [block_ms]);
      },
      keeperCommand: (configFile, index) => [entry, configFile, join(folder, `plan-${index}.json`)],
      beforeKeepers: async (made) => {
        links = await Links.open(made.map(({ port }) => port));
        await writePlans(folder, made, links);
      },
    });
    const ends: number[] = [];
    let carriedBefore = 0;
    while (ends.length <= settlements) {
      await sleep(block_ms / 4);
      const [failure] = failures;
      if (failure !== undefined) throw failure;
      const logs = await provider.getLogs({ topics: [certifiedTopic], fromBlock: 0 });
      if (logs.length > 0 && ends.length === 0) carriedBefore = links?.carriedBytes ?? 0;
      ends.splice(0, ends.length, ...logs.flatMap((log) => certifiedEvent(log)?.te ?? []));
    }
    const carried = (links?.carriedBytes ?? 0) - carriedBefore;
    provider.destroy();
    await processes.stopAll();
    const stamps = await stampsOf(folder, keepers);
    const timings = ends.slice(1, settlements + 1).map((te) => timingOf(te, stamps));
    return {
      keepers,
      providers,
      block_ms,
      settlements,
      certificate_ms: median(timings.map((timing) => timing.certificate_ms)),
      blocks: median(timings.map((timing) => timing.blocks)),
      afterLastBlock_ms: median(timings.map((timing) => timing.afterLastBlock_ms)),
      // Each byte counts for two keepers: its sender and its receiver.
      wireBytesPerInterval: (2 * carried) / keepers / settlements,
    };
  } finally {
    await processes.stopAll();
    await links?.close();
    await rm(folder, { recursive: true, force: true });
  }
}
