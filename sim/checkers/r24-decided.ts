/**
 * R22, R24: the settled space-time follows from the bundle and the pinned records, computed here again. For each provider it is the
 * lower median of the revealed values or, where the leader pinned records, the sum over the slots of the lower median of the bytes
 * that R14 gives each pinned keeper; a leaf without a valid receipt counts 0.
 */
import type { BodyOf } from "../../protocol/messages.ts";
import type { Certified } from "../chain/chain-model.ts";
import type { MemoryStore } from "../keepers/memory-store.ts";
import { groupName } from "../group-names.ts";
import type { Checker, Run } from "./checker.ts";
import { keeperIn } from "./checker.ts";
import { leavesOf, withReceipts } from "./disk.ts";
import { scopeThen } from "./scope.ts";
import type { InScope } from "./scope.ts";
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
function bytesOf({ slots }: InScope, leaves: ReturnType<typeof withReceipts>): bigint[] {
  const committed = new Map(slots.map(({ slot, bytes }) => [slot, bytes]));
  let carried = 0n;
  return leaves.map(({ slot, leaf }, i) => {
    const cap = committed.get(slot) ?? 0n;
    // Others cannot check the bytes carried into the first slot; later ones follow from earlier leaves.
    const bytes = leaf.kind === "failed" ? 0n : leaf.kind === "proven" || i === 0 ? leaf.bytes : carried;
    return (carried = bytes < cap ? bytes : cap);
  });
}

type Proposal = Word<BodyOf<"proposal">>;
type Reveal = Word<BodyOf<"reveal">>;

/** The reveals of the bundle that a proposal was decided from; undefined: some are unknown. */
function revealsOf(run: Run, proposal: Proposal): Reveal[] | undefined {
  const bundle = wordsOfKind(run, "bundle").find(({ message }) => hashOf(message) === proposal.body.bundle);
  const listed = new Set(bundle?.body.reveals.map(({ hash }) => hash));
  // A reveal that two processes of a keeper published, or that was published again, is one reveal.
  const byHash = new Map(wordsOfKind(run, "reveal").map((word) => [hashOf(word.message), word]));
  const revealed = [...byHash].flatMap(([hash, word]) => (listed.has(hash) ? [word] : []));
  const known = bundle !== undefined && new Set(revealed.map(({ seat }) => seat)).size >= listed.size;
  return known ? revealed : undefined;
}

/** The space-time that a certificate must hold for a provider; undefined: the records of a pinned keeper are unknown. */
function expected(
  run: Run,
  { committee, certificate }: Certified,
  { proposal, revealed }: { readonly proposal: Proposal; readonly revealed: readonly Reveal[] },
  one: InScope,
  position: number,
): bigint | undefined {
  const { ts, te, version } = certificate;
  const { group, provider } = one;
  const pinned = proposal.body.pinned.find((pin) => pin.group === group && pin.provider === provider);
  if (pinned === undefined) {
    return lowerMedian(
      revealed.map(({ body: { values } }) =>
        values.kind === "inline" ? (values.values[position] ?? 0n) : 0n,
      ),
    );
  }
  const perKeeper: bigint[][] = [];
  for (const seat of pinned.keepers) {
    const keeper = keeperIn(run, committee, version, seat);
    const root = revealed.find((word) => word.seat === seat)?.body.recordsRoot ?? "";
    const disk = diskOf(run, keeper, root);
    if (disk === undefined) return undefined;
    const asked = { committee, group, provider, ts, te, at_ms: disk.at_ms, before: "capped" } as const;
    const leaves = leavesOf(run, disk.store, asked);
    perKeeper.push(bytesOf(one, withReceipts(run, run.cluster.operatorOf(keeper), one, leaves)));
  }
  return one.slots.reduce((sum, { blocks }, i) => {
    return sum + lowerMedian(perKeeper.map((bytes) => bytes[i] ?? 0n)) * BigInt(blocks);
  }, 0n);
}

function faultsOf(run: Run, certified: Certified, proposal: Proposal): string[] {
  const { committee, certificate, groups } = certified;
  const scope = scopeThen(run, committee, certificate.ts, certificate.te);
  const items = groups.flatMap(({ number, items: all }) => all.map((item) => ({ group: number, ...item })));
  if (items.length !== scope.length) return [`expected ${scope.length} items, actual ${items.length}`];
  const revealed = revealsOf(run, proposal);
  if (revealed === undefined) return [];
  return scope.flatMap((one, position) => {
    const item = items[position];
    const value = expected(run, certified, { proposal, revealed }, one, position);
    const same = item?.group === one.group && item.provider === one.provider;
    if (same && (value === undefined || value === item.spaceTime)) return [];
    const name = (number: number | undefined): string => groupName(run.cluster.chain, committee, number ?? 0);
    return [
      `${name(one.group)}, provider ${one.provider}: bundle and pinned records give ${value}, the certificate has ${item?.spaceTime} for ${name(item?.group)}, provider ${item?.provider}`,
    ];
  });
}

export const decided: Checker = {
  name: "R24",
  check(run) {
    const proposals = new Map(wordsOfKind(run, "proposal").map((word) => [word.body.digest, word]));
    return run.cluster.chain.certified.flatMap((certified) => {
      const proposal = proposals.get(certified.digest);
      if (proposal === undefined) return [];
      return faultsOf(run, certified, proposal).map((text) => ({
        checker: "R24",
        block: certified.block,
        text,
      }));
    });
  },
};
