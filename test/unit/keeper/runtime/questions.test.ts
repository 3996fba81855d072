/** D6: the reply of a Byzantine keeper to a pull costs a bounded number of signature checks. */
import { describe, expect, it } from "vitest";
import { CertificateTree, rememberedHash } from "../../../../protocol/certificate.ts";
import {
  decodeCertificatePage,
  encodeCertificatePage,
} from "../../../../protocol/codec/certificate-pages.ts";
import { encodeMessage, messageDigest } from "../../../../protocol/codec/message.ts";
import { decodePull, encodePullReply, maxHave, maxReplyBytes } from "../../../../protocol/codec/question.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import type { Body, Message, MessageOf } from "../../../../protocol/messages.ts";
import type { ReasonCode } from "../../../../protocol/reasons.ts";
import { domainOf } from "../../../../protocol/certificate.ts";
import { initialState } from "../../../../keeper/core/state.ts";
import { Questions } from "../../../../keeper/runtime/questions.ts";
import { CommitteeQuotas } from "../../../../keeper/runtime/round-quota.ts";
import { ingressWith } from "../../../support/ingress.ts";
import { simulatedCrypto, simulatedKeyring } from "../../../../sim/signatures/cheap-signatures.ts";
import { committeeAt } from "../../../support/machine.ts";

const committee = committeeAt(10, { chainId: 5 });

function hello(keeper: number, n: number, options: { signer?: number; committee?: Hex } = {}): Uint8Array {
  const address = options.committee ?? committee.address;
  const instance: Hex = `0x${n.toString(16).padStart(32, "0")}`;
  const body: Body = { kind: "hello", instance, head: 100, speaks: 3 };
  const hash = messageDigest(domainOf(5, address), 1, keeper, body);
  const signature = simulatedKeyring(options.signer ?? keeper).signMessage(hash);
  return encodeMessage({ chainId: 5, committee: address, version: 1, keeper, body, signature });
}

type Pulled = { messages: Message[] | undefined; checks: number; codes: ReasonCode[]; asked: Uint8Array };

async function pullOf(reply: Uint8Array | undefined, burst: number, state = initialState()): Promise<Pulled> {
  let checks = 0;
  let asked = new Uint8Array();
  const codes: ReasonCode[] = [];
  const crypto = {
    ...simulatedCrypto,
    messageSigner: (digest: Hex, signature: Hex) => {
      checks++;
      return simulatedCrypto.messageSigner(digest, signature);
    },
  };
  const questions = new Questions({
    transport: {
      ask: async (_keeper, _question, bytes) => {
        asked = new Uint8Array(bytes);
        return reply;
      },
    },
    telemetry: { reason: (_group, code) => void codes.push(code) },
    ingress: ingressWith({ crypto, burst }),
  });
  const effect = { kind: "pull", keeper: 1, askedAt: 100, ts: 10, turn: 1 } as const;
  return {
    messages: await questions.pull(committee, state, effect, new CommitteeQuotas()),
    checks,
    codes,
    asked,
  };
}

describe("a reply to a pull", () => {
  it("with honest messages is accepted completely", async () => {
    const reply = encodePullReply([0, 1, 2, 3].map((keeper) => hello(keeper, keeper)));
    const { messages, codes } = await pullOf(reply, 10);
    expect(messages?.map(({ keeper }) => keeper)).toEqual([0, 1, 2, 3]);
    expect(codes).toEqual([]);
  });

  const many = (make: (n: number) => Uint8Array): Uint8Array =>
    encodePullReply(Array.from({ length: 3_000 }, (_, n) => make(n)));

  it.each([
    ["forged", many((n) => hello(2, n, { signer: 1 })), 1, "wire-bad-signature"],
    ["its own, beyond its rate", many((n) => hello(1, n)), 10, "wire-flood"],
    [
      "of another group",
      many((n) => hello(1, n, { committee: `0x${"68".repeat(20)}` })),
      0,
      "wire-wrong-committee",
    ],
    ["of an index outside the committee", many((n) => hello(9, n)), 0, "wire-not-a-member"],
  ] as const)(
    "with thousands of messages, %s, is read up to the bound for honest replies",
    async (_name, reply, most, code) => {
      const { checks, codes, messages } = await pullOf(reply, 10);
      expect(checks).toBe(most);
      expect(codes[0]).toBe(code);
      expect(codes.length).toBeLessThanOrEqual(8 * 4);
      expect(messages?.length ?? 0).toBeLessThanOrEqual(10);
    },
  );

  it("of an honest keeper is read beyond the refused messages of a flooding keeper", async () => {
    const flood = [0, 1, 2, 3, 4].map((n) => hello(1, n));
    const { messages } = await pullOf(encodePullReply([...flood, hello(2, 0), hello(3, 0)]), 2);
    expect(messages?.map(({ keeper }) => keeper)).toEqual([1, 1, 2, 3]);
  });

  it("that repeats one message is read to the first repetition", async () => {
    const { messages, checks } = await pullOf(
      many(() => hello(1, 1)),
      10,
    );
    expect(messages).toHaveLength(1);
    expect(checks).toBe(1);
  });

  it("is requested with at most as many prefixes as a question holds", async () => {
    const state = initialState();
    const one = (n: number): MessageOf<"hello"> => ({
      keeper: 0,
      version: 1,
      body: { kind: "hello", instance: "0x", head: n, speaks: 3 },
      hash: `0x${n.toString(16).padStart(64, "0")}`,
      signature: "0x",
      bytes: new Uint8Array(),
    });
    state.hellos.set(
      0,
      Array.from({ length: maxHave + 500 }, (_, n) => one(n)),
    );
    const { asked, messages } = await pullOf(undefined, 10, state);
    expect(messages).toBeUndefined();
    const decoded = decodePull(asked);
    expect(decoded.ok && decoded.value.have.length).toBe(maxHave);
  });
});

describe("a question for a certificate (R29)", () => {
  const items = Array.from({ length: 256 }, (_, provider) => ({ provider, spaceTime: 2n ** 127n }));
  const groups = Array.from({ length: 500 }, (_, i) => ({ number: i + 1, group: committee.address, items }));
  const root = new CertificateTree(groups).root;
  const certificate = {
    ts: 10,
    te: 70,
    version: 1,
    leader: 0,
    failed: 0n,
    payees: 15n,
    count: 500,
    groups: root,
  };
  const hash = rememberedHash(certificate);
  const effect = { kind: "ask-certificate", keeper: 1, hash } as const;

  function asking(answer: (bytes: Uint8Array) => Uint8Array | undefined): {
    questions: Questions;
    asked: () => number;
  } {
    let asked = 0;
    const ask = async (_keeper: Hex, _question: string, bytes: Uint8Array) => {
      asked++;
      return answer(bytes);
    };
    const telemetry = { reason: () => undefined };
    const questions = new Questions({ transport: { ask }, telemetry, ingress: ingressWith() });
    return { questions, asked: () => asked };
  }

  it("is answered in pages of whole groups, and collects all of them", async () => {
    const state = initialState();
    state.certificates.set("10/1", { certificate, groups });
    const holder = asking(() => undefined).questions;
    const { questions, asked } = asking((bytes) => holder.answerCertificate(bytes, () => state));
    expect(await questions.certificate(committee, effect)).toEqual({ certificate, groups });
    expect(asked()).toBeGreaterThan(1);
    const other = { ...effect, hash: `0x${"11".repeat(25)}` } as const;
    expect(await questions.certificate(committee, other)).toBeUndefined();
  });

  it("is answered with pages within the limit of a reply, for many small groups as well", () => {
    const many = Array.from({ length: 24_000 }, (_, i) => ({
      number: i + 1,
      group: committee.address,
      items: [{ provider: 0, spaceTime: 1n }],
    }));
    const page = encodeCertificatePage(certificate, many, 0);
    expect(page.length).toBeLessThanOrEqual(maxReplyBytes);
    const decoded = decodeCertificatePage(page);
    const first = decoded.ok ? decoded.value.groups.length : 0;
    // One group more would not fit.
    expect(page.length + page.length / first).toBeGreaterThan(maxReplyBytes);
    const rest = decodeCertificatePage(encodeCertificatePage(certificate, many, first));
    expect(rest.ok && rest.value.groups.length).toBe(many.length - first);
  });

  it("ends at the first answer that is another certificate, has no group, or is malformed", async () => {
    const answers = [
      encodeCertificatePage({ ...certificate, payees: 1n }, groups, 0),
      encodeCertificatePage(certificate, groups, 500),
      new Uint8Array([1, 2, 3]),
      undefined,
    ];
    for (const answer of answers) {
      const { questions, asked } = asking(() => answer);
      expect(await questions.certificate(committee, effect)).toBeUndefined();
      expect(asked()).toBe(1);
    }
  });
});
