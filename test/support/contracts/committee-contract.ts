/** A committee's contract in tests: its versions, the groups that enter it, and its certificates. */
import {
  AbiCoder,
  concat,
  Contract,
  keccak256,
  type Signer,
  type TransactionReceipt,
  type Wallet,
} from "ethers";
import { bitmap } from "../../../protocol/bitmap.ts";
import {
  certificateDigest,
  CertificateTree,
  consentDigest,
  domainOf,
  groupWords,
  type Certificate,
  type CertifiedGroup,
} from "../../../protocol/certificate.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { range, type Keeper } from "./basics.ts";
import { deployContract, send } from "./chain.ts";
import type { Rhythm } from "./committee.ts";
import type { CommitteeWorld } from "./committee-world.ts";
import { addressOf, eventsOf } from "./interfaces.ts";
import { certify } from "./keys.ts";

export type Terms = {
  token: string;
  leastKeeperFee: bigint;
  leastKeeperShareBps: number;
  mostProviders: number;
  open: boolean;
};
export type GroupTerms = {
  payer: string;
  token: string;
  keeperFee: bigint;
  keeperShareBps: number;
  lockup: number;
};
export type Consent = { deadline: number; signature: string };

/** How a certificate is sent. */
export type Sending = {
  signers?: readonly number[];
  sender?: Wallet;
  /** Block of the transaction; the first of the window, or the next. */
  block?: number;
  signature?: string;
  /** Groups handed in: all, unless said otherwise. */
  first?: number;
  length?: number;
  proof?: readonly string[];
  gasLimit?: number;
};

export class Committee {
  readonly world: CommitteeWorld;
  readonly contract: Contract;
  readonly rhythm: Rhythm;
  readonly terms: Terms;
  members: readonly Keeper[];
  created: TransactionReceipt | undefined;

  constructor(
    world: CommitteeWorld,
    contract: Contract,
    all: Rhythm,
    terms: Terms,
    members: readonly Keeper[],
  ) {
    this.world = world;
    this.contract = contract;
    this.rhythm = all;
    this.terms = terms;
    this.members = members;
  }

  get address(): Hex {
    return addressOf(this.contract);
  }

  get domain(): Hex {
    return domainOf(Number(this.world.chain.chainId), this.address);
  }

  // A view's shape is known to the test that asks.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async read(name: string, ...args: unknown[]): Promise<any> {
    return this.contract.getFunction(name).staticCall(...args);
  }

  async send(from: Signer, method: string, args: readonly unknown[] = []): Promise<TransactionReceipt> {
    return send(this.contract, from, method, args);
  }

  member(index: number): Keeper {
    return this.members[index] as Keeper;
  }

  /** What the members of a version consent to, from the interface's text. */
  configuration(base: number, operators: readonly string[]): Hex {
    const coder = AbiCoder.defaultAbiCoder();
    const { interval, turn, slot, answer, confirmations, toleranceBps } = this.rhythm;
    const { token, leastKeeperFee, leastKeeperShareBps, mostProviders, open } = this.terms;
    const blocks = [interval, turn, slot, answer, confirmations, toleranceBps];
    const asked = [token, leastKeeperFee, leastKeeperShareBps, mostProviders, open];
    const words = coder.encode(
      ["tuple(uint32,uint32,uint32,uint32,uint32,uint16)", "tuple(address,uint96,uint16,uint32,bool)"],
      [blocks, asked],
    );
    const list = concat(operators.map((operator) => coder.encode(["address"], [operator])));
    const { chainId } = this.world.chain;
    const fields = [
      chainId,
      this.address,
      this.world.convener.address,
      base,
      keccak256(words),
      keccak256(list),
    ];
    const types = ["uint256", "address", "address", "uint64", "bytes32", "bytes32"];
    return keccak256(coder.encode(types, fields)) as Hex;
  }

  /** A keeper's signed consent to a version of these operators. */
  consentOf(
    keeper: Keeper,
    version: number,
    base: number,
    operators: readonly string[],
    deadline = 1_000_000,
  ): Consent {
    const digest = consentDigest(this.domain, this.configuration(base, operators), version, deadline);
    return { deadline, signature: keeper.operator.signingKey.sign(digest).serialized };
  }

  /** A version that these keepers propose and consent to; it waits for the next certificate, or is in force at once. */
  async propose(next: readonly Keeper[], proposer: Signer = this.world.convener): Promise<number> {
    await this.send(proposer, "propose", [next.map(({ operator }) => operator.address)]);
    return Number(await this.read("lastVersion"));
  }

  /** Contracts that stand for groups, entered one after another, each with one provider's items. */
  async enterStandIns(count: number, change: Partial<GroupTerms> = {}, earliest = 0): Promise<StandIn[]> {
    const { world } = this;
    const groups: StandIn[] = [];
    for (let i = 0; i < count; i += 1) {
      const contract = await deployContract("GroupStandIn", world.convener);
      await send(world.factory, world.convener, "recognise", [contract]);
      groups.push(await this.enterStandIn(contract, change, earliest));
    }
    return groups;
  }

  async enterStandIn(contract: Contract, change: Partial<GroupTerms> = {}, earliest = 0): Promise<StandIn> {
    const terms = { ...this.groupTerms(), ...change };
    await send(contract, this.world.convener, "enter", [this.contract, terms, 3, earliest]);
    const number = Number(await this.read("lastNumber"));
    return { contract, number };
  }

  groupTerms(): GroupTerms {
    return {
      payer: this.world.convener.address,
      token: this.terms.token,
      keeperFee: this.terms.leastKeeperFee,
      keeperShareBps: this.terms.leastKeeperShareBps,
      lockup: 40 + 30 * 42,
    };
  }

  async certifiedThrough(): Promise<number> {
    return Number(await this.read("certifiedThrough"));
  }

  /** Turn whose window the next block lies in, at least 1. */
  async turnNow(): Promise<number> {
    const { interval, turn } = this.rhythm;
    const past = (await this.world.chain.block()) + 1 - (await this.certifiedThrough()) - interval;
    return past < 0 ? 1 : Math.floor(past / turn) + 1;
  }

  /** A certificate of the next interval over these groups; leader and failed are just the first indices. */
  async certificate(
    groups: readonly CertifiedGroup[],
    change: Partial<Certificate> & { turn?: number } = {},
  ): Promise<Certificate> {
    const { turn = await this.turnNow(), ...fields } = change;
    const n = this.members.length;
    const ts = await this.certifiedThrough();
    const failed = fields.failed ?? bitmap(range(Math.min(turn - 1, (n - 1) / 3), 1));
    return {
      ts,
      te: ts + this.rhythm.interval + (turn - 1) * this.rhythm.turn,
      version: Number(await this.read("currentVersion")),
      leader: 0,
      failed,
      payees: ((1n << BigInt(n)) - 1n) & ~failed,
      count: groups.length,
      groups: new CertificateTree(groups).root,
      ...fields,
    };
  }

  /** Arguments from the groups on, as `certify` and `settle` take them. */
  handedIn(groups: readonly CertifiedGroup[], sending: Sending = {}): unknown[] {
    const { first = 0, length = groups.length - first } = sending;
    const run = groups.slice(first, first + length);
    const proof = sending.proof ?? new CertificateTree(groups).rangeProof(first, length);
    return [first, run.flatMap(groupWords), proof];
  }

  sign(c: Certificate, signers: readonly number[]): string {
    const secrets = signers.map((index) => this.member(index).secret);
    return certify(secrets, certificateDigest(this.domain, c));
  }

  /** Signs a certificate and sends it, in the first block of its window unless said otherwise. */
  async certify(
    c: Certificate,
    groups: readonly CertifiedGroup[],
    sending: Sending = {},
  ): Promise<TransactionReceipt> {
    const signers = sending.signers ?? range(this.members.length);
    const signature = sending.signature ?? this.sign(c, signers);
    const { chain } = this.world;
    await chain.before(Math.max(sending.block ?? c.te, (await chain.block()) + 1));
    const sender = sending.sender ?? this.member(c.leader).operator;
    const args = [c, bitmap(signers), signature, ...this.handedIn(groups, sending)];
    const { gasLimit } = sending;
    return send(this.contract, sender, "certify", args, gasLimit === undefined ? {} : { gasLimit });
  }

  /** A certificate of the next interval, signed by all. */
  async certifyNext(
    groups: readonly CertifiedGroup[] = [],
    sending: Sending = {},
  ): Promise<{ certificate: Certificate; receipt: TransactionReceipt }> {
    const certificate = await this.certificate(groups);
    return { certificate, receipt: await this.certify(certificate, groups, sending) };
  }

  async settle(
    c: Certificate,
    groups: readonly CertifiedGroup[],
    sending: Sending = {},
  ): Promise<TransactionReceipt> {
    const sender = sending.sender ?? this.world.convener;
    const { gasLimit } = sending;
    const args = [c, ...this.handedIn(groups, sending)];
    return send(this.contract, sender, "settle", args, gasLimit === undefined ? {} : { gasLimit });
  }

  /** What a group was called with in this transaction: committee, period, payout, items, gas. */
  calledWith(receipt: TransactionReceipt, { contract }: StandIn): unknown[] {
    const [event] = this.events(receipt, contract);
    if (event === undefined) throw new Error(`expected a call of ${addressOf(contract)}, actual none`);
    return event.args;
  }

  /** Names and arguments of the events of this contract, or of another one's interface. */
  events(receipt: TransactionReceipt, from: Contract = this.contract): { name: string; args: unknown[] }[] {
    return eventsOf(receipt, from);
  }
}

export type StandIn = { contract: Contract; number: number };

/** One provider's items in each group. */
export function certified(groups: readonly StandIn[]): CertifiedGroup[] {
  return groups.map(({ contract, number }) => ({
    number,
    group: addressOf(contract).toLowerCase() as Hex,
    items: [{ provider: number, spaceTime: BigInt(number) << 40n }],
  }));
}
