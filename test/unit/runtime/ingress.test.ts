import { describe, expect, it } from "vitest";
import { encodeMessage, messageDigest } from "../../../keeper/codec/message.ts";
import type { Body } from "../../../keeper/core/messages.ts";
import { domainSeparator } from "../../../keeper/core/settlement.ts";
import { Ingress } from "../../../keeper/runtime/ingress.ts";
import { RateLimit } from "../../../keeper/runtime/rate-limit.ts";
import { memberOf, simulatedCrypto, simulatedKeyring } from "../../../scripts/sim/cheap-crypto.ts";
import { groupAt, hashAt } from "../../support/machine.ts";

const pending = { version: 2, seed: hashAt(8), members: [4, 5, 6, 7].map(memberOf) };
const group = groupAt(10, { chainId: 5, pending });
const round = { ts: 10, te: 70, turn: 1, attempt: 0, leader: 0, committee: 1 };
const commitment = hashAt(0x22);
const commit: Body = { kind: "commit", round, commitment };

type Spec = { signer: number; keeper: number; committee?: number; chainId?: number; body?: Body };

function message({ signer, keeper, committee = 1, chainId = 5, body = commit }: Spec): Uint8Array {
  const domain = domainSeparator(chainId, group.address);
  const signature = simulatedKeyring(signer).signMessage(messageDigest(domain, committee, keeper, body));
  return encodeMessage({ chainId, group: group.address, committee, keeper, body, signature });
}

/** The clock stands still: a keeper has said what it may say after `burst` messages. */
const ingressOf = (burst = 100): Ingress =>
  new Ingress(simulatedCrypto, new RateLimit({ burst, perSecond: 1 }, () => 0));

describe("a message from the wire", () => {
  it("is accepted from the member that signed it, and costs it nothing when it comes again", () => {
    const ingress = ingressOf(1);
    const accepted = { verdict: "accept", message: { keeper: 2, committee: 1 } };
    expect(ingress.check(message({ signer: 2, keeper: 2 }), group)).toMatchObject(accepted);
    expect(ingress.check(message({ signer: 2, keeper: 2 }), group)).toMatchObject(accepted);
    const another = { ...commit, round: { ...round, attempt: 1 } } as const;
    expect(ingress.check(message({ signer: 2, keeper: 2, body: another }), group)).toMatchObject({
      verdict: "ignore",
      code: "wire-flood",
    });
    expect(ingress.check(message({ signer: 3, keeper: 3, body: another }), group)).toMatchObject({
      verdict: "accept",
    });
  });

  it.each([
    ["signed by another member", { signer: 1, keeper: 2 }, "reject", "wire-bad-signature"],
    ["of a stranger", { signer: 9, keeper: 2 }, "reject", "wire-bad-signature"],
    [
      "of a member of the pending committee",
      { signer: 4, keeper: 0, committee: 2 },
      "ignore",
      "wire-not-a-member",
    ],
    [
      "of a pending member under the active version",
      { signer: 4, keeper: 0 },
      "reject",
      "wire-bad-signature",
    ],
    ["of an index beyond the committee", { signer: 4, keeper: 4 }, "ignore", "wire-not-a-member"],
    ["for another chain", { signer: 2, keeper: 2, chainId: 6 }, "reject", "wire-wrong-group"],
    [
      "of an interval that is settled",
      { signer: 2, keeper: 2, body: { ...commit, round: { ...round, ts: 5 } } },
      "ignore",
      "message-stale",
    ],
  ] as const)("%s is refused with its reason", (_name, spec, verdict, code) => {
    expect(ingressOf().check(message(spec as Spec), group)).toMatchObject({ verdict, code });
  });

  it("is refused when a commit inside a closed set is not its keeper's", () => {
    const domain = domainSeparator(5, group.address);
    const entry = (keeper: number, signer: number) => ({
      keeper,
      commitment,
      signature: simulatedKeyring(signer).signMessage(messageDigest(domain, 1, keeper, commit)),
    });
    const close = (third: number): Body => ({
      kind: "close",
      round,
      commits: [entry(0, 0), entry(1, 1), entry(2, third)],
      auditBlock: 80,
    });
    const check = (body: Body) => ingressOf().check(message({ signer: 0, keeper: 0, body }), group);
    expect(check(close(2))).toMatchObject({ verdict: "accept" });
    expect(check(close(1))).toMatchObject({ verdict: "reject", code: "wire-bad-signature" });
  });
});
