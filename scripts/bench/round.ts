/**
 * Measures what one round costs a keeper (messages, bytes, CPU) by committee size, groups, and providers a group: one process with
 * real core, codec and cryptography, over a simulated network. With --live it also measures, for small committees of real processes
 * on loopback, the time from the opening of the window to the certificate.
 *
 *   node scripts/bench/round.ts [--keepers 4,13] [--groups 1,10,100,1000] [--providers 3] [--live 4,7] [--json]
 */
import { parseArgs } from "node:util";
import { measureLive } from "./round/live.ts";
import type { LiveFigures } from "./round/live.ts";
import { measureRound } from "./round/play.ts";
import type { RoundFigures } from "./round/play.ts";

function numbers(list: string): number[] {
  return list === "" ? [] : list.split(",").map(Number);
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function tableOf(figures: readonly RoundFigures[]): string {
  const lines = figures.map(({ keepers, groups, providers, messagesPerKeeper, bytesPerKeeper, cpu_ms }) =>
    row([
      `${keepers}`,
      `${groups}`,
      `${providers}`,
      messagesPerKeeper.toFixed(0),
      (bytesPerKeeper / 1000).toFixed(0),
      cpu_ms.toFixed(0),
    ]),
  );
  return [
    row(["keepers", "groups", "providers", "messages", "kB", "CPU ms"]),
    row(["--:", "--:", "--:", "--:", "--:", "--:"]),
    ...lines,
  ].join("\n");
}

function liveTableOf(figures: readonly LiveFigures[]): string {
  const lines = figures.map((f) =>
    row([
      `${f.keepers}`,
      `${f.providers}`,
      f.certificate_ms.toFixed(0),
      `${f.blocks}`,
      f.afterLastBlock_ms.toFixed(0),
      (f.wireBytesPerInterval / 1000).toFixed(0),
    ]),
  );
  return [
    row(["keepers", "providers", "ms to the certificate", "blocks", "ms after the last block", "wire kB"]),
    row(["--:", "--:", "--:", "--:", "--:", "--:"]),
    ...lines,
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      keepers: { type: "string", default: "4,13" },
      groups: { type: "string", default: "1,10,100,1000" },
      providers: { type: "string", default: "3" },
      live: { type: "string", default: "4,7" },
      json: { type: "boolean", default: false },
    },
  });
  const rounds: RoundFigures[] = [];
  for (const keepers of numbers(values.keepers)) {
    for (const providers of numbers(values.providers)) {
      // Not counted: code is compiled in the first round.
      await measureRound(keepers, providers);
      for (const groups of numbers(values.groups)) {
        rounds.push(await measureRound(keepers, providers, groups));
        process.stderr.write(`${JSON.stringify(rounds.at(-1))}\n`);
      }
    }
  }
  const live: LiveFigures[] = [];
  for (const keepers of numbers(values.live)) live.push(await measureLive(keepers));
  const text = values.json ? JSON.stringify({ rounds, live }) : `${tableOf(rounds)}\n\n${liveTableOf(live)}`;
  process.stdout.write(`${text}\n`);
}
