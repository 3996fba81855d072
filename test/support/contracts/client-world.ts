/** Real committees and groups, made and changed through the client, on a chain in this process. */
import { Contract, type Signer, type TransactionReceipt, type Wallet } from "ethers";
import * as client from "../../../client/index.ts";
import type { CertifiedGroup } from "../../../protocol/certificate.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { artifact } from "../../../scripts/contracts/artifacts.ts";
import { deployContract, send, type Chain } from "./chain.ts";
import { peerId } from "./keys.ts";
import type { Keeper } from "./basics.ts";
import { Committee, type Sending } from "./committee-contract.ts";
import { CommitteeWorld, rhythm } from "./committee-world.ts";

export const gibibyte = 1n << 30n;
/** A GiB for one block costs 1,000 units. */
export const price = 1_000n << 34n;
export const listRoot = `0x${"5a".repeat(32)}`;
const farBlock = 10_000_000;

/** A group, and what its committee certifies about it. */
export type Served = { readonly at: client.GroupAt; readonly number: number };

export class ClientWorld {
  readonly world: CommitteeWorld;
  readonly lens: string;
  readonly factory: string;
  /** Convener and payer. */
  readonly payer: Wallet;

  /** The payer is the world's convener. */
  constructor(world: CommitteeWorld, contracts: { lens: string; factory: string }) {
    this.world = world;
    this.lens = contracts.lens;
    this.factory = contracts.factory;
    this.payer = world.convener;
  }

  static async open(): Promise<ClientWorld> {
    const world = await CommitteeWorld.whole();
    const lens = await deployContract("Lens", world.chain.signers[0] as Signer, [world.registry]);
    const { convener } = world;
    await send(world.token, convener, "mint", [convener.address, 10n ** 30n]);
    return new ClientWorld(world, {
      lens: await lens.getAddress(),
      factory: await world.factory.getAddress(),
    });
  }

  get chain(): Chain {
    return this.world.chain;
  }

  get provider(): Chain["provider"] {
    return this.chain.provider;
  }

  get contracts(): client.Contracts {
    return { factory: this.factory, lens: this.lens };
  }

  at(address: string): client.GroupAt {
    return { address, lens: this.lens };
  }

  async draft(
    members: readonly Keeper[],
    change: { rhythm?: Partial<client.Rhythm>; terms?: Partial<client.Terms> } = {},
  ): Promise<client.NewCommittee> {
    return {
      factory: this.factory,
      rhythm: { ...rhythm, ...change.rhythm },
      terms: await this.world.terms(change.terms),
      operators: members.map(({ operator }) => operator.address),
    };
  }

  consents(draft: client.NewCommittee, members: readonly Keeper[]): Promise<client.MemberConsent[]> {
    const whole = { ...draft, convener: this.payer.address };
    return Promise.all(
      members.map(({ operator }) => client.signFirstConsent(operator, whole, { deadline: farBlock })),
    );
  }

  /** The certifying side of a committee at an address. */
  committee(address: string, draft: client.NewCommittee, members: readonly Keeper[]): Committee {
    const contract = new Contract(address, artifact("interfaces/ICommittee").abi, this.payer);
    return new Committee(this.world, contract, draft.rhythm, draft.terms, members);
  }

  /** A formed committee; all members consent by signature. */
  async form(
    members: readonly Keeper[],
    change: Parameters<ClientWorld["draft"]>[1] = {},
  ): Promise<Committee> {
    const draft = await this.draft(members, change);
    const plan = await client.planCommittee(this.payer, draft, await this.consents(draft, members));
    const address = client.committeeCreatedBy(await this.run(plan)) as string;
    return this.committee(address, draft, members);
  }

  async config(change: Partial<client.GroupConfig> = {}): Promise<client.GroupConfig> {
    const token = await this.world.token.getAddress();
    return { token, lockup: 100, keeperShareBps: 1_000, keeperFee: 0n, ...change };
  }

  /** A group that enters a committee in its first transaction, with money that was sent ahead. */
  async group(
    committee: Committee,
    {
      config = {},
      ceiling = 8,
      deposit = 10n ** 24n,
    }: {
      config?: Partial<client.GroupConfig>;
      ceiling?: number;
      deposit?: bigint;
    } = {},
  ): Promise<Served> {
    const fresh = { factory: this.factory, config: await this.config(config), committee: committee.address };
    const group = await client.predictGroup(this.provider, this.payer.address, fresh);
    const { token } = fresh.config;
    if (deposit > 0n)
      await this.run(await client.planSendAhead(this.payer, { token, group, amount: deposit }));
    await this.run(await client.planGroup(this.payer, fresh, ceiling));
    return { at: this.at(group), number: Number(await committee.read("lastNumber")) };
  }

  async fund(group: client.GroupAt, amount: bigint): Promise<void> {
    for (const plan of await client.planFund(this.payer, group, amount)) await this.run(plan);
  }

  /** A registered provider. */
  async operator(label: string): Promise<Wallet> {
    const { registry } = this.world;
    const operator = await this.chain.account(label);
    if (!(await registry.getFunction("isProvider")(operator.address))) {
      const args = [operator.address, peerId(label), ["/ip4/127.0.0.1/tcp/2"]];
      await send(registry, operator, "registerProvider", args);
    }
    return operator;
  }

  async consent(
    group: client.GroupAt,
    operator: Wallet,
    change: Partial<client.DataTerms> = {},
  ): Promise<client.DataConsent> {
    const basis = await client.consentBasis(this.provider, group, operator.address);
    const receiptKey = operator.address;
    const deadline = farBlock;
    const terms = { ...basis, listRoot, bytes: gibibyte, price, receiptKey, deadline, ...change };
    return client.signDataConsent(operator, terms);
  }

  async add(group: client.GroupAt, label: string, change: Partial<client.DataTerms> = {}): Promise<Wallet> {
    const operator = await this.operator(label);
    const consent = await this.consent(group, operator, change);
    await this.run(await client.planAddProvider(this.payer, group, consent));
    return operator;
  }

  async change(group: client.GroupAt, operator: Wallet, change: Partial<client.DataTerms>): Promise<void> {
    const consent = await this.consent(group, operator, change);
    await this.run(await client.planChangeData(this.payer, group, consent));
  }

  /** Sends a plan as the payer, or as another account. */
  async run(plan: client.TransactionPlan, from: Wallet = this.payer): Promise<TransactionReceipt> {
    const { hash } = await client.send({ ...plan, contract: plan.contract.connect(from) as Contract }, from);
    return (await this.provider.getTransactionReceipt(hash as string)) as TransactionReceipt;
  }

  /** A group's leaf: everything that its providers committed before `te`, or `proven` of it. */
  async leaf(
    { at, number }: Served,
    te: number,
    proven: Readonly<Record<number, bigint>> = {},
  ): Promise<CertifiedGroup> {
    const whole = (1n << 128n) - 1n;
    const providers = await new client.GroupView(this.provider, at).providers();
    const items = providers
      .filter(({ closed, activeFrom }) => !closed && activeFrom < te)
      .map(({ index }) => ({ provider: index, spaceTime: proven[index] ?? whole }));
    return { number, group: at.address.toLowerCase() as Hex, items };
  }

  /** Certifies the next interval of a committee over these groups, and settles those that `sending` hands in. */
  async certify(
    committee: Committee,
    groups: readonly Served[],
    sending: Sending & { proven?: Readonly<Record<number, bigint>> } = {},
  ): Promise<TransactionReceipt> {
    const turn = await committee.turnNow();
    const te =
      (await committee.certifiedThrough()) + committee.rhythm.interval + (turn - 1) * committee.rhythm.turn;
    const leaves = await Promise.all(groups.map((group) => this.leaf(group, te, sending.proven)));
    const scope = leaves.filter(({ items }) => items.length > 0);
    const certificate = await committee.certificate(scope, { turn });
    return committee.certify(certificate, scope, sending);
  }
}
