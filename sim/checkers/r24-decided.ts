/**
 * R22, R24: the settled space-time follows from the bundle and the pinned records, computed here again. For each provider it is the
 * lower median of the revealed values or, where the leader pinned records, the sum over the slots of the lower median of the bytes
 * that R14 gives each pinned keeper; a leaf without a valid receipt counts 0.
 */
import type { BodyOf } from "../../protocol/messages.ts";
import type { Settled } from "../chain/chain-model.ts";
import type { MemoryStore } from "../keepers/memory-store.ts";
import type { Checker, Run } from "./checker.ts";
import { keeperIn } from "./checker.ts";
import { leavesOf, withReceipts } from "./disk.ts";
import { hashOf, wordsOfKind } from "./words.ts";
import type { Word } from "./words.ts";

function lowerMedian(values: readonly bigint[]): bigint {
  const ascending = values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return ascending[Math.floor((ascending.length - 1) / 2)] ?? 0n;
}

/** The disk with the records of a revealed root, and the time of the commit. */
function diskOf(
  { cluster }: Run,
  keeper: number,
  root: string,
): { store: MemoryStore; at_ms: number } | undefined {
  for (const process of cluster.processes) {
    if (process.keeper !== keeper) continue;
    const { store } = process.seat;
    const own = store.integrated.find(({ recordsRoot }) => recordsRoot === root);
    if (own !== undefined) return { store, at_ms: own.at_ms };
  }
  return undefined;
}

/** Bytes of each slot, from the leaves that a keeper serves (R14). */
function bytesOf(run: Run, provider: number, leaves: ReturnType<typeof withReceipts>): bigint[] {
  const { cluster } = run;
  const { originBlock, slot: blocks } = cluster.options.params;
  const model = cluster.chain.at(cluster.chain.head);
  const one = model.providers[provider];
  let carried = 0n;
  return leaves.map(({ slot, leaf }, i) => {
    const start = originBlock + slot * blocks;
    const committed = one === undefined ? 0n : model.committed(one, start, start + 1);
    // Others cannot check the bytes carried into the first slot; later ones follow from earlier leaves.
    const bytes = leaf.kind === "failed" ? 0n : leaf.kind === "proven" || i === 0 ? leaf.bytes : carried;
    return (carried = bytes < committed ? bytes : committed);
  });
}

type Proposal = Word<BodyOf<"proposal">>;

/** The space-time that the settlement must hold for a provider; undefined: bundle, reveals or records are unknown. */
function expected(
  run: Run,
  { settlement }: Settled,
  proposal: Proposal,
  provider: number,
): bigint | undefined {
  const { ts, te } = settlement;
  const bundle = wordsOfKind(run, "bundle").find(({ message }) => hashOf(message) === proposal.body.bundle);
  const listed = new Set(bundle?.body.reveals.map(({ hash }) => hash));
  const revealed = wordsOfKind(run, "reveal").filter(({ message }) => listed.has(hashOf(message)));
  if (bundle === undefined || new Set(revealed.map(({ seat }) => seat)).size < listed.size) return undefined;
  const pinned = proposal.body.pinned.find((one) => one.provider === provider)?.keepers ?? [];
  if (pinned.length === 0) {
    return lowerMedian(
      revealed.map(({ body }) => body.values.find((one) => one.provider === provider)?.value ?? 0n),
    );
  }
  const perKeeper: bigint[][] = [];
  for (const seat of pinned) {
    const keeper = keeperIn(run, settlement.committee, seat);
    const root = revealed.find((word) => word.seat === seat)?.body.recordsRoot ?? "";
    const disk = diskOf(run, keeper, root);
    if (disk === undefined) return undefined;
    const asked = { provider, ts, te, at_ms: disk.at_ms, before: "capped" } as const;
    const leaves = leavesOf(run, disk.store, asked);
    perKeeper.push(
      bytesOf(run, provider, withReceipts(run, run.cluster.operatorOf(keeper), provider, leaves)),
    );
  }
  let sum = 0n;
  for (let i = 0; i < (perKeeper[0]?.length ?? 0); i++) {
    sum += lowerMedian(perKeeper.map((bytes) => bytes[i] ?? 0n));
  }
  return sum * BigInt(run.cluster.options.params.slot);
}

export const decided: Checker = {
  name: "R24",
  check(run) {
    const proposals = wordsOfKind(run, "proposal");
    return run.cluster.chain.settled.flatMap((settled) => {
      const proposal = proposals.find(({ body }) => body.digest === settled.digest);
      if (proposal === undefined) return [];
      return settled.settlement.items.flatMap(({ provider, spaceTime }) => {
        const value = expected(run, settled, proposal, provider);
        if (value === undefined || value === spaceTime) return [];
        const text = `provider ${provider}: bundle and pinned records give ${value}, the settlement has ${spaceTime}`;
        return [{ checker: "R24", block: settled.block, text }];
      });
    });
  },
};
