/** Measures the work that one message or one list can cause, for comparison with the costs that the limits assume. */
import { NobleCrypto } from "../../../keeper/adapters/crypto-noble.ts";
import { encodeMessage, messageDigest } from "../../../protocol/codec/message.ts";
import { domainOf } from "../../../protocol/certificate.ts";
import type { CommitteeSnapshot } from "../../../protocol/committee.ts";
import { keccakWords } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { Body, CommitEntry } from "../../../protocol/messages.ts";
import { authorBytes, authorRate, scaleOf } from "../../../protocol/limits/derived.ts";
import { TokenBuckets } from "../../../protocol/limits/token-buckets.ts";
import { Ingress } from "../../../keeper/runtime/ingress.ts";
import { listMemory, makePieceList } from "../../../storage/core/piece-list.ts";
import { keyringOf } from "./nodes.ts";
import { noSuccession } from "../../../protocol/succession.ts";

const chainId = 31_337;
const committee: Hex = `0x${"67".repeat(20)}`;
const round = { ts: 10, te: 70, turn: 1, leader: 0, version: 1 };

const domain = domainOf(chainId, committee);

/** A committee of `n` keepers with real keys that serves no group. */
function committeeOf(n: number): CommitteeSnapshot {
  const members = Array.from({ length: n }, (_, i) => ({
    operator: keyringOf(i).operator,
    blsKey: keccakWords(i),
  }));
  return {
    chainId,
    address: committee,
    block: 10,
    ts: 10,
    params: {} as CommitteeSnapshot["params"],
    version: { version: 1, seed: keccakWords(3), members, resigned: [] },
    next: undefined,
    groups: [],
    scope: undefined,
    remembered: [],
    succession: noSuccession,
  };
}

function signed(keeper: number, body: Body): Uint8Array {
  const signature = keyringOf(keeper).signMessage(messageDigest(domain, 1, keeper, body));
  return encodeMessage({ chainId, committee, version: 1, keeper, body, signature });
}

function commitOf(keeper: number): CommitEntry {
  const commitment = keccakWords(keeper, 5);
  const commit: Body = { kind: "commit", round, commitment };
  const hash = messageDigest(domain, 1, keeper, commit);
  return { keeper, commitment, signature: keyringOf(keeper).signMessage(hash) };
}

export type CloseCost = {
  readonly verdict: string;
  readonly total_ms: number;
  /** The longest time in which the event loop ran nothing else. */
  readonly longest_ms: number;
};

/** Checks a closed set with these commits at a keeper that has not received any of the commits before. */
export async function checkClose(n: number, keepers: readonly number[]): Promise<CloseCost> {
  const snapshot = committeeOf(n);
  const scale = scaleOf([snapshot]);
  let last_ms = performance.now();
  let longest_ms = 0;
  const mark = (): void => {
    longest_ms = Math.max(longest_ms, performance.now() - last_ms);
    last_ms = performance.now();
  };
  const now_ms = (): number => performance.now();
  const ingress = new Ingress({
    crypto: new NobleCrypto(),
    authors: new TokenBuckets(256, now_ms),
    rate: () => authorRate(scale),
    bytesOfAuthors: new TokenBuckets(256, now_ms),
    byteRate: () => authorBytes(scale),
    pause: async () => {
      mark();
      await new Promise((resolve) => setImmediate(resolve));
      last_ms = performance.now();
    },
  });
  const entries = new Map([...new Set(keepers)].map((keeper) => [keeper, commitOf(keeper)]));
  const commits = keepers.map((keeper) => entries.get(keeper) as CommitEntry);
  const bytes = signed(0, { kind: "close", round, commits, auditBlock: 80 });
  // Not measured: the first check compiles the code.
  await ingress.check(signed(1, { kind: "commit", round, commitment: keccakWords(9) }), snapshot);
  const start_ms = performance.now();
  last_ms = start_ms;
  const checked = await ingress.check(bytes, snapshot);
  mark();
  const verdict = checked.verdict === "accept" ? "accepted" : checked.code;
  return { verdict, total_ms: performance.now() - start_ms, longest_ms };
}

/** Memory of a piece list with the most pieces (R10), each of one byte. */
export function longestList_MB(): number {
  const pieces = Array.from({ length: 65_536 }, (_, i) => {
    const root = new Uint8Array(32);
    new DataView(root.buffer).setUint32(0, i);
    return { root, size: 1 };
  });
  return listMemory(makePieceList(pieces)) / 1e6;
}
