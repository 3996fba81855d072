/** Transactions of a committee as calldata (R29). */
import { CertificateTree, groupWords } from "../../../protocol/certificate.ts";
import type { Certificate, CertifiedGroup } from "../../../protocol/certificate.ts";
import type { CertifiedScope } from "../../../protocol/certificate-gas.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { keccakWords } from "../../../protocol/hash.ts";
import type { Transaction } from "../../core/effects.ts";
import type { Consenting } from "../../ports/chain.ts";
import { committeeAbi } from "./abi.ts";
import { markedConsent } from "./own-consents.ts";
import { uncompressedG1 } from "./signature.ts";

export function calldataOf(submission: Transaction | Omit<Consenting, "committee">): string {
  if (submission.kind === "consent") return markedConsent(submission.version, submission.replaced);
  return handingIn(submission);
}

/** Calldata of `certify` or `settle`, with the range proof of the run that is handed in. */
function handingIn(transaction: Transaction): string {
  const { certificate, groups, run } = transaction;
  const { first, length } = run;
  const handed = [
    first,
    groups.slice(first, first + length).flatMap(groupWords),
    new CertificateTree(groups).rangeProof(first, length),
  ];
  if (transaction.kind === "settle")
    return committeeAbi.encodeFunctionData("settle", [certificate, ...handed]);
  const { signers, signature } = transaction;
  return committeeAbi.encodeFunctionData("certify", [
    certificate,
    signers,
    uncompressedG1(signature),
    ...handed,
  ]);
}

/** The generator of BLS12-381's G1, compressed. */
const sampleSignature: Hex =
  "0x97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";

/** A certificate whose groups are settled at once, to measure the size of its data: its bytes compress no better than real ones. */
export function sampleCertificate({ groups: count, providers }: CertifiedScope): string {
  const groups = Array.from({ length: count }, (_, i): CertifiedGroup => {
    const length = Math.floor(providers / count) + (i < providers % count ? 1 : 0);
    const items = Array.from({ length }, (_, provider) => {
      return { provider, spaceTime: BigInt(keccakWords(i, provider)) >> 180n };
    });
    return { number: i + 1, group: keccakWords(i).slice(0, 42) as Hex, items };
  });
  const certificate: Certificate = {
    ts: 20_000_000,
    te: 20_007_200,
    version: 1,
    leader: 0,
    failed: 0n,
    payees: 15n,
    count,
    groups: keccakWords(count, providers),
  };
  return calldataOf({
    kind: "certify",
    turn: 1,
    certificate,
    groups,
    run: { first: 0, length: count },
    signers: 15n,
    signature: sampleSignature,
    windowEnd: 0,
  });
}
