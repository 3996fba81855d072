/**
 * R21, R22: a reveal counts only if the provider issued every opened receipt to that keeper for that slot and those bytes, and
 * the seed of its full proof is that keeper's. No honest leader lists another reveal in its bundle, and no honest keeper signs a
 * settlement that was decided from a bundle with such a reveal.
 */
import { fromHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { BodyOf } from "../../protocol/messages.ts";
import { slotStart } from "../../protocol/committee.ts";
import { chainId } from "../chain/chain-model.ts";
import { addressOfCommittee, addressOfGroup } from "../chain/snapshots.ts";
import { groupName } from "../group-names.ts";
import { liars, partialsOf } from "./checker.ts";
import type { Checker, Run, Violation } from "./checker.ts";
import { hashOf, hashThen, highestHead, wordsOfKind } from "./words.ts";
import type { Word } from "./words.ts";

type Reveal = Word<BodyOf<"reveal">>;
type Bundle = Word<BodyOf<"bundle">>;

/** The fault of a reveal's receipts or proof; undefined: none. */
function faultOf(run: Run, { committee, keeper, at_ms, body }: Reveal): string | undefined {
  const { cluster } = run;
  const operator = cluster.operatorOf(keeper);
  for (const { group, provider, slot, leaf } of body.opened) {
    if (leaf.kind !== "proven") continue;
    const issued = cluster.issued.find(leaf.receiptHash, slot);
    const what = (): string =>
      `its receipt of ${groupName(run.cluster.chain, committee, group)}, provider ${provider} for slot ${slot}`;
    const world = cluster.chain.committeeAt(committee).membership(group)?.group ?? -1;
    if (issued === undefined) return `${what()} was never given`;
    const { keeper: to, bytes } = issued;
    const ofGroup = issued.group === addressOfGroup(world);
    if (
      to !== operator ||
      !ofGroup ||
      issued.provider !== provider ||
      issued.slot !== slot ||
      bytes !== leaf.bytes
    ) {
      return `${what()} was given to ${to} by provider ${issued.provider} for slot ${issued.slot}, ${bytes} bytes`;
    }
  }
  const first = body.opened.find(({ leaf }) => leaf.kind === "proven");
  if (first === undefined) return undefined;
  const { proof } = body;
  const isSame =
    proof?.group === first.group && proof.provider === first.provider && proof.slot === first.slot;
  if (proof === undefined || !isSame) return "its full proof is of another leaf";
  const params = cluster.chain.paramsOf(committee);
  const blockHash = hashThen(cluster, slotStart(params, proof.slot), at_ms);
  const { blsKey } = cluster.signatures.member(keeper);
  const challenge = {
    chainId,
    committee: addressOfCommittee(committee),
    operator: cluster.chain.setup.operatorOfProvider(proof.provider),
    slot: proof.slot,
    blockHash: blockHash ?? "0x",
  };
  return cluster.signatures.checks.verifySeed(challenge, proof.seed, fromHex(blsKey))
    ? undefined
    : "the seed of its full proof is not its own";
}

export const reveals: Checker = {
  name: "R21",
  check(run) {
    const lying = liars(run);
    const byHash = new Map<Hex, Reveal>(
      wordsOfKind(run, "reveal").map((word) => [hashOf(word.message), word]),
    );
    const faults = new Map<Hex, string | undefined>();
    const fault = (hash: Hex): string | undefined => {
      const reveal = byHash.get(hash);
      if (!faults.has(hash)) faults.set(hash, reveal === undefined ? undefined : faultOf(run, reveal));
      return faults.get(hash);
    };
    const wrongIn = ({ body }: Bundle): string | undefined => {
      const bad = body.reveals.find(({ hash }) => fault(hash) !== undefined);
      return bad === undefined ? undefined : `the reveal of seat ${bad.keeper}: ${fault(bad.hash)}`;
    };
    const bundles = new Map(wordsOfKind(run, "bundle").map((word) => [hashOf(word.message), word]));
    const decidedFrom = new Map(
      wordsOfKind(run, "proposal").map(({ body }) => [body.digest, bundles.get(body.bundle)]),
    );
    const found: Violation[] = [];
    for (const word of bundles.values()) {
      const wrong = lying.has(word.keeper) ? undefined : wrongIn(word);
      if (wrong === undefined) continue;
      const text = `keeper ${word.keeper} counts in committee ${word.committee} ${wrong}`;
      found.push({ checker: "R21", block: highestHead(run.cluster, word.at_ms), text });
    }
    for (const { keeper, committee, digest, at_ms } of partialsOf(run)) {
      const bundle = lying.has(keeper) ? undefined : decidedFrom.get(digest as Hex);
      const wrong = bundle === undefined ? undefined : wrongIn(bundle);
      if (wrong === undefined) continue;
      const text = `keeper ${keeper} signs for committee ${committee} what was decided with ${wrong}`;
      found.push({ checker: "R21", block: highestHead(run.cluster, at_ms), text });
    }
    return found;
  },
};
