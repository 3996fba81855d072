/**
 * What scale costs (R40): a round by the number of groups, the challenges of a slot by the number of groups of a provider, a round of many
 * providers over real libp2p on loopback, and the memory of a keeper. docs/figures/scale.md has the tables.
 *
 *   node scripts/bench/scale.ts [--keepers 4,13] [--groups 1,10,100,1000] [--loopback 4x1000,13x1000] [--memory 3334] [--slots 24] [--json]
 */
import { parseArgs } from "node:util";
import { measureChallenges } from "./challenges/measure.ts";
import type { ChallengeFigures } from "./challenges/measure.ts";
import { measureLoopback } from "./round/loopback.ts";
import type { LoopbackFigures } from "./round/loopback.ts";
import { measureRound } from "./round/play.ts";
import type { RoundFigures } from "./round/play.ts";

/** Of each group. */
const providers = 3;
const block_ms = 2_000;
/** Where memory is measured and not time, so that a busy machine certifies as well. */
const slowBlock_ms = 5_000;

function numbers(list: string): number[] {
  return list === "" ? [] : list.split(",").map(Number);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "--:")), ...rows.map(line)].join("\n");
}

function roundTable(figures: readonly RoundFigures[]): string {
  const least = new Map<string, number>();
  const series = ({ keepers, slots }: RoundFigures): string => `${keepers}/${slots}`;
  for (const one of figures) if (!least.has(series(one))) least.set(series(one), one.cpu_ms);
  const rows = figures.map((f) => [
    `${f.keepers}`,
    `${f.slots}`,
    `${f.groups}`,
    `${f.providers}`,
    f.messagesPerKeeper.toFixed(0),
    (f.bytesPerKeeper / 1000).toFixed(0),
    f.cpu_ms.toFixed(0),
    (f.cpu_ms / (least.get(series(f)) ?? Number.NaN)).toFixed(1),
    (f.cpu_ms / f.providers).toFixed(2),
    (f.bytesPerKeeper / f.providers).toFixed(0),
  ]);
  const head = ["keepers", "slots", "groups", "providers", "messages", "kB", "CPU ms", "times one group"];
  return table([...head, "CPU ms a provider", "bytes a provider"], rows);
}

function challengeTable(figures: readonly ChallengeFigures[]): string {
  const rows = figures.map((f) => [
    `${f.groups}`,
    `${f.messages}`,
    (f.bytes / 1000).toFixed(0),
    f.keeper_ms.toFixed(0),
    f.provider_ms.toFixed(0),
    (f.bytes / f.groups / 1000).toFixed(1),
    (f.keeper_ms / f.groups).toFixed(1),
    (f.provider_ms / f.groups).toFixed(1),
  ]);
  const head = ["groups of the provider", "messages", "kB", "keeper CPU ms", "provider CPU ms"];
  return table([...head, "kB a group", "keeper ms a group", "provider ms a group"], rows);
}

function loopbackTable(figures: readonly LoopbackFigures[]): string {
  const rows = figures.map((f) => [
    `${f.keepers}`,
    `${f.groups * f.providers}`,
    `${f.slots}`,
    `${f.blocks} of ${f.turn}`,
    (f.certificate_ms / 1000).toFixed(1),
    f.cpu_ms.toFixed(0),
    f.messagesSent.toFixed(0),
    (f.bytesSent / 1000).toFixed(0),
    f.memory_MiB.toFixed(0),
  ]);
  const head = ["keepers", "providers", "slots", "blocks", "s to the certificate", "CPU ms a keeper"];
  return table([...head, "messages sent", "kB sent", "memory MiB"], rows);
}

async function rounds(n: number, groups: readonly number[], slots: number): Promise<RoundFigures[]> {
  const figures: RoundFigures[] = [];
  // Not counted: code is compiled in the first round.
  await measureRound(n, providers);
  for (const count of groups) figures.push(await measureRound(n, providers, count, slots));
  return figures;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      keepers: { type: "string", default: "4,13" },
      groups: { type: "string", default: "1,10,100,1000" },
      loopback: { type: "string", default: "4x1000,13x1000" },
      memory: { type: "string", default: "3334" },
      slots: { type: "string", default: "24" },
      json: { type: "boolean", default: false },
    },
  });
  const groups = numbers(values.groups);
  const slots = Number(values.slots);
  const inRounds: RoundFigures[] = [];
  for (const n of numbers(values.keepers)) inRounds.push(...(await rounds(n, groups, 2)));
  // The longest interval with a small committee: filling the stores takes most of the time.
  inRounds.push(...(await rounds(4, groups, slots)));
  const challenges: ChallengeFigures[] = [];
  for (const count of groups) challenges.push(await measureChallenges(count));
  const loopback: LoopbackFigures[] = [];
  for (const size of values.loopback === "" ? [] : values.loopback.split(",")) {
    const [keepers = 0, count = 0] = size.split("x").map(Number);
    loopback.push(await measureLoopback({ keepers, groups: count, providers, slots: 2 }, block_ms));
  }
  for (const count of numbers(values.memory))
    loopback.push(await measureLoopback({ keepers: 4, groups: count, providers, slots }, slowBlock_ms));
  const text = values.json
    ? JSON.stringify({ rounds: inRounds, challenges, loopback })
    : [roundTable(inRounds), challengeTable(challenges), loopbackTable(loopback)].join("\n\n");
  process.stdout.write(`${text}\n`);
  process.exit(0);
}
