/** Asks other keepers for missing messages and answers such questions from this keeper's state (R22). */
import {
  decodePull,
  decodePullReply,
  encodePull,
  encodePullReply,
  hashPrefix,
  maxHave,
} from "../../protocol/codec/question.ts";
import {
  decodeCertificatePage,
  decodeCertificateQuestion,
  encodeCertificatePage,
  encodeCertificateQuestion,
} from "../../protocol/codec/certificate-pages.ts";
import { rememberedHash } from "../../protocol/certificate.ts";
import type { CertifiedGroup } from "../../protocol/certificate.ts";
import type { Effect, Signed } from "../core/effects.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import { certificateOf, turnMessages } from "../core/liveness.ts";
import type { Message } from "../../protocol/messages.ts";
import type { KeeperState } from "../core/state.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { TransportPort } from "../ports/transport.ts";
import type { Ingress } from "./ingress.ts";
import type { CommitteeQuotas } from "./round-quota.ts";

export type QuestionDependencies = {
  readonly transport: Pick<TransportPort, "ask">;
  readonly telemetry: Pick<TelemetryPort, "reason">;
  readonly ingress: Ingress;
};

/** For each member: an honest keeper may send some messages that are surplus here, or of a view that differs by one block. */
const maxRefusedEach = 8;

export class Questions {
  readonly #on: QuestionDependencies;

  constructor(on: QuestionDependencies) {
    this.#on = on;
  }

  /** Messages of a turn that the asked keeper has and this one lacks, each fully checked; undefined: no answer. */
  async pull(
    committee: CommitteeSnapshot,
    state: KeeperState,
    effect: Extract<Effect, { kind: "pull" }>,
    quotas: Pick<CommitteeQuotas, "reserved">,
  ): Promise<Message[] | undefined> {
    const operator = committee.version.members[effect.keeper]?.operator;
    if (operator === undefined) return undefined;
    const { ts, turn } = effect;
    const have = turnMessages(state, ts, turn)
      .slice(-maxHave)
      .map((message) => hashPrefix(message.hash));
    const question = encodePull({ committee: committee.address, ts, turn, have });
    const reply = await this.#on.transport.ask(operator, "pull", question);
    if (reply === undefined) return undefined;
    const decoded = decodePullReply(reply);
    if (!decoded.ok) {
      this.#on.telemetry.reason(
        committee.address,
        "wire-malformed",
        `pull reply of ${operator}: ${decoded.detail}`,
      );
      return undefined;
    }
    return this.#admitted(committee, operator, decoded.value, quotas.reserved(state, operator));
  }

  /**
   * A reply may have a megabyte, and each signature check costs a millisecond. So the checks end at the first message that no honest
   * keeper would send (D6).
   */
  async #admitted(
    committee: CommitteeSnapshot,
    operator: Hex,
    replies: readonly Uint8Array[],
    isReserved: ReturnType<CommitteeQuotas["reserved"]>,
  ): Promise<Message[]> {
    const admitted = new Map<Hex, Message>();
    let refusable = maxRefusedEach * committee.version.members.length;
    for (const bytes of replies) {
      const checked = await this.#on.ingress.check(bytes, committee, isReserved);
      if (checked.verdict === "accept") {
        if (admitted.has(checked.message.hash)) break;
        admitted.set(checked.message.hash, checked.message);
        continue;
      }
      this.#on.telemetry.reason(
        committee.address,
        checked.code,
        `pulled from ${operator}: ${checked.detail}`,
      );
      if (checked.verdict === "reject" || --refusable === 0) break;
    }
    return [...admitted.values()];
  }

  /** R29: a whole certificate from one keeper; undefined: it does not serve it. The core checks it. */
  async certificate(
    { address, version }: CommitteeSnapshot,
    { keeper, hash }: Extract<Effect, { kind: "ask-certificate" }>,
  ): Promise<Signed | undefined> {
    const operator = version.members[keeper]?.operator;
    const groups: CertifiedGroup[] = [];
    if (operator === undefined) return undefined;
    for (;;) {
      const question = encodeCertificateQuestion({ committee: address, hash, first: groups.length });
      const reply = await this.#on.transport.ask(operator, "certificate", question);
      const page = reply === undefined ? undefined : decodeCertificatePage(reply);
      // Another certificate than the one asked for, or a page without groups, ends the questions (D6).
      if (page?.ok !== true || rememberedHash(page.value.certificate) !== hash) return undefined;
      const { certificate } = page.value;
      groups.push(...page.value.groups);
      if (groups.length >= certificate.count) return { certificate, groups };
      if (page.value.groups.length === 0) return undefined;
    }
  }

  answerCertificate(
    bytes: Uint8Array,
    stateOf: (committee: Hex) => KeeperState | undefined,
  ): Uint8Array | undefined {
    const question = decodeCertificateQuestion(bytes);
    if (!question.ok) return undefined;
    const { committee, hash, first } = question.value;
    const state = stateOf(committee);
    const signed = state === undefined ? undefined : certificateOf(state, hash);
    return signed === undefined ? undefined : encodeCertificatePage(signed.certificate, signed.groups, first);
  }

  answerPull(
    bytes: Uint8Array,
    stateOf: (committee: Hex) => KeeperState | undefined,
  ): Uint8Array | undefined {
    const question = decodePull(bytes);
    if (!question.ok) return undefined;
    const { committee, ts, turn, have } = question.value;
    const state = stateOf(committee);
    if (state === undefined) return undefined;
    const known = new Set(have);
    const missing = turnMessages(state, ts, turn).filter((m) => !known.has(hashPrefix(m.hash)));
    return encodePullReply(missing.map((message) => message.bytes));
  }
}
