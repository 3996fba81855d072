/**
 * Measures the cost of floods for a keeper and a provider, on real libp2p; with --limits it also prints the limits derived for
 * committees of every size. docs/figures/limits.md has the tables.
 *
 *   node scripts/bench/floods.ts [--seconds 5] [--limits]
 */
import { parseArgs } from "node:util";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import { startCallingNode } from "../../keeper/adapters/libp2p/node.ts";
import { encodeChallengeResponse, refusal } from "../../protocol/codec/challenge.ts";
import { keccakWords } from "../../protocol/hash.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import { smallestScale, unknownProviderScale } from "../../protocol/limits/derived.ts";
import type { Endpoint } from "../../keeper/ports/chain.ts";
import { startServer } from "../../provider/server-libp2p.ts";
import { checkClose, longestList_MB } from "./floods/costs.ts";
import type { FloodReport } from "./floods/kinds.ts";
import { Flooder, costOf } from "./floods/measure.ts";
import type { Cost } from "./floods/measure.ts";
import { floodTopic, keeperNode, keyringOf, registrationOf } from "./floods/nodes.ts";
import { limitsTable } from "../docs/limits.ts";

type Row = readonly [what: string, measured: string];

function share({ seconds, cpuShare, stall_ms, grownMB }: Cost): string {
  const cpu = `${(cpuShare * 100).toFixed(0)} % of a core`;
  return `${seconds.toFixed(0)} s: ${cpu}, loop at most ${stall_ms.toFixed(0)} ms, +${grownMB.toFixed(0)} MB`;
}

async function closes(): Promise<Row[]> {
  const everybody = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const many = Array.from({ length: 163 }, () => 1);
  const rows: Row[] = [];
  for (const [what, n, keepers] of [
    ["closed set that names one keeper 163 times, n = 4", 4, many],
    ["closed set of all, no commit heard before, n = 13", 13, everybody(13)],
    ["closed set of all, no commit heard before, n = 124", 124, everybody(124)],
  ] as const) {
    const { verdict, total_ms, longest_ms } = await checkClose(n, keepers);
    rows.push([
      what,
      `${verdict}; ${total_ms.toFixed(1)} ms, at most ${longest_ms.toFixed(1)} ms without a pause`,
    ]);
  }
  return rows;
}

/** A provider sends gossip without end to the keeper that calls it. */
async function byProvider(seconds: number): Promise<Row> {
  const calling = await startCallingNode(keccakWords(40, 99));
  const flooder = new Flooder({ kind: "provider", size: 300, seconds });
  const { peerId, multiaddrs } = await flooder.next<Endpoint>();
  const call = { protocol: "/none", bytes: new Uint8Array(3), maxBytes: 100 };
  let report: FloodReport | undefined;
  const cost = await costOf(async () => {
    await askProvider(calling, { peerId, addrs: multiaddrs }, call, { timeout_ms: 5_000 });
    report = await flooder.next<FloodReport>();
  });
  await calling.libp2p.stop();
  const { sent = 0, refused = 0 } = report ?? {};
  return [
    "a provider sends gossip to the keeper that calls it",
    `${sent} messages taken, ${refused} streams refused; ${share(cost)}`,
  ];
}

/** A keeper with a proven peer id floods another one with gossip. */
async function byKeeper(size: number, seconds: number): Promise<Row> {
  const reasons = new Map<ReasonCode, number>();
  const known = await keeperNode(0, {
    onReason: (code) => void reasons.set(code, (reasons.get(code) ?? 0) + 1),
  });
  let handled = 0;
  known.join(floodTopic, async () => {
    handled++;
    return "ignore";
  });
  const target = { peerId: known.peerId, addresses: known.addresses };
  const flooder = new Flooder({ kind: "keeper", index: 1, target, size, seconds });
  known.setMembers([await flooder.next<Endpoint>()], registrationOf(0, known), smallestScale);
  let report: FloodReport | undefined;
  const cost = await costOf(async () => {
    report = await flooder.next<FloodReport>();
  });
  await known.stop();
  const sent = `${report?.sent ?? 0} sent (${((report?.bytes ?? 0) / 1e6).toFixed(1)} MB), ${handled} read`;
  return [`a keeper of four sends messages of ${size} bytes`, `${sent}; ${share(cost)}`];
}

/** Connections of one peer, and sockets of one host, at a provider. */
async function connections(): Promise<Row[]> {
  const busy = encodeChallengeResponse(refusal("busy", "a bench"));
  const server = await startServer(
    { peerSeed: new Uint8Array(32).fill(7), listen: ["/ip4/127.0.0.1/tcp/0"] },
    {
      challenge: async () => busy,
      pieces: async () => busy,
      retrieve: async () => busy,
      keeperPeers: async () => new Set(),
      scale: () => unknownProviderScale(1),
      online: async () => true,
    },
  );
  const multiaddrs = server.getMultiaddrs().map(String);
  const idle = new Flooder({ kind: "idle", multiaddrs, count: 600, seconds: 2 });
  const made = await idle.next<FloodReport>();
  const left = await idle.next<FloodReport>();
  const port = Number(/tcp\/(\d+)/.exec(multiaddrs[0] ?? "")?.[1]);
  const mute = new Flooder({ kind: "mute", port, count: 600, seconds: 2 });
  await mute.next<FloodReport>();
  const silent = await mute.next<FloodReport>();
  await server.stop();
  return [
    ["one peer dials a provider 600 times and does nothing", `${made.sent} made, ${left.open} stay open`],
    ["one host opens 600 silent sockets", `${silent.open} open after 2 s`],
  ];
}

/** A Byzantine keeper registers the victim's peer id as its own; measures how soon the others know the victim again. */
async function eclipse(): Promise<Row> {
  const [victim, other] = await Promise.all([keeperNode(0), keeperNode(1)]);
  const stolen = registrationOf(2, victim, { multiaddrs: ["/ip4/127.0.0.1/tcp/1"] });
  victim.setMembers([registrationOf(1, other), stolen], registrationOf(0, victim), smallestScale);
  other.setMembers([registrationOf(0, victim), stolen], registrationOf(1, other), smallestScale);
  const victimName = keyringOf(0).operator;
  const start_ms = performance.now();
  await new Promise<void>((resolve) => {
    other.onConnected((operators) => void (operators.includes(victimName) && resolve()));
  });
  const took_ms = performance.now() - start_ms;
  await Promise.all([victim.stop(), other.stop()]);
  return [
    "a liar registers another keeper's peer id",
    `that keeper is believed after ${took_ms.toFixed(0)} ms`,
  ];
}

function table(rows: readonly Row[]): string {
  return [
    "| what | measured |",
    "| --- | --- |",
    ...rows.map(([what, measured]) => `| ${what} | ${measured} |`),
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { seconds: { type: "string", default: "5" }, limits: { type: "boolean", default: false } },
  });
  console.log(limitsTable());
  if (!values.limits) {
    const seconds = Number(values.seconds);
    const rows = [
      ...(await closes()),
      await eclipse(),
      await byProvider(seconds),
      await byKeeper(300, seconds),
      await byKeeper(100_000, seconds),
      ...(await connections()),
      ["a piece list of 65,536 pieces of one byte, in memory", `${longestList_MB().toFixed(1)} MB`] as const,
    ];
    console.log(`\n${table(rows)}`);
  }
  process.exit(0);
}
