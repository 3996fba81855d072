/** Certificates of random sequences: what their members sign, and which groups are handed in when. */
import type { Wallet } from "ethers";
import { bitmap } from "../../../protocol/bitmap.ts";
import {
  certificateDigest,
  CertificateTree,
  type Certificate as Signed,
  type CertifiedGroup,
} from "../../../protocol/certificate.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { certify } from "./keys.ts";
import { range } from "./basics.ts";
import { committedIn, providersIn } from "./model/commitments.ts";
import { faulty, openFrom, versionOf } from "./model/committee.ts";
import * as settlement from "./model/settlement.ts";
import { committeeOf, found, groupOf, type Certificate, type Entry } from "./model/world.ts";
import type { Player } from "./sequence-player.ts";
import { secretOfKeeper, type Receipt } from "./sequence-stage.ts";
import { everything, type Choice, type ProofFlaw, type Step } from "./sequence-steps.ts";

type Call = { wallet: Wallet; seat: number | undefined };

export class CertificatePlayer {
  readonly #player: Player;

  constructor(player: Player) {
    this.#player = player;
  }

  async certify(index: number, choice: Choice): Promise<void> {
    const player = this.#player;
    const { rhythm, certifiedThrough: ts } = committeeOf(player.model, index);
    const { interval, turn } = rhythm;
    const first = ts + interval;
    const start = first + Math.min(choice.lapsed, 3) * turn;
    const late = choice.late ? openFrom(committeeOf(player.model, index), 0) : 0;
    await player.reach(start + late + choice.delay);
    const block = (await player.block()) + 1;
    const lapsed = Math.max(0, Math.floor((block - first) / turn)) + (choice.flaw === "early" ? 1 : 0);
    const te = first + lapsed * turn;
    const certificate = this.#certificate(index, ts, te, lapsed, choice);
    const call = this.#sender(index, certificate, choice, block);
    await this.#send(index, certificate, choice, call);
  }

  #certificate(index: number, ts: number, te: number, lapsed: number, choice: Choice): Certificate {
    const committee = committeeOf(this.#player.model, index);
    const { n } = committee;
    const leader = choice.leader % n;
    const others = range(n).filter((seat) => seat !== leader);
    const count = Math.min(lapsed, faulty(committee)) + (choice.flaw === "failed" ? 1 : 0);
    const failed = range(count)
      .map((i) => others[(choice.failedFrom + i) % (n - 1)] as number)
      .sort((a, b) => a - b);
    const mayBePaid = (seat: number): boolean => choice.flaw === "payee" || !failed.includes(seat);
    const payees = range(n).filter((seat) => (choice.payees >> seat) % 2 === 1 && mayBePaid(seat));
    const version = committee.version + (choice.flaw === "version" ? 1 : 0);
    return { ts, te, version, leader, failed, payees, entries: this.#scope(index, ts, te, choice) };
  }

  /** R38: groups and providers with a committed slot in [ts, te), and what they are said to have proven. */
  #scope(index: number, ts: number, te: number, choice: Choice): Entry[] {
    const { model } = this.#player;
    const { memberships } = committeeOf(model, index);
    let drawn = 0;
    const entries = [...memberships].flatMap(([number, { group: member, entered, left }]) => {
      const group = groupOf(model, member);
      const [from, through] = [Math.max(ts, entered), Math.min(te, left)];
      if (group.settledThrough >= through) return [];
      const items = providersIn(group, from, through).map((provider) => {
        const { spaceTime } = committedIn(group, found(group.providers[provider], "provider"), from, through);
        const permille = choice.permilles[drawn++ % 12] as number;
        const signed = permille === everything ? (1n << 128n) - 1n : (spaceTime * BigInt(permille)) / 1000n;
        return { provider, spaceTime: signed };
      });
      return items.length === 0 ? [] : [{ number, group: member, items }];
    });
    const [head, ...rest] = entries;
    if (head === undefined) return [];
    if (choice.flaw === "count") return [{ ...head, items: head.items.slice(1) }, ...rest];
    const beyond = { provider: groupOf(model, head.group).providers.length, spaceTime: 1n };
    if (choice.flaw !== "extra") return entries;
    // One item more than providers, or one in the place of another.
    const kept = choice.sender % 2 === 0 ? head.items : head.items.slice(0, -1);
    return [{ ...head, items: [...kept, beyond] }, ...rest];
  }

  #sender(index: number, certificate: Certificate, choice: Choice, block: number): Call {
    const committee = committeeOf(this.#player.model, index);
    const late = block >= openFrom(committee, certificate.te);
    const seat = late || choice.flaw === "sender" ? choice.sender % committee.n : certificate.leader;
    const keeper = versionOf(committee, committee.version).operators[seat] as number;
    return { wallet: found(this.#player.stage.keepers[keeper], "keeper").operator, seat };
  }

  async #send(
    index: number,
    certificate: Certificate,
    choice: Choice,
    { wallet, seat }: Call,
  ): Promise<void> {
    const player = this.#player;
    const { contract } = found(player.stage.committees[index], "committee");
    const committee = committeeOf(player.model, index);
    const { n } = committee;
    const lacking =
      choice.flaw === "signers" ? faulty(committee) + 1 : choice.absent % (faulty(committee) + 1);
    const signers = range(n).filter((i) => (i + choice.leader) % n >= lacking);
    const forged = choice.flaw === "forged";
    const { operators, keys } = versionOf(committee, committee.version);
    const secrets = signers.map((i) =>
      secretOfKeeper(operators[i] as number, (keys[i] as number) + (forged ? 1 : 0)),
    );
    const signed = this.#signed(certificate);
    const digest = certificateDigest(player.stage.committees[index]?.domain as Hex, signed);
    const run = runOf(choice, certificate.entries.length);
    const handed = this.#handed(certificate, run, choice.proof);
    const args = [signed, bitmap(signers), certify(secrets, digest), ...handed];
    const sending = { certificate, signers: signers.length, seat, forged };
    const agreed = await player.both(wallet, contract, "certify", args, (next, block) =>
      settlement.certify(next, index, sending, run, block),
    );
    if (agreed !== undefined) this.#expectSame(index, certificate, agreed, seat);
  }

  /** What a sequence came to, beside the calls. */
  #noteSettled({ version }: Certificate, { group: index, number }: settlement.Handed): void {
    const { outcomes, model } = this.#player;
    const { providers, accounts } = groupOf(model, index);
    if (version > 1) outcomes.add("a second version");
    if (accounts.size > 1) outcomes.add("two accounts");
    if (providers.some(({ data }) => data.at(-1)?.price === 0n)) outcomes.add("price 0");
    const settled = model.groups.filter((group) => group.accounts.size > 0);
    if (settled.length > 1) outcomes.add("several groups");
    const committee = groupOf(model, index).service?.committee;
    const memberships = [...(committee === undefined ? [] : committeeOf(model, committee).memberships)];
    if (memberships.some(([other, { group }]) => group === index && other < number)) outcomes.add("a return");
  }

  async settle(index: number, step: Extract<Step, { kind: "settle" }>): Promise<void> {
    const player = this.#player;
    const committee = committeeOf(player.model, index);
    const all = [...committee.remembered.values()].map(({ certificate }) => certificate);
    // The latest certificates are the likely ones, and the earliest that a group still lacks.
    const lacking = all.filter(({ te, entries }) =>
      entries.some(({ group }) => groupOf(player.model, group).settledThrough < te),
    );
    const certificate = lacking[step.pick] ?? lacking[0] ?? all[step.pick];
    if (certificate === undefined) return;
    const { length: count } = certificate.entries;
    if (count === 0) return;
    const first = step.first % count;
    const proven = step.proof === "none";
    const run = { first, length: Math.min(step.length, count - first), proven };
    await this.#settle(index, certificate, run, step.sender, step.proof);
  }

  /** Settles one group under a remembered certificate; its place in it is what the model says. */
  async settleGroup(index: number, certificate: Certificate, group: number): Promise<void> {
    const first = certificate.entries.findIndex((entry) => entry.group === group);
    if (first >= 0) await this.#settle(index, certificate, { first, length: 1, proven: true }, -1, "none");
  }

  async #settle(
    index: number,
    certificate: Certificate,
    run: settlement.Run,
    sender: number,
    proof: ProofFlaw,
  ): Promise<void> {
    const player = this.#player;
    const { operators } = versionOf(committeeOf(player.model, index), certificate.version);
    const keeper = operators[sender];
    const wallet =
      keeper === undefined ? player.stage.stranger : found(player.stage.keepers[keeper], "keeper").operator;
    const seat = keeper === undefined ? undefined : sender;
    const { contract } = found(player.stage.committees[index], "committee");
    const args = [this.#signed(certificate), ...this.#handed(certificate, run, proof)];
    const agreed = await player.both(wallet, contract, "settle", args, (next, block) =>
      settlement.settle(next, index, certificate, run, seat, block),
    );
    if (agreed !== undefined) this.#expectSame(index, certificate, agreed, seat);
  }

  #signed(certificate: Certificate): Signed {
    const { ts, te, version, leader, failed, payees, entries } = certificate;
    const tree = new CertificateTree(this.#groups(entries));
    return {
      ts,
      te,
      version,
      leader,
      failed: bitmap([...failed]),
      payees: bitmap([...payees]),
      count: entries.length,
      groups: tree.root,
    };
  }

  #groups(entries: readonly Entry[]): CertifiedGroup[] {
    return entries.map(({ number, group, items }) => ({
      number,
      group: this.#player.addressOf(group).toLowerCase() as Hex,
      items,
    }));
  }

  /** Words and proof of the groups handed in, with a flaw unless they are to be proven. */
  #handed({ entries }: Certificate, run: settlement.Run, flaw: ProofFlaw): unknown[] {
    const { first, length, proven } = run;
    const groups = this.#groups(entries);
    // R27: items(16) ‖ number(32) ‖ group(160), then the items.
    const words = groups
      .slice(first, first + length)
      .flatMap(({ number, group, items }) => [
        (BigInt(items.length) << 192n) | (BigInt(number) << 160n) | BigInt(group),
        ...items.map(({ provider, spaceTime }) => (BigInt(provider) << 128n) | spaceTime),
      ]);
    const proof = new CertificateTree(groups).rangeProof(first, length);
    if (proven) return [first, words, proof];
    if (flaw === "shifted" && length > 0) return [first + 1, words, proof];
    if (flaw === "shorter" && proof.length > 0) return [first, words, proof.slice(1)];
    // The last word is an item, or the head of a group without items.
    if (flaw === "items" && words.length > 0)
      return [first, [...words.slice(0, -1), (words.at(-1) as bigint) + 1n], proof];
    return [first, words, [...proof, `0x${"77".repeat(32)}`]];
  }

  /** Groups that refused did so for a reason that the rules give; the others settled. */
  #expectSame(
    index: number,
    certificate: Certificate,
    { result, receipt }: { result: settlement.Handed[]; receipt: Receipt },
    seat: number | undefined,
  ): void {
    const player = this.#player;
    const { contract, address } = found(player.stage.committees[index], "committee");
    const refusals = new Map<number, string>();
    for (const log of receipt.logs) {
      if (log.address.toLowerCase() !== address.toLowerCase()) continue;
      const event = contract.interface.parseLog(log);
      if (event?.name !== "GroupRefused") continue;
      const reason = player.stage.abi.parseError(event.args["reason"])?.name ?? String(event.args["reason"]);
      refusals.set(Number(event.args["number"]), reason);
    }
    for (const handed of result) {
      const actual = refusals.get(handed.number);
      const expected = "refused" in handed ? handed.refused.map(({ error }) => error) : [];
      if (actual === undefined ? expected.length > 0 : !expected.includes(actual))
        throw new Error(
          `group ${handed.group} of the certificate from ${certificate.ts}: the model ${expected.join(" or ") || "settles"}, the contract ${actual ?? "settles"}`,
        );
      player.outcomes.add(actual ?? "settled");
      if (!("refused" in handed)) this.#noteSettled(certificate, handed);
      if (!("refused" in handed)) player.invariants.afterSettlement(index, certificate, handed, seat);
    }
  }
}

function runOf({ hand, first, length, flaw }: Choice, count: number): settlement.Run {
  const proven = flaw !== "proof";
  if (hand === "none" || count === 0) return { first: 0, length: 0, proven };
  if (hand === "all") return { first: 0, length: count, proven };
  const from = first % count;
  const rest = 1 + (length % (count - from));
  return { first: from, length: rest, proven };
}
