/**
 * What does a leader gain that tries many salts and many closed sets and keeps the one whose audit would suit it best (R19, R20)?
 * It did half of its challenges. It has to choose before the audit block exists, so it can only guess that block's hash;
 * the last column is what the same choice would be worth if the hash were known, which is why it must not be.
 * Run: node scripts/bench/grinding-leader.ts [rounds]
 */
import { keccakWords } from "../../keeper/core/hash.ts";
import type { Hex } from "../../keeper/core/hash.ts";
import { lowerMedian } from "../../keeper/core/median.ts";
import { closedSetHash } from "../../keeper/core/messages.ts";
import { drawAudit, openingsNeeded } from "../../keeper/core/stages/audit.ts";
import { Random } from "../sim/world.ts";

const scope = { providers: [0, 1, 2], fromSlot: 0, toSlot: 12 };
const honest = [1, 2, 3];
const auditBlock = 100;

export type GrindResult = { readonly tried: number; readonly paid: number; readonly paidIfKnown: number };

/** Shares of `rounds` rounds in which a leader that asked half of its questions is a payee. */
export function playGrinding(tried: number, rounds: number, seed: number): GrindResult {
  const random = new Random(seed);
  let paid = 0;
  let paidIfKnown = 0;
  for (let i = 0; i < rounds; i++) {
    const round = random.hex(32);
    const asked = new Set<string>();
    for (const provider of scope.providers) {
      for (let slot = scope.fromSlot; slot < scope.toSlot; slot++) {
        if (random.next() < 0.5) asked.add(`${provider}/${slot}`);
      }
    }
    const candidates = Array.from({ length: tried }, (_, k) => candidate(round, k, random));
    const guess = random.hex(32);
    const truth = random.hex(32);
    if (isPaid(round, best(candidates, guess, asked), truth, asked)) paid++;
    if (isPaid(round, best(candidates, truth, asked), truth, asked)) paidIfKnown++;
  }
  return { tried, paid: paid / rounds, paidIfKnown: paidIfKnown / rounds };
}

/** Another salt gives another commitment of the leader; every third candidate leaves out one of the others as well. */
function candidate(round: Hex, k: number, random: Random): Hex {
  const others = k % 3 === 2 ? honest.slice(1) : honest;
  const commits = [
    { keeper: 0, commitment: random.hex(32), signature: "0x" as const },
    ...others.map((keeper) => ({ keeper, commitment: keccakWords(keeper), signature: "0x" as const })),
  ];
  return closedSetHash(round, commits, auditBlock);
}

function opened(closedSet: Hex, blockHash: Hex, asked: ReadonlySet<string>): number {
  return drawAudit(closedSet, blockHash, scope).filter((d) => asked.has(`${d.provider}/${d.slot}`)).length;
}

function best(candidates: readonly Hex[], blockHash: Hex, asked: ReadonlySet<string>): Hex {
  let chosen = candidates[0] as Hex;
  for (const one of candidates) {
    if (opened(one, blockHash, asked) > opened(chosen, blockHash, asked)) chosen = one;
  }
  return chosen;
}

function isPaid(round: Hex, closedSet: Hex, blockHash: Hex, asked: ReadonlySet<string>): boolean {
  const own = opened(closedSet, blockHash, asked);
  const all = drawAudit(closedSet, blockHash, scope).length;
  const median = Number(lowerMedian([own, all, all, all].map(BigInt)));
  return own >= openingsNeeded(round, blockHash, median);
}

if (import.meta.main) {
  const rounds = Number(process.argv[2] ?? 1_000);
  process.stdout.write("tried  paid    computed  if the hash were known\n");
  for (const tried of [1, 8, 64]) {
    const { paid, paidIfKnown } = playGrinding(tried, rounds, 7 + tried);
    const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
    process.stdout.write(
      `${String(tried).padStart(5)}  ${percent(paid).padStart(6)}  ${"50.0 %".padStart(8)}  ${percent(paidIfKnown).padStart(6)}\n`,
    );
  }
}
