/** Keepers with false records: they commit to, reveal and serve receipts that no provider issued to them for those bytes. */
import { decodeMessage } from "../../protocol/codec/message.ts";
import { refusal } from "../../protocol/codec/challenge.ts";
import type { ChallengeTarget } from "../../protocol/codec/challenge.ts";
import { keccak } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { GossipHandler } from "../../keeper/ports/transport.ts";
import type { KeeperDependencies } from "../../keeper/runtime/keeper.ts";
import type { Behaviour } from "./behaviours.ts";
import { override } from "./override.ts";

/** Whether the keeper falsifies the record of the next challenge. */
type Chooses = () => boolean;

/** A receipt to show for all bytes of a provider, made from the true one if that provider answered. */
type Receipt = (target: ChallengeTarget, truth: Uint8Array | undefined) => Uint8Array | undefined;

/** Records a receipt of `receiptOf` as proof of all of a provider's bytes; the keeper's own checks accept it. */
function claiming(ports: KeeperDependencies, lies: Chooses, receiptOf: Receipt): KeeperDependencies {
  const { provider, crypto } = ports;
  const believed = new Set<Hex>();
  const challenge: typeof provider.challenge = async (target, request, limits) => {
    const truth = await provider.challenge(target, request, limits);
    if (!lies()) return truth;
    const answers = request.targets.map((target, i) => {
      const answer = truth.ok ? truth.answers[i] : undefined;
      const known = answer?.kind === "answer" ? answer : undefined;
      const receipt = receiptOf(target, known?.receipt);
      if (receipt === undefined) return answer ?? refusal("busy", "no receipt to show yet");
      believed.add(keccak(receipt));
      return { kind: "answer" as const, receipt, proof: known?.proof ?? new Uint8Array() };
    });
    const shows = answers.some((answer) => answer.kind === "answer");
    return shows ? { ok: true, answers } : truth;
  };
  const checkAnswer: typeof crypto.checkAnswer = (input) => {
    const receiptHash = keccak(input.answer.receipt);
    if (!believed.has(receiptHash)) return crypto.checkAnswer(input);
    return { ok: true, value: { bytesProven: input.list.totalBytes, proven: 16, receiptHash } };
  };
  return {
    ...ports,
    provider: override(provider, { challenge }),
    crypto: override(crypto, { checkAnswer }),
  };
}

/** Receipts with a signature that is not the provider's. */
export function forgeReceipts(lies: Chooses): Behaviour {
  return (ports) => {
    const last = new Map<string, Uint8Array>();
    return claiming(ports, lies, ({ group, provider }, truth) => {
      const known = truth ?? last.get(`${group}/${provider}`);
      if (known === undefined) return undefined;
      last.set(`${group}/${provider}`, known);
      // The last byte belongs to the signature.
      return known.map((byte, i) => (i === known.length - 1 ? byte ^ 0x55 : byte));
    });
  };
}

/** Receipts that providers gave to other keepers, as their reveals show them. */
export function borrowReceipts(lies: Chooses): Behaviour {
  return (ports) => {
    const { transport, keyring } = ports;
    const borrowed = new Map<number, Uint8Array>();
    const join: typeof transport.join = (topic, handler) => {
      const overhearing: GossipHandler = (bytes, from) => {
        const decoded = decodeMessage(bytes);
        if (decoded.ok && decoded.value.body.kind === "reveal" && from !== keyring.operator) {
          for (const { provider, leaf, receipt } of decoded.value.body.opened) {
            if (leaf.kind === "proven") borrowed.set(provider, receipt);
          }
        }
        return handler(bytes, from);
      };
      transport.join(topic, overhearing);
    };
    const claims = claiming(ports, lies, ({ provider }) => borrowed.get(provider));
    return { ...claims, transport: override(transport, { join }) };
  };
}

/** Asks nobody and pretends to be cut off, so that what its providers once proved is carried on for ever (R13, R14). */
export function carryOn(): Behaviour {
  return (ports) => {
    let tell: Parameters<typeof ports.transport.onConnected>[0] = () => undefined;
    const onConnected: typeof ports.transport.onConnected = (listener) => {
      tell = listener;
      ports.transport.onConnected(() => listener([]));
    };
    const challenge: typeof ports.provider.challenge = async () => {
      tell([]);
      return { ok: false, reason: "unreachable", detail: "not asked" };
    };
    return {
      ...ports,
      provider: override(ports.provider, { challenge }),
      transport: override(ports.transport, { onConnected }),
    };
  };
}
