/**
 * R28: the payees follow from the bundle and the audit block: keepers of the bundle that have not failed (R7) and opened at least
 * r receipts, r drawn from S up to the lower median M of the opened receipts. A leaf that was drawn twice counts twice.
 */
import { bitIndices } from "../../protocol/bitmap.ts";
import { keccakWords } from "../../protocol/hash.ts";
import type { BodyOf } from "../../protocol/messages.ts";
import type { Certified } from "../chain/chain-model.ts";
import type { Checker, Run } from "./checker.ts";
import { auditSeed, drawnLeaves } from "./r20-audit.ts";
import { closedSetOf, hashOf, hashThen, reorgedAt_ms, wordsOfKind } from "./words.ts";
import type { Word } from "./words.ts";

/** The text "r" in abi.encode(bytes32, string): offset, length, bytes. */
const textR = [0x40, 1, `0x72${"00".repeat(31)}`] as const;

/** Draws that a reveal answers with a proven leaf. */
function opened({ body }: Word<BodyOf<"reveal">>, draws: readonly string[]): number {
  const proven = new Set(
    body.opened.flatMap(({ group, provider, slot, leaf }) =>
      leaf.kind === "proven" ? [`${group}/${provider}/${slot}`] : [],
    ),
  );
  return draws.filter((draw) => proven.has(draw)).length;
}

/** Seats of the payees; undefined: bundle or reveals are unknown, or a reorg removed the audit block. */
function payeesOf(run: Run, { committee, certificate, digest }: Certified): number[] | undefined {
  const { cluster } = run;
  const proposal = wordsOfKind(run, "proposal").find(({ body }) => body.digest === digest);
  const bundle = wordsOfKind(run, "bundle").find(({ message }) => hashOf(message) === proposal?.body.bundle);
  const close = wordsOfKind(run, "close").find(
    (one) => one.committee === committee && closedSetOf(committee, one.body) === bundle?.body.closedSet,
  );
  if (bundle === undefined || close === undefined) return undefined;
  const { auditBlock, round } = close.body;
  const blockHash = hashThen(cluster, auditBlock, bundle.at_ms);
  if (blockHash === undefined || reorgedAt_ms(run, auditBlock, auditBlock).length > 0) return undefined;
  const listed = new Set(bundle.body.reveals.map(({ hash }) => hash));
  const reveals = new Map(
    wordsOfKind(run, "reveal").flatMap((word) =>
      listed.has(hashOf(word.message)) ? [[word.seat, word]] : [],
    ),
  );
  if (reveals.size < listed.size) return undefined;
  const draws = drawnLeaves(run, committee, round, blockHash);
  const counts = [...reveals].map(([seat, word]) => ({ seat, count: opened(word, draws) }));
  const ascending = counts.map(({ count }) => count).sort((a, b) => a - b);
  const median = ascending[Math.floor((ascending.length - 1) / 2)] ?? 0;
  const drawn = BigInt(keccakWords(auditSeed(committee, round, blockHash), ...textR));
  const needed = median === 0 ? 0 : 1 + Number((drawn * BigInt(median)) >> 256n);
  const failed = bitIndices(certificate.failed);
  return counts.flatMap(({ seat, count }) => (count >= needed && !failed.includes(seat) ? [seat] : []));
}

export const payees: Checker = {
  name: "R28",
  check(run) {
    return run.cluster.chain.certified.flatMap((certified) => {
      const expected = payeesOf(run, certified)?.sort((a, b) => a - b);
      const actual = bitIndices(certified.certificate.payees);
      if (expected === undefined || expected.join() === actual.join()) return [];
      const text = `committee ${certified.committee} pays [${actual.join()}], bundle and audit give [${expected.join()}]`;
      return [{ checker: "R28", block: certified.block, text }];
    });
  },
};
