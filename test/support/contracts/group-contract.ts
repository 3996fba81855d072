/** A group's contract, whatever its committee is: what its payer and its providers can do in a test. */
import {
  Contract,
  keccak256,
  toUtf8Bytes,
  ZeroAddress,
  type Signer,
  type TransactionReceipt,
  type Wallet,
} from "ethers";
import { send, type Chain } from "./chain.ts";
import { settledEvent, type Item, type SettledEvent } from "./words.ts";

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
/** The members of a version of a committee. */
export type Seats = { committee: string; version: number; n: number };

/** Where a group lives. */
export type GroupHost = {
  readonly chain: Chain;
  readonly token: Contract;
  readonly payer: Signer;
  /** A registered provider. */
  provider(label: string): Promise<Wallet>;
  balanceOf(address: string): Promise<bigint>;
};

export class GroupContract {
  readonly world: GroupHost;
  readonly contract: Contract;
  readonly config: GroupConfig;
  readonly providers: Wallet[] = [];

  constructor(world: GroupHost, contract: Contract, config: GroupConfig) {
    this.world = world;
    this.contract = contract;
    this.config = config;
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

  /** S2: what came in is what went out and what is there, to the unit; keepers of these versions have the rest. */
  async checkBooksOf(versions: readonly Seats[]): Promise<void> {
    type Books = { deposited: bigint; paidOut: bigint; available: bigint };
    const { deposited, paidOut, available } = (await this.read("escrow")) as Books;
    let credits = 0n;
    for (let i = 0; i < Number((await this.read("state")).providerCount); i += 1)
      credits += await this.credit(i);
    for (const { committee, version, n } of versions) {
      for (let i = 0; i < n; i += 1) credits += await this.read("keeperBalance", committee, version, i);
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
