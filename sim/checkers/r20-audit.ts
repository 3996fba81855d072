/**
 * R20, R21: an honest keeper opens exactly the leaves that the audit draws: 16 of all (group, provider, slot) with bytes committed, leaf j
 * from keccak256(S, j), S from committee, ts, turn and the hash of the audit block. Computed here from the rule, without the core's code.
 */
import { keccakWords } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { BodyOf } from "../../protocol/messages.ts";
import { addressOfCommittee } from "../chain/snapshots.ts";
import { liars } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { scopeThen } from "./scope.ts";
import { closedSetOf, hashThen, highestHead, reorgedAt_ms, wordsOfKind } from "./words.ts";

const draws = 16;

/** "group/provider/slot" of every leaf of [ts, te), ascending (R18). */
function leavesOf(run: Run, committee: number, ts: number, te: number): string[] {
  return scopeThen(run, committee, ts, te).flatMap(({ group, provider, slots }) =>
    slots.map(({ slot }) => `${group}/${provider}/${slot}`),
  );
}

type Round = BodyOf<"reveal">["round"];

/** S, from which audit and threshold of a turn are drawn. */
export function auditSeed(committee: number, { ts, turn }: Round, blockHash: Hex): Hex {
  return keccakWords(addressOfCommittee(committee), ts, turn, blockHash);
}

/** The leaves that the audit draws, as "group/provider/slot"; a leaf that is drawn twice is listed twice. */
export function drawnLeaves(run: Run, committee: number, round: Round, blockHash: Hex): string[] {
  const leaves = leavesOf(run, committee, round.ts, round.te);
  if (leaves.length === 0) return [];
  const seed = auditSeed(committee, round, blockHash);
  return Array.from({ length: draws }, (_, j) => {
    return leaves[Number(BigInt(keccakWords(seed, j)) % BigInt(leaves.length))] as string;
  });
}

export const audit: Checker = {
  name: "R20",
  check(run) {
    const { cluster } = run;
    const lying = liars(run);
    const auditBlocks = new Map(
      wordsOfKind(run, "close").map(({ committee, body }) => [closedSetOf(committee, body), body.auditBlock]),
    );
    return wordsOfKind(run, "reveal").flatMap(({ keeper, at_ms, committee, body }) => {
      const auditBlock = auditBlocks.get(body.closedSet);
      if (lying.has(keeper) || auditBlock === undefined) return [];
      // After a reorg of the audit block it is not known which hash the keeper used.
      if (reorgedAt_ms(run, auditBlock, auditBlock).length > 0) return [];
      const blockHash = hashThen(cluster, auditBlock, at_ms);
      const expected =
        blockHash === undefined
          ? "no block yet"
          : [...new Set(drawnLeaves(run, committee, body.round, blockHash))].join();
      const actual = body.opened.map(({ group, provider, slot }) => `${group}/${provider}/${slot}`).join();
      if (actual === expected) return [];
      const text = `keeper ${keeper} opens [${actual}] in committee ${committee}, the audit of block ${auditBlock} draws [${expected}]`;
      return [{ checker: "R20", block: highestHead(cluster, at_ms), text }];
    });
  },
};
