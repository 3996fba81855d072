/** Groups of the second edition on a chain in this process, with a contract that stands for any committee. */
import {
  Contract,
  getCreateAddress,
  keccak256,
  toUtf8Bytes,
  ZeroAddress,
  type Interface,
  type Signer,
  type TransactionReceipt,
  type Wallet,
} from "ethers";
import { artifact } from "../../../../scripts/contracts/artifacts.ts";
import { compileContracts } from "../../../../scripts/contracts/compile.ts";
import { Committee, type Rhythm } from "./committee.ts";
import { bitmap } from "../../../../protocol/bitmap.ts";
import { deployContract, openChain, refusal, send, type Chain, type Refusal } from "../chain.ts";
import { peerId, prove, publicKey, secretOf } from "../keys.ts";
import {
  itemWord,
  noSender,
  payoutWord,
  periodWord,
  settledEvent,
  type Item,
  type SettledEvent,
} from "./words.ts";

export type { Committee };

export const gibibyte = 1n << 30n;
/** A price at which one GiB for one block is `units` token units. */
export function perGibibyteBlock(units: bigint): bigint {
  return units << 34n;
}
export const root = keccak256(toUtf8Bytes("list root"));

export type GroupConfig = { token: string; lockup: number; keeperShareBps: number; keeperFee: bigint };
export type DataTerms = {
  root: string;
  size: bigint;
  price: bigint;
  receiptKey: string;
  sequence: bigint;
  deadline: bigint;
};

const rhythm: Rhythm = { interval: 40, turn: 30, slot: 5, answer: 2, confirmations: 1, toleranceBps: 100 };
export const n = 4;

export class GroupWorld {
  readonly chain: Chain;
  readonly registry: Contract;
  readonly factory: Contract;
  readonly token: Contract;
  readonly payer: Signer;
  readonly keepers: Wallet[];
  /** The ABI of everything that a call may revert with. */
  readonly errors: Interface;

  private constructor(
    chain: Chain,
    contracts: { registry: Contract; factory: Contract; token: Contract },
    keepers: Wallet[],
  ) {
    this.chain = chain;
    this.registry = contracts.registry;
    this.factory = contracts.factory;
    this.token = contracts.token;
    this.payer = chain.signers[1] as Signer;
    this.keepers = keepers;
    this.errors = new Contract(ZeroAddress, [
      ...(artifact("edition2/interfaces/IUpkeeping").abi as object[]),
      ...(artifact("edition2/interfaces/IUpkeepingFactory").abi as object[]),
    ]).interface;
  }

  static async open(): Promise<GroupWorld> {
    await compileContracts();
    const chain = await openChain();
    const deployer = chain.signers[0] as Signer;
    const registry = await deployContract("Registry", deployer);
    const token = await deployContract("DemoToken", deployer, ["Demo", "DEMO"]);
    const factory = await deployGroupFactory(deployer, registry);
    await send(token, deployer, "mint", [await (chain.signers[1] as Signer).getAddress(), 10n ** 30n]);
    const keepers: Wallet[] = [];
    for (let i = 0; i < n; i += 1) {
      const label = `keeper ${i}`;
      const operator = await chain.account(label);
      const proof = prove(secretOf(label), chain.chainId, await registry.getAddress(), operator.address);
      await send(registry, operator, "registerKeeper", [
        publicKey(secretOf(label)),
        proof,
        operator.address,
        peerId(label),
        ["/ip4/127.0.0.1/tcp/1"],
      ]);
      keepers.push(operator);
    }
    return new GroupWorld(chain, { registry, factory, token }, keepers);
  }

  /** Another committee of the same keepers. */
  async committee(change: Partial<Rhythm> = {}): Promise<Committee> {
    const all = { ...rhythm, ...change };
    const operators = this.keepers.map(({ address }) => address);
    const contract = await deployContract("CommitteeStandIn", this.payer, [all, operators]);
    await send(this.factory, this.payer, "recognise", [await contract.getAddress()]);
    return new Committee(this, contract, all);
  }

  async provider(label: string): Promise<Wallet> {
    const operator = await this.chain.account(label);
    if (!(await this.registry.getFunction("isProvider")(operator.address))) {
      const args = [operator.address, peerId(label), ["/ip4/127.0.0.1/tcp/2"]];
      await send(this.registry, operator, "registerProvider", args);
    }
    return operator;
  }

  async config(change: Partial<GroupConfig> = {}): Promise<GroupConfig> {
    return {
      token: await this.token.getAddress(),
      lockup: 100,
      keeperShareBps: 1000,
      keeperFee: 0n,
      ...change,
    };
  }

  /** A group in a committee, with money of the payer. */
  async group(
    options: {
      committee?: Committee;
      config?: Partial<GroupConfig>;
      ceiling?: number;
      deposit?: bigint;
    } = {},
  ): Promise<Group> {
    const committee = options.committee ?? (await this.committee());
    const config = await this.config(options.config);
    const { ceiling = 8, deposit = 10n ** 24n } = options;
    const receipt = await send(this.factory, this.payer, "createGroup", [
      config,
      await committee.address(),
      0,
    ]);
    const created = receipt.logs
      .map((log) => this.factory.interface.parseLog(log))
      .find((log) => log?.name === "GroupCreated");
    const abi = artifact("edition2/interfaces/IUpkeeping").abi;
    const group = new Group(this, new Contract(created?.args["group"], abi, this.payer), config, committee);
    if (deposit > 0n) await group.deposit(deposit);
    if (ceiling > 0) await group.send(this.payer, "enter", [await committee.address(), ceiling]);
    return group;
  }

  /** The custom error of a call that must fail. */
  async failing(call: Promise<unknown>): Promise<Refusal> {
    return refusal(call, this.errors);
  }

  async balanceOf(address: string): Promise<bigint> {
    return this.token.getFunction("balanceOf")(address);
  }
}

async function deployGroupFactory(deployer: Signer, registry: Contract): Promise<Contract> {
  const nonce = await deployer.getNonce();
  // The implementations name the factory that is deployed after them.
  const factory = getCreateAddress({ from: await deployer.getAddress(), nonce: nonce + 2 });
  const desk = await deployContract("edition2/UpkeepingDesk", deployer, [registry, factory]);
  const code = await deployContract("edition2/Upkeeping", deployer, [registry, factory, desk]);
  return deployContract("GroupFactoryStandIn", deployer, [code, registry]);
}

export type Payout = { unpaid?: number[]; failed?: number; sender?: number };

/** One group, and what its payer, providers and committee can do in a test. */
export class Group {
  readonly world: GroupWorld;
  readonly contract: Contract;
  readonly config: GroupConfig;
  committee: Committee;
  readonly providers: Wallet[] = [];

  constructor(world: GroupWorld, contract: Contract, config: GroupConfig, committee: Committee) {
    this.world = world;
    this.contract = contract;
    this.config = config;
    this.committee = committee;
  }

  async address(): Promise<string> {
    return this.contract.getAddress();
  }

  // A view's shape is known to the test that asks.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async read(name: string, ...args: unknown[]): Promise<any> {
    return this.contract.getFunction(name).staticCall(...args);
  }

  async send(
    from: Signer,
    method: string,
    args: readonly unknown[] = [],
    value = 0n,
  ): Promise<TransactionReceipt> {
    return send(this.contract, from, method, args, { value });
  }

  async deposit(amount: bigint): Promise<void> {
    const { token, payer } = this.world;
    await send(token, payer, "approve", [await this.address(), amount]);
    await this.send(payer, "deposit", [amount]);
  }

  async available(): Promise<bigint> {
    return (await this.read("escrow")).available;
  }

  async credit(provider: number): Promise<bigint> {
    return (await this.read("provider", provider)).credit;
  }

  async keeper(index: number, version = this.committee.version): Promise<bigint> {
    return this.read("keeperBalance", await this.committee.address(), version, index);
  }

  async settledThrough(): Promise<number> {
    return Number((await this.read("state")).settledThrough);
  }

  async terms(operator: string, change: Partial<DataTerms> = {}): Promise<DataTerms> {
    return {
      root,
      size: gibibyte,
      price: perGibibyteBlock(1000n),
      receiptKey: operator,
      sequence: (await this.read("consentSequence", operator)) + 1n,
      deadline: BigInt((await this.world.chain.block()) + 1_000),
      ...change,
    };
  }

  /** An operator's consent, for the committee that serves the block in which it takes effect. */
  async consent(operator: Wallet, terms: DataTerms, committee?: string): Promise<string> {
    const domain = {
      name: "WhitePay",
      version: "2",
      chainId: this.world.chain.chainId,
      verifyingContract: await this.address(),
    };
    const types = {
      ProviderData: [
        { name: "committee", type: "address" },
        { name: "root", type: "bytes32" },
        { name: "size", type: "uint64" },
        { name: "price", type: "uint80" },
        { name: "receiptKey", type: "address" },
        { name: "sequence", type: "uint64" },
        { name: "deadline", type: "uint64" },
      ],
    };
    const serving = committee ?? (await this.read("effectiveFrom"))[0];
    return operator.signTypedData(domain, types, { committee: serving, ...terms });
  }

  /** Adds a provider and returns its index. */
  async add(label: string, change: Partial<DataTerms> = {}): Promise<number> {
    const operator = await this.world.provider(label);
    const terms = await this.terms(operator.address, change);
    await this.send(this.world.payer, "addProvider", [
      operator.address,
      terms,
      await this.consent(operator, terms),
    ]);
    const index = Number(await this.read("providerOf", operator.address)) - 1;
    this.providers[index] = operator;
    return index;
  }

  async change(index: number, change: Partial<DataTerms>): Promise<TransactionReceipt> {
    const operator = this.providers[index] as Wallet;
    const terms = await this.terms(operator.address, change);
    return this.send(this.world.payer, "changeData", [index, terms, await this.consent(operator, terms)]);
  }

  async activeFrom(provider: number): Promise<number> {
    return Number((await this.read("provider", provider)).activeFrom);
  }

  /** Passes a certified interval to the group, as its committee does. */
  async settle(
    interval: { ts: number; te: number },
    items: readonly Item[],
    payout: Payout = {},
    number?: number,
  ): Promise<TransactionReceipt> {
    const { unpaid = [], failed = 0, sender = noSender } = payout;
    const { committee } = this;
    const period = periodWord({
      number: number ?? Number((await this.read("state")).service.number),
      version: committee.version,
      versionFrom: committee.versionFrom,
      certifiedThrough: await committee.certifiedThrough(),
      ...interval,
    });
    // The leader is among the unpaid if another member takes its share.
    const paid = n - unpaid.length + (sender === noSender ? 0 : 1);
    const words = payoutWord({ sender, paid, divisor: n - failed, n, unpaid: bitmap(unpaid) });
    return send(committee.contract, this.world.payer, "settle", [
      await this.address(),
      period,
      words,
      items.map(itemWord),
    ]);
  }

  /** Certifies and settles the next interval: everything that each provider committed, or `signed`. */
  async settleNext(
    signed: Readonly<Record<number, bigint>> = {},
    payout: Payout = {},
  ): Promise<SettledEvent> {
    const interval = await this.committee.certify();
    return this.settled(await this.settle(interval, await this.items(interval.te, signed), payout));
  }

  /** The providers with data before `te`; all that they could commit, unless `signed` says otherwise. */
  async items(te: number, signed: Readonly<Record<number, bigint>> = {}): Promise<Item[]> {
    const items: Item[] = [];
    for (const seat of await this.read("seats")) {
      const provider = Number(seat);
      const { closed, activeFrom } = await this.read("provider", provider);
      if (!closed && activeFrom < te)
        items.push({ provider, spaceTime: signed[provider] ?? (1n << 128n) - 1n });
    }
    return items.sort((a, b) => a.provider - b.provider);
  }

  settled(receipt: TransactionReceipt): SettledEvent {
    const found = this.event(receipt, "Settled");
    return settledEvent(found["interval"], found["keepers"], [...found["providers"]]);
  }

  /** Arguments of the first event of this name. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  event(receipt: TransactionReceipt, name: string): any {
    const found = receipt.logs
      .map((log) => this.contract.interface.parseLog(log))
      .find((log) => log?.name === name);
    if (found === undefined || found === null) throw new Error(`expected an event ${name}, actual none`);
    return found.args;
  }

  /** S2: what came in is what went out and what is there, to the unit; keepers of `versions` have the rest. */
  async checkBooks(
    versions: readonly (readonly [Committee, number])[] = [[this.committee, 1]],
  ): Promise<void> {
    type Books = { deposited: bigint; paidOut: bigint; available: bigint };
    const { deposited, paidOut, available } = (await this.read("escrow")) as Books;
    let credits = 0n;
    for (let i = 0; i < Number((await this.read("state")).providerCount); i += 1)
      credits += await this.credit(i);
    for (const [committee, version] of versions) {
      for (let i = 0; i < n; i += 1) {
        credits += await this.read("keeperBalance", await committee.address(), version, i);
      }
    }
    const held: bigint =
      this.config.token === ZeroAddress
        ? await this.world.chain.provider.getBalance(await this.address())
        : await this.world.balanceOf(await this.address());
    const expected = deposited - paidOut;
    if (expected !== available + credits || expected !== held) {
      throw new Error(
        `books: expected ${expected}, actual ${available} available + ${credits} credited; ${held} held`,
      );
    }
  }
}
