import { describe, expect, it } from "vitest";
import { encodeMessage, messageDigest } from "../../../../protocol/codec/message.ts";
import type { Body } from "../../../../protocol/messages.ts";
import { domainOf } from "../../../../protocol/certificate.ts";
import { memberOf, simulatedCrypto, simulatedKeyring } from "../../../../sim/signatures/cheap-signatures.ts";
import { ingressWith } from "../../../support/ingress.ts";
import { committeeAt, hashAt } from "../../../support/machine.ts";

const next = { version: 2, seed: hashAt(8), members: [4, 5, 6, 7].map(memberOf), resigned: [] };
const committee = committeeAt(10, { chainId: 5, next });
const round = { ts: 10, te: 70, turn: 1, leader: 0, version: 1 };
const commitment = hashAt(0x22);
const commit: Body = { kind: "commit", round, commitment };

type Spec = { signer: number; keeper: number; version?: number; chainId?: number; body?: Body };

type EntryOf = { readonly keeper: number; readonly signer?: number };

function closeOf(entries: readonly EntryOf[]): Body {
  const domain = domainOf(5, committee.address);
  const commits = entries.map(({ keeper, signer = keeper }) => ({
    keeper,
    commitment,
    signature: simulatedKeyring(signer).signMessage(messageDigest(domain, 1, keeper, commit)),
  }));
  return { kind: "close", round, commits, auditBlock: 80 };
}

function message({ signer, keeper, version = 1, chainId = 5, body = commit }: Spec): Uint8Array {
  const domain = domainOf(chainId, committee.address);
  const signature = simulatedKeyring(signer).signMessage(messageDigest(domain, version, keeper, body));
  return encodeMessage({ chainId, committee: committee.address, version, keeper, body, signature });
}

describe("a received message", () => {
  it("is accepted from the member that signed it, and costs no token at its second arrival", async () => {
    const ingress = ingressWith({ burst: 1 });
    const accepted = { verdict: "accept", message: { keeper: 2, version: 1 } };
    expect(await ingress.check(message({ signer: 2, keeper: 2 }), committee)).toMatchObject(accepted);
    expect(await ingress.check(message({ signer: 2, keeper: 2 }), committee)).toMatchObject(accepted);
    const another = { ...commit, round: { ...round, turn: 2 } } as const;
    expect(await ingress.check(message({ signer: 2, keeper: 2, body: another }), committee)).toMatchObject({
      verdict: "ignore",
      code: "wire-flood",
    });
    expect(await ingress.check(message({ signer: 3, keeper: 3, body: another }), committee)).toMatchObject({
      verdict: "accept",
    });
  });

  it.each([
    ["signed by another member", { signer: 1, keeper: 2 }, "reject", "wire-bad-signature"],
    ["signed by a key outside the committee", { signer: 9, keeper: 2 }, "reject", "wire-bad-signature"],
    ["of a member of the next version", { signer: 4, keeper: 0, version: 2 }, "ignore", "wire-not-a-member"],
    [
      "of a pending member under the active version",
      { signer: 4, keeper: 0 },
      "reject",
      "wire-bad-signature",
    ],
    ["of an index beyond the committee", { signer: 4, keeper: 4 }, "ignore", "wire-not-a-member"],
    ["for another chain", { signer: 2, keeper: 2, chainId: 6 }, "reject", "wire-wrong-committee"],
    [
      "of an interval that is settled",
      { signer: 2, keeper: 2, body: { ...commit, round: { ...round, ts: 5 } } },
      "ignore",
      "message-stale",
    ],
  ] as const)("%s is refused with its reason", async (_name, spec, verdict, code) => {
    expect(await ingressWith().check(message(spec as Spec), committee)).toMatchObject({ verdict, code });
  });
});

describe("a received closed set (R19)", () => {
  /** A check that counts the signatures it looked at, and how often other work could run in between. */
  function counting(burst?: number) {
    const seen = { signatures: 0, pauses: 0 };
    const ingress = ingressWith({
      ...(burst === undefined ? {} : { burst }),
      crypto: {
        messageSigner: (digest, signature) => {
          seen.signatures++;
          return simulatedCrypto.messageSigner(digest, signature);
        },
      },
      pause: async () => void seen.pauses++,
    });
    return { seen, check: (body: Body) => ingress.check(message({ signer: 0, keeper: 0, body }), committee) };
  }

  const honest = closeOf([{ keeper: 0 }, { keeper: 1 }, { keeper: 2 }]);
  const forged = closeOf([{ keeper: 0 }, { keeper: 1 }, { keeper: 2, signer: 1 }]);

  it("is accepted if every commit is signed by its keeper, with a pause before each check", async () => {
    const { seen, check } = counting();
    expect(await check(honest)).toMatchObject({ verdict: "accept" });
    expect(seen).toEqual({ signatures: 4, pauses: 3 });
    expect(await check(honest)).toMatchObject({ verdict: "accept" });
    expect(seen.signatures).toBe(4);
  });

  it("is refused if another keeper signed a commit, also at its second arrival", async () => {
    const { check } = counting();
    expect(await check(forged)).toMatchObject({ verdict: "reject", code: "wire-bad-signature" });
    expect(await check(forged)).toMatchObject({ verdict: "reject", code: "wire-bad-signature" });
  });

  it("is refused if it has a different signature of a known commit", async () => {
    const ingress = ingressWith();
    const from = (keeper: number, body: Body) =>
      ingress.check(message({ signer: keeper, keeper, body }), committee);
    for (const keeper of [0, 1, 2]) expect(await from(keeper, commit)).toMatchObject({ verdict: "accept" });
    expect(await from(0, forged)).toMatchObject({ verdict: "reject", code: "wire-bad-signature" });
    expect(await from(0, honest)).toMatchObject({ verdict: "accept" });
  });

  it("costs no signature check if it lists one keeper several times", async () => {
    const { seen, check } = counting();
    const many = closeOf(Array.from({ length: 160 }, () => ({ keeper: 1 })));
    expect(await check(many)).toMatchObject({ verdict: "reject", code: "wire-malformed" });
    expect(await check(closeOf([{ keeper: 1 }, { keeper: 0 }]))).toMatchObject({ code: "wire-malformed" });
    expect(seen.signatures).toBe(0);
  });

  it("costs no signature check if it lists keepers outside the committee", async () => {
    const { seen, check } = counting();
    expect(await check(closeOf([{ keeper: 0 }, { keeper: 4 }]))).toMatchObject({
      verdict: "reject",
      code: "wire-malformed",
    });
    expect(seen.signatures).toBe(0);
  });

  it("costs its author a token for each signature, before any commit is checked", async () => {
    const { seen, check } = counting(3);
    expect(await check(honest)).toMatchObject({ verdict: "ignore", code: "wire-flood" });
    expect(seen.signatures).toBe(1);
    expect(await check(commit)).toMatchObject({ verdict: "accept" });
  });

  it("with a forged signature takes no tokens of the named keeper", async () => {
    const ingress = ingressWith({ burst: 1 });
    for (let i = 0; i < 5; i++) await ingress.check(message({ signer: 1, keeper: 2 }), committee);
    expect(await ingress.check(message({ signer: 2, keeper: 2 }), committee)).toMatchObject({
      verdict: "accept",
    });
  });
});

describe("a message that only a leader may send", () => {
  it("is refused from another keeper before its signature is checked", async () => {
    const close = closeOf([{ keeper: 0 }, { keeper: 1 }, { keeper: 2 }]);
    expect(
      await ingressWith().check(message({ signer: 3, keeper: 1, body: close }), committee),
    ).toMatchObject({
      verdict: "reject",
      code: "not-the-leader",
    });
  });
});
