/** Certificates of a fleet's committee, and settlements of its groups, as tests compare them: bitmaps as lists of indices. */
import type { Provider } from "ethers";
import { certifiedEvent, groupSettlement } from "../../../client/settlements.ts";
import type { CertifiedEvent, GroupSettlement } from "../../../client/settlements.ts";
import { groupEvents } from "../../../client/watch.ts";
import { bitIndices } from "../../../protocol/bitmap.ts";

/** An interval that the committee certified. */
export type Certified = {
  readonly ts: number;
  readonly te: number;
  readonly turn: number;
  readonly leader: number;
  readonly block: number;
  readonly tx: string;
  /** Groups in scope. */
  readonly count: number;
  readonly failed: readonly number[];
  readonly payees: readonly number[];
  readonly signers: readonly number[];
};

/** One group's part of it. */
export type Settled = GroupSettlement & {
  readonly tx: string;
  readonly block: number;
  /** Of the certificate. */
  readonly leader: number;
};

type Rhythm = { readonly interval: number; readonly turn: number };

function certifiedFrom(
  { ts, te, leader, count, block, transaction: tx, ...event }: CertifiedEvent,
  rhythm: Rhythm,
): Certified {
  const turn = (te - ts - rhythm.interval) / rhythm.turn + 1;
  const [failed, payees, signers] = [event.failed, event.payees, event.signers].map(bitIndices) as [
    number[],
    number[],
    number[],
  ];
  return { ts, te, turn, leader, block, tx, count, failed, payees, signers };
}

/** All certificates of a committee, oldest first. */
export async function certificatesOf(
  provider: Provider,
  committee: string,
  { head, rhythm }: { readonly head: number; readonly rhythm: Rhythm },
): Promise<Certified[]> {
  const logs = await provider.getLogs({ address: committee, fromBlock: 0, toBlock: head });
  const events = logs.map(certifiedEvent).filter((event) => event !== undefined);
  return events.map((event) => certifiedFrom(event, rhythm));
}

/** All settlements of a group, oldest first, with the leaders of their certificates. */
export async function settlementsOf(
  provider: Provider,
  group: string,
  { head, certificates }: { readonly head: number; readonly certificates: readonly Certified[] },
): Promise<Settled[]> {
  const events = await groupEvents(provider, group, { from: 0, to: head });
  return events
    .filter(({ name }) => name === "Settled")
    .map(({ args, block, transaction: tx }) => {
      const words = args as { interval: bigint; keepers: bigint; providers: bigint[] };
      const settled = groupSettlement(group, words);
      const certificate = certificates.find(({ te }) => te === settled.through);
      return { ...settled, tx, block, leader: certificate?.leader ?? -1 };
    });
}
