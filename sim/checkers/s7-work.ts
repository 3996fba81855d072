/** S7: a keeper that sent no challenges in a whole interval is not paid for it, unless the median of shown receipts is 0 (R28). */
import { lowerMedian } from "../../protocol/median.ts";
import type { Certificate } from "../../protocol/certificate.ts";
import { addressOfCommittee } from "../chain/snapshots.ts";
import type { Cluster } from "../cluster.ts";
import type { Checker } from "./checker.ts";

export const work: Checker = {
  name: "S7",
  check({ cluster, fired }) {
    const lazy = fired.filter(
      ({ fault }) => fault.kind === "byzantine" && fault.behaviour === "lazy" && fault.oneIn === undefined,
    );
    if (lazy.length === 0) return [];
    return cluster.chain.certified.flatMap(({ committee, certificate, block }) => {
      const { ts, te, version, payees } = certificate;
      const seats = cluster.chain.seatsOf(committee, version);
      const shown = receiptsShown(cluster, committee, certificate);
      if (shown.length === 0 || lowerMedian(shown) === 0n) return [];
      return lazy.flatMap(({ keepers, block: from, until }) => {
        const whole = from <= ts && (until === undefined || until >= te);
        return keepers
          .filter((keeper) => whole && seats.includes(keeper))
          .filter((keeper) => ((payees >> BigInt(seats.indexOf(keeper))) & 1n) === 1n)
          .map((keeper) => ({
            checker: "S7",
            block,
            text: `keeper ${keeper} sent no challenges and is a payee of committee ${committee}`,
          }));
      });
    });
  },
};

/**
 * Number of receipts that each keeper of the last bundle over [ts, te) opened in the audit. If their median is 0, R28 requires none:
 * no provider proved anything, half of the committee was down, or the audit drew only slots after the group's end.
 */
function receiptsShown(cluster: Cluster, committee: number, { ts, te, version }: Certificate): bigint[] {
  const seats = cluster.chain.seatsOf(committee, version);
  const address = addressOfCommittee(committee);
  // Messages in the name of another keeper do not count.
  const said = cluster.network.heard.flatMap(({ message, from }) => {
    const keeper = seats[message.keeper];
    const own =
      message.committee === address &&
      message.version === version &&
      keeper !== undefined &&
      cluster.operatorOf(keeper) === from;
    return own ? [message] : [];
  });
  let closedSet: string | undefined;
  let counted: readonly number[] = [];
  for (const { body } of said) {
    if (body.kind !== "bundle" || body.round.ts !== ts || body.round.te !== te) continue;
    closedSet = body.closedSet;
    counted = body.reveals.map(({ keeper }) => keeper);
  }
  const shown = new Map(counted.map((keeper) => [keeper, 0n]));
  for (const { body, keeper } of said) {
    if (body.kind !== "reveal" || body.closedSet !== closedSet || !shown.has(keeper)) continue;
    shown.set(keeper, BigInt(body.opened.filter(({ leaf }) => leaf.kind === "proven").length));
  }
  return [...shown.values()];
}
