/** A simulated chain with several committees and groups on it: blocks that fork, and the contracts' models as they stood after each. */
import type { Block } from "../../keeper/core/events.ts";
import type { CommitteeParams, CommitteeSnapshot, Member } from "../../protocol/committee.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import { certificateDigest, domainOf, rememberedHash } from "../../protocol/certificate.ts";
import type { Certificate, CertifiedGroup, CertifiedItem } from "../../protocol/certificate.ts";
import { keccakWords } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { HandingIn } from "../../keeper/ports/chain.ts";
import { committeeParams } from "./committee-params.ts";
import { CommitteeModel } from "./committee-model.ts";
import { GroupModel } from "./group-model.ts";
import { Refusal, refuse } from "./rules.ts";
import { settleRun } from "./settle-run.ts";
import { Snapshots, addressOfCommittee } from "./snapshots.ts";

/** A certificate that a committee accepted. */
export type Certified = {
  /** Index of the committee in the world. */
  readonly committee: number;
  readonly certificate: Certificate;
  readonly groups: readonly CertifiedGroup[];
  readonly signers: bigint;
  readonly sender: Hex;
  readonly block: number;
  readonly digest: Hex;
  readonly turn: number;
};

/** A group's interval that was settled. */
export type Settled = {
  readonly committee: number;
  readonly group: number;
  /** The group's number in the committee. */
  readonly number: number;
  readonly certificate: Certificate;
  readonly items: readonly CertifiedItem[];
  /** The group's interval in the certificate. */
  readonly from: number;
  readonly to: number;
  readonly sender: Hex;
  readonly block: number;
  /** The group before and after. */
  readonly before: GroupModel;
  readonly after: GroupModel;
};

/** A group that refused its settlement. */
export type RefusedGroup = { readonly group: number; readonly block: number; readonly error: string };

export type ChainSetup = {
  readonly seed: number;
  readonly params: CommitteeParams;
  readonly terms: { readonly lockup: number; readonly keeperShareBps: number; readonly keeperFee: bigint };
  /** Token units per 2^64 byte·blocks. */
  readonly price: bigint;
  /** All keepers that may get a seat; the first `committee` of them are the members of every committee. */
  readonly keepers: readonly Member[];
  readonly committee: number;
  readonly committees: number;
  /** Groups that are there from the start; group g is in committee g mod `committees`. */
  readonly groups: number;
  /** Bytes of each provider in every group. */
  readonly providers: readonly bigint[];
  readonly operatorOfProvider: (provider: number) => Hex;
  /** List root and receipt key of a provider's data. */
  readonly dataOf: (provider: number, bytes: bigint) => { readonly listRoot: Hex; readonly receiptKey: Hex };
  /** Whether `signature` is the aggregate of the members `signers` over `digest`. */
  readonly verify: (digest: Hex, signers: readonly Member[], signature: Hex) => boolean;
};

export const chainId = 31_337;

/** The contracts after a block. Models are replaced, never changed, once a block holds them. */
export type WorldState = {
  readonly committees: readonly CommitteeModel[];
  readonly groups: readonly GroupModel[];
};

/** Models that a call may change: each is copied when it is first asked for. */
export class Draft {
  readonly #committees: CommitteeModel[];
  readonly #groups: GroupModel[];
  readonly #touched = new Set<CommitteeModel | GroupModel>();

  constructor({ committees, groups }: WorldState) {
    this.#committees = [...committees];
    this.#groups = [...groups];
  }

  committee(index: number): CommitteeModel {
    return this.#own(this.#committees, index) ?? refuse("NoSuchCommittee");
  }

  group(index: number): GroupModel {
    return this.#own(this.#groups, index) ?? refuse("NoSuchGroup");
  }

  addGroup(group: GroupModel): void {
    this.#groups.push(group);
    this.#touched.add(group);
  }

  get groups(): number {
    return this.#groups.length;
  }

  /** Replaces a group by a state before a refused call. */
  restore(index: number, before: GroupModel): void {
    this.#groups[index] = before;
  }

  #own<T extends CommitteeModel | GroupModel>(list: T[], index: number): T | undefined {
    const model = list[index];
    if (model === undefined || this.#touched.has(model)) return model;
    const copy = model.clone() as T;
    list[index] = copy;
    this.#touched.add(copy);
    return copy;
  }

  get state(): WorldState {
    return { committees: this.#committees, groups: this.#groups };
  }
}

/** A call of a payer, a provider or a member; refused calls change nothing. */
export type Step = (draft: Draft, block: number) => void;

export class ChainModel {
  readonly setup: ChainSetup;
  readonly #blocks: Block[] = [];
  /** The contracts after each block. */
  readonly #states: WorldState[] = [];
  /** The contracts after the calls that the next block holds so far. */
  #next: WorldState;
  /** Calls other than certificates and settlements, which a reorg puts back into the next block. */
  readonly #calls: { block: number; step: Step }[] = [];
  /** In the order of their blocks. */
  readonly certified: Certified[] = [];
  readonly settled: Settled[] = [];
  readonly refusedGroups: RefusedGroup[] = [];
  readonly #seeds = new Map<string, Hex>();
  readonly #params: CommitteeParams[] = [];
  readonly #snapshots: Snapshots;
  #forks = 0;

  constructor(setup: ChainSetup) {
    this.setup = setup;
    const { params, committees } = setup;
    const { originBlock: _first, ...rest } = params;
    const originOf = (committee: number): number => committeeParams(params, committee).originBlock;
    const members = Array.from({ length: setup.committee }, (_, i) => i);
    const draft = new Draft({
      committees: Array.from(
        { length: committees },
        (_, i) => new CommitteeModel(i, { ...rest, origin: originOf(i) }, members),
      ),
      groups: [],
    });
    for (let i = 0; i < committees; i++) this.#seeds.set(`${i}/1`, keccakWords(setup.seed, i));
    for (let g = 0; g < setup.groups; g++) {
      const origin = originOf(g % committees);
      this.found(draft, g % committees, origin, origin);
    }
    this.#next = draft.state;
    this.#snapshots = new Snapshots(setup, (committee, version) =>
      this.#seeds.get(`${committee}/${version}`),
    );
    for (let i = 0; i <= originOf(committees - 1); i++) this.mine();
  }

  /** Creates a group with all providers, which enters a committee at `entered`. */
  found(draft: Draft, committee: number, created: number, entered: number): void {
    const { terms, providers, price, operatorOfProvider } = this.setup;
    const ceiling = providers.length;
    const { lockup, keeperFee } = terms;
    const index = draft.groups;
    const group = new GroupModel(
      index,
      { lockup, keeperFee, keeperShareBps: BigInt(terms.keeperShareBps), ceiling },
      entered,
    );
    providers.forEach((bytes, i) => group.addProvider(operatorOfProvider(i), created, bytes, price));
    group.deposit(group.required(entered) + 1n);
    draft.addGroup(group);
    const number = draft.committee(committee).enter(index, ceiling, entered);
    group.services.push({ committee, number, from: entered, left: 0 });
  }

  /** Number of committees in the world. */
  get committees(): number {
    return this.#next.committees.length;
  }

  /** Parameters of a committee: all have one rhythm, from different blocks on. */
  paramsOf(committee: number): CommitteeParams {
    return (this.#params[committee] ??= committeeParams(this.setup.params, committee));
  }

  get head(): number {
    return this.#blocks.length - 1;
  }

  block(number: number): Block | undefined {
    return this.#blocks[number];
  }

  /** The contracts as they stood after a block. */
  at(block: number): WorldState {
    return this.#states[Math.max(0, Math.min(block, this.head))] ?? this.#next;
  }

  /** The contracts after the calls of the next block so far. */
  get next(): WorldState {
    return this.#next;
  }

  committeeAt(committee: number, block = this.head): CommitteeModel {
    return this.at(block).committees[committee] as CommitteeModel;
  }

  groupAt(group: number, block = this.head): GroupModel {
    return this.at(block).groups[group] as GroupModel;
  }

  mine(): Block {
    const number = this.#blocks.length;
    const parent = this.#blocks[number - 1]?.hash ?? `0x${"00".repeat(32)}`;
    const block: Block = { number, hash: keccakWords(parent, number, this.#forks, this.setup.seed) };
    this.#blocks.push(block);
    this.#states.push(this.#next);
    return block;
  }

  /** Removes the last `depth` blocks with their certificates; the next blocks get other hashes. */
  reorg(depth: number): void {
    this.#blocks.length -= depth;
    this.#states.length -= depth;
    this.#forks++;
    for (const list of [this.certified, this.settled, this.refusedGroups]) {
      while ((list.at(-1)?.block ?? -1) > this.head) list.pop();
    }
    this.#next = this.at(this.head);
    const again = this.#calls
      .splice(0)
      .filter((call) => call.block <= this.head || void this.call(call.step));
    this.#calls.unshift(...again);
  }

  #attempt(step: Step): string | undefined {
    const draft = new Draft(this.#next);
    try {
      step(draft, this.head + 1);
    } catch (error) {
      if (error instanceof Refusal) return error.message;
      throw error;
    }
    this.#next = draft.state;
    return undefined;
  }

  /** A call in the next block. @returns the error it is refused with */
  call(step: Step): string | undefined {
    const refused = this.#attempt(step);
    if (refused === undefined) this.#calls.push({ block: this.head + 1, step });
    return refused;
  }

  tsAt(committee: number, block: number): number {
    return this.committeeAt(committee, block).ts;
  }

  certifiedOf(committee: number): Certified[] {
    return this.certified.filter((one) => one.committee === committee);
  }

  /** Members of a version, by their index in all keepers. */
  seatsOf(committee: number, version: number): readonly number[] {
    return this.#next.committees[committee]?.versionOf(version)?.members ?? [];
  }

  seedOf(committee: number, version: number): Hex {
    return this.#seeds.get(`${committee}/${version}`) ?? `0x${"00".repeat(32)}`;
  }

  membersOf(committee: number, version: number): Member[] {
    return this.seatsOf(committee, version).map((seat) => this.setup.keepers[seat] as Member);
  }

  snapshot(committee: number, block: number): CommitteeSnapshot {
    return this.#snapshots.of(committee, block, (number) => this.at(number));
  }

  /** Sends a transaction in the next block; refused with the contract's own error. */
  submit(submission: HandingIn, sender: Hex): { readonly block: number } | { readonly refused: string } {
    const block = this.head + 1;
    const committee = this.#next.committees.findIndex(
      ({ index }) => addressOfCommittee(index) === submission.committee,
    );
    const certified: Certified[] = [];
    const settled: Settled[] = [];
    const wrong: RefusedGroup[] = [];
    const refused = this.#attempt((draft) => {
      if (submission.kind === "certify")
        certified.push(this.#certify(draft, committee, block, submission, sender));
      else this.#checkRemembered(draft.committee(committee), submission);
      const { version } = submission.certificate;
      const operators = this.membersOf(committee, version).map(({ operator }) => operator);
      settleRun(draft, committee, operators, { submission, sender, block, settled, wrong });
      if (submission.kind === "certify")
        this.#remember(draft.committee(committee), submission, settled.length);
    });
    if (refused !== undefined) return { refused };
    for (const one of certified) this.#activate(one);
    this.certified.push(...certified);
    this.settled.push(...settled);
    this.refusedGroups.push(...wrong);
    return { block };
  }

  #certify(
    draft: Draft,
    committee: number,
    block: number,
    submission: Extract<HandingIn, { kind: "certify" }>,
    sender: Hex,
  ): Certified {
    const { certificate, groups, signers, signature, turn } = submission;
    const model = draft.committee(committee);
    const members = this.membersOf(committee, model.active);
    const by = members.findIndex(({ operator }) => operator === sender);
    const digest = certificateDigest(domainOf(chainId, addressOfCommittee(committee)), certificate);
    const input = {
      ...certificate,
      failed: bitIndices(certificate.failed),
      payees: bitIndices(certificate.payees),
      signers: bitIndices(signers),
    };
    model.certify(block, by, input, () => {
      const named = bitIndices(signers).map((i) => members[i] as Member);
      return this.setup.verify(digest, named, signature);
    });
    return { committee, certificate, groups, signers, sender, block, digest, turn };
  }

  /** R5: the seed of a version is the hash of the block before the certificate with which it took effect. */
  #activate({ committee }: Certified): void {
    const { active } = this.#next.committees[committee] as CommitteeModel;
    const key = `${committee}/${active}`;
    if (!this.#seeds.has(key)) this.#seeds.set(key, this.#blocks[this.head]?.hash ?? `0x${"00".repeat(32)}`);
  }

  #checkRemembered({ remembered }: CommitteeModel, { certificate }: HandingIn): void {
    const known = remembered.find(({ ts }) => ts === certificate.ts);
    if (known?.hash !== rememberedHash(certificate)) refuse("Committee_NotRemembered");
  }

  /** R29: a certificate is remembered unless all of its groups were settled at once. */
  #remember(model: CommitteeModel, { certificate }: HandingIn, settled: number): void {
    const { ts, te, count } = certificate;
    if (settled < count) model.remembered.push({ ts, te, hash: rememberedHash(certificate) });
  }
}
