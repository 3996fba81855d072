/** Has a provider fetch a public piece from another one, so that the payer sends it once for all copies (R43). */
import { setTimeout as sleep } from "node:timers/promises";
import type { GroupAt } from "../../client/group-view.ts";
import type { ProviderTarget } from "../../keeper/ports/provider.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { rangeCount } from "../../storage/core/range.ts";
import { say } from "../console/output.ts";
import { lower, permissionFor, type Session } from "./session.ts";
import { patiently } from "./transfer.ts";
import { ProviderRefusedError } from "./wire.ts";

/** What the receiving provider needs to know: the request that it accepted, and the piece of the request's list. */
export type FetchOrder = {
  readonly target: ProviderTarget;
  readonly digest: Hex;
  readonly piece: number;
  readonly entry: PieceEntry;
};

const look_ms = 500;
/** A provider waits 30 s for a range of another one; a fetch without a new range for twice that time counts as failed. */
const patience_ms = 60_000;

/**
 * Whether the target stores the whole piece. If not, a printed line says why; the target keeps what arrived, and the payer sends the rest.
 */
export async function fetchFrom(
  session: Session,
  { group, from }: { readonly group: GroupAt; readonly from: string },
  order: FetchOrder,
): Promise<boolean> {
  try {
    const why = await fetchWhole(session, { group, from }, order);
    if (why === undefined) return true;
    say(`a public piece could not be fetched from ${from}: ${why}`);
  } catch (error) {
    // The target refuses to fetch, or is busy with other fetches. If it does not answer at all, the error ends its shipment.
    if (!(error instanceof ProviderRefusedError)) throw error;
    say(`a public piece could not be fetched from ${from}: ${error.message}`);
  }
  return false;
}

/** Why the piece is not whole; undefined if it is. */
async function fetchWhole(
  session: Session,
  { group, from }: { readonly group: GroupAt; readonly from: string },
  { target, digest, piece, entry }: FetchOrder,
): Promise<string | undefined> {
  const permission = await permissionFor(session, group.address, target.peerId, toHex(entry.root));
  const order = { digest, piece, operator: lower(from), group: lower(group.address), ...permission };
  const begun = await patiently(session, target, { kind: "fetch", ...order });
  if (begun.whole) return undefined;
  let [most, since_ms] = [0, performance.now()];
  let mostAtFault = 0;
  for (;;) {
    await sleep(look_ms, undefined, { signal: session.signal });
    const { whole, fetching, fault, ranges } = await look(session, { target, digest, piece, entry });
    if (whole) return undefined;
    if (!fetching) {
      // The connection may have ended: a fetch that made progress is started again and continues with the missing ranges.
      if (ranges <= mostAtFault) return fault ?? "it stopped without a reason";
      mostAtFault = ranges;
      await patiently(session, target, { kind: "fetch", ...order });
    }
    if (ranges > most) [most, since_ms] = [ranges, performance.now()];
    else if (performance.now() - since_ms > patience_ms) return `nothing arrived for ${patience_ms / 1000} s`;
  }
}

type Look = {
  readonly whole: boolean;
  readonly fetching: boolean;
  readonly fault: string | undefined;
  /** Number of ranges that are stored. */
  readonly ranges: number;
};

async function look(session: Session, { target, digest, piece, entry }: FetchOrder): Promise<Look> {
  let ranges = 0;
  for (let firstRange = 0; ;) {
    const answer = await patiently(session, target, { kind: "have", digest, piece, firstRange });
    const { whole, fetching, fault, stored } = answer;
    ranges += stored.filter(Boolean).length;
    firstRange += stored.length;
    if (whole || stored.length === 0 || firstRange >= rangeCount(entry.size)) {
      return { whole, fetching, fault, ranges };
    }
  }
}
