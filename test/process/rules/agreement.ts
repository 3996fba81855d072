/** Checks certificates: intervals, turns, leaders, failed keepers, senders and signatures (R5 to R7, R25 to R29). */
import { getBytes, TypedDataEncoder } from "ethers";
import { verifyAggregate } from "../../../client/bls.ts";
import { bitIndices } from "../../../protocol/bitmap.ts";
import { leaders } from "../../support/fleet/contract-calls.ts";
import type { Certified, ChainRun } from "../../support/fleet/chain-run.ts";
import { named, prefixed, sameSet } from "./complain.ts";
import type { Complain } from "./complain.ts";

const certificateType = {
  Certificate: [
    { name: "ts", type: "uint64" },
    { name: "te", type: "uint64" },
    { name: "version", type: "uint64" },
    { name: "leader", type: "uint8" },
    { name: "failed", type: "uint256" },
    { name: "payees", type: "uint256" },
    { name: "count", type: "uint32" },
    { name: "groups", type: "bytes32" },
  ],
};

/** R6: te = ts + h + (turn − 1)·t. Not a whole number if te is no end of a turn. */
function turnOf({ rhythm }: Pick<ChainRun, "rhythm">, { ts, te }: Pick<Certified, "ts" | "te">): number {
  return (te - ts - rhythm.interval) / rhythm.turn + 1;
}

/** R25: from this block on any member may send the certificate. */
export function openFrom({ rhythm }: Pick<ChainRun, "rhythm">, te: number): number {
  return te + Math.ceil((2 * rhythm.turn) / 3);
}

/** R5: the block from which a committee's first interval counts: where the first group begins. */
function firstStart({ groups, originBlock }: ChainRun): number {
  return groups.length === 0 ? originBlock : Math.min(...groups.map(({ entered }) => entered));
}

/** One certificate for each interval; each interval begins where the one before it ends. */
function checkChain(run: ChainRun, complain: Complain): void {
  let through = firstStart(run);
  run.certificates.forEach(({ ts, te }, i) => {
    if (ts !== through) complain(`certificate ${i + 1} starts at block ${ts}, expected ${through} (R5)`);
    through = te;
  });
  if (run.certifiedThrough !== through)
    complain(`the committee has certified through block ${run.certifiedThrough}, expected ${through} (R29)`);
}

function checkTurn(run: ChainRun, certificate: Certified, complain: Complain): void {
  const { ts, te, leader, block, failed, payees } = certificate;
  const n = run.members.length;
  const turn = turnOf(run, certificate);
  if (!Number.isInteger(turn) || turn < 1) return complain(`ends at block ${te}, the end of no turn (R6)`);
  if (block < te || block >= te + run.rhythm.turn)
    complain(`accepted in block ${block}, expected ${te} to ${te + run.rhythm.turn - 1} (R29)`);
  const operators = run.members.map(({ operator }) => operator);
  const order = leaders(ts, run.seed, operators);
  const expected = order[(turn - 1) % n];
  if (leader !== expected) complain(`led by keeper ${leader}, expected ${expected} (R5)`);
  const lapsed = Math.min(turn - 1, (n - 1) / 3);
  const lost = Array.from({ length: lapsed }, (_, i) => order[(turn - 2 - i) % n] as number);
  if (!sameSet(bitIndices(failed), lost))
    complain(`failed keepers are ${named(bitIndices(failed))}, expected ${named(lost)} (R7)`);
  const both = bitIndices(failed & payees);
  if (both.length > 0) complain(`keepers ${named(both)} failed and are payees (S3)`);
  const outside = bitIndices(payees).filter((index) => index >= n);
  if (outside.length > 0) complain(`payees ${named(outside)} are not in the committee (R29)`);
}

function checkSender(run: ChainRun, { te, leader, block, from }: Certified, complain: Complain): void {
  const operators = run.members.map(({ operator }) => operator.toLowerCase());
  const sender = operators.indexOf(from.toLowerCase());
  if (sender < 0) complain(`sent by ${from}, which is no member (R29)`);
  if (block < openFrom(run, te) && sender !== leader)
    complain(
      `sent by keeper ${sender} in block ${block}, expected keeper ${leader} before block ${openFrom(run, te)} (R25)`,
    );
}

function checkSignature(run: ChainRun, certificate: Certified, complain: Complain): void {
  const { ts, te, version, leader, failed, payees, count, groups, signature } = certificate;
  const n = run.members.length;
  if (version !== 1) complain(`signed by version ${version}, expected 1: no member changed`);
  const signers = bitIndices(certificate.signers);
  const needed = (2 * (n - 1)) / 3 + 1;
  if (signers.length < needed)
    complain(`signed by keepers ${named(signers)}, expected ${needed} of them (R2)`);
  const domain = { name: "WhitePay", version: "2", chainId: run.chainId, verifyingContract: run.committee };
  const value = { ts, te, version, leader, failed, payees, count, groups };
  const digest = TypedDataEncoder.hash(domain, certificateType, value);
  const keys = signers.map((index) => run.members[index]?.blsKey ?? "0x");
  if (!verifyAggregate(signature, getBytes(digest), keys))
    complain("the aggregate signature does not match digest and signers (R27)");
}

export function checkAgreement(run: ChainRun, complain: Complain): void {
  checkChain(run, complain);
  run.certificates.forEach((certificate, i) => {
    const about = prefixed(complain, `certificate ${i + 1}`);
    checkTurn(run, certificate, about);
    checkSender(run, certificate, about);
    checkSignature(run, certificate, about);
  });
}
