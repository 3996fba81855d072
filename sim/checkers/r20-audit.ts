/**
 * R20, R21: an honest keeper opens exactly the leaves that the audit draws: 16 of all (provider, slot) with bytes committed, leaf j
 * from keccak256(S, j), S from group, ts, turn and the hash of the audit block. Computed here from the rule, without the core's code.
 */
import { keccakWords } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { BodyOf } from "../../protocol/messages.ts";
import { liars } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { closedSetOf, hashThen, highestHead, reorgedAt_ms, wordsOfKind } from "./words.ts";

const draws = 16;

/** "provider/slot" of every leaf of [ts, te), ascending (R18). */
function leavesOf({ cluster }: Run, ts: number, te: number): string[] {
  const { originBlock, slot: blocks } = cluster.options.params;
  const model = cluster.chain.at(cluster.chain.head);
  return model.providers.flatMap((one, provider) => {
    const found: string[] = [];
    for (let start = ts; start < te; start += blocks) {
      if (model.committed(one, start, start + 1) > 0n)
        found.push(`${provider}/${(start - originBlock) / blocks}`);
    }
    return found;
  });
}

type Round = BodyOf<"reveal">["round"];

/** S, from which audit and threshold of a turn are drawn. */
export function auditSeed({ cluster }: Run, { ts, turn }: Round, blockHash: Hex): Hex {
  const { address } = cluster.chain.snapshot(cluster.chain.head);
  return keccakWords(address, ts, turn, blockHash);
}

/** The leaves that the audit draws, as "provider/slot"; a leaf that is drawn twice is listed twice. */
export function drawnLeaves(run: Run, round: Round, blockHash: Hex): string[] {
  const leaves = leavesOf(run, round.ts, round.te);
  if (leaves.length === 0) return [];
  const seed = auditSeed(run, round, blockHash);
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
      wordsOfKind(run, "close").map(({ body }) => [closedSetOf(run, body), body.auditBlock]),
    );
    return wordsOfKind(run, "reveal").flatMap(({ keeper, at_ms, body }) => {
      const auditBlock = auditBlocks.get(body.closedSet);
      if (lying.has(keeper) || auditBlock === undefined) return [];
      // After a reorg of the audit block it is not known which hash the keeper used.
      if (reorgedAt_ms(run, auditBlock, auditBlock).length > 0) return [];
      const blockHash = hashThen(cluster, auditBlock, at_ms);
      const expected =
        blockHash === undefined
          ? "no block yet"
          : [...new Set(drawnLeaves(run, body.round, blockHash))].join();
      const actual = body.opened.map(({ provider, slot }) => `${provider}/${slot}`).join();
      if (actual === expected) return [];
      const text = `keeper ${keeper} opens [${actual}], the audit of block ${auditBlock} draws [${expected}]`;
      return [{ checker: "R20", block: highestHead(cluster, at_ms), text }];
    });
  },
};
