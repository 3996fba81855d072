/** S3: only payees earn, a keeper that sends in the leader's place (R25), and all members of a version that was in arrears (R32). A
 * failed keeper earns nothing; the failed keepers follow from the turn order (R7). */
import { bitIndices, bitmap } from "../../protocol/bitmap.ts";
import { faultBound } from "../../protocol/quorum.ts";
import type { Settled } from "../chain/chain-model.ts";
import type { Checker, Run, Violation } from "./checker.ts";
import { leaders } from "./turns.ts";

/** Seats whose earnings rose. */
function earners({ committee, certificate, before, after }: Settled): number[] {
  const key = `${committee}/${certificate.version}`;
  const was = before.keepers.get(key)?.earned ?? [];
  return (after.keepers.get(key)?.earned ?? []).flatMap((earned, seat) =>
    earned > (was[seat] ?? 0n) ? [seat] : [],
  );
}

/** Failed keepers and leader of each certificate. */
function turnFaults(run: Run): Violation[] {
  const { chain, options } = run.cluster;
  const { interval, turn: turnBlocks } = options.params;
  return chain.certified.flatMap(({ committee, certificate, block }) => {
    const { ts, te, version, failed, payees, leader } = certificate;
    const order = leaders(run, committee, version, ts);
    const turn = (te - ts - interval) / turnBlocks + 1;
    const count = Math.min(turn - 1, faultBound(order.length));
    const expected = Array.from({ length: count }, (_, i) => order[(turn - 2 - i) % order.length] as number);
    const found = [];
    if ((failed & payees) !== 0n) found.push(`pays failed keepers: ${bitIndices(failed & payees).join()}`);
    if (bitmap(expected) !== failed) {
      found.push(`failed are ${bitIndices(failed).join()}, expected ${expected.join()}`);
    }
    if (leader !== order[(turn - 1) % order.length]) found.push(`led by ${leader} out of turn`);
    return found.map((text) => ({ checker: "S3", block, text: `committee ${committee}: ${text}` }));
  });
}

function wrongEarners({ cluster }: Run): Violation[] {
  const { chain } = cluster;
  return chain.settled.flatMap((settled) => {
    const { committee, group, certificate, before, sender, block } = settled;
    const { version, failed, payees, leader } = certificate;
    if ((before.keepers.get(`${committee}/${version}`)?.arrears ?? 0n) > 0n) return [];
    const by = chain.membersOf(committee, version).findIndex(({ operator }) => operator === sender);
    const instead = by < 0 ? 0n : ((payees >> BigInt(leader)) & 1n) << BigInt(by);
    const allowed = (payees | instead) & ~failed;
    const wrong = earners(settled).filter((seat) => ((allowed >> BigInt(seat)) & 1n) === 0n);
    if (wrong.length === 0) return [];
    const text = `group ${group}: keepers ${wrong.join()} earned, payees are ${bitIndices(payees).join()}`;
    return [{ checker: "S3", block, text }];
  });
}

export const shares: Checker = {
  name: "S3",
  check: (run) => [...turnFaults(run), ...wrongEarners(run)],
};
