/** A registry, a factory, a token, keepers, providers and groups on a chain in this process. */
import { Contract, keccak256, toUtf8Bytes, type Signer, type TransactionReceipt, type Wallet } from "ethers";
import type { GroupRules } from "../../../client/group-view.ts";
import { artifact, deploySystem } from "../../../scripts/contracts/artifacts.ts";
import { deployContract, openChain, send, type Chain } from "./chain.ts";
import { certify, peerId, prove, publicKey, secretOf } from "./keys.ts";
import { bitmap } from "../../../protocol/bitmap.ts";

export { bitmap };

export type Config = GroupRules;

export type Keeper = { secret: bigint; operator: Wallet };
export type Item = { provider: number; spaceTime: bigint };
export type Settlement = {
  ts: number;
  te: number;
  committee: number;
  leader: number;
  failed: bigint;
  payees: bigint;
  items: Item[];
};
export type RootSettlement = Omit<Settlement, "items"> & { root: string; totalSpaceTime: bigint };

export const gibibyte = 1n << 30n;
export const root = keccak256(toUtf8Bytes("list root"));

export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

/** The chain with its contracts and accounts; makes groups. */
export class World {
  readonly chain: Chain;
  readonly registry: Contract;
  readonly factory: Contract;
  readonly token: Contract;
  readonly payer: Signer;
  readonly #keepers: Keeper[] = [];

  private constructor(chain: Chain, registry: Contract, factory: Contract, token: Contract, payer: Signer) {
    this.chain = chain;
    this.registry = registry;
    this.factory = factory;
    this.token = token;
    this.payer = payer;
  }

  static async open(): Promise<World> {
    const chain = await openChain();
    const deployer = chain.signers[0] as Signer;
    const payer = chain.signers[1] as Signer;
    const { registry, factory } = await deploySystem(deployer);
    const token = await deployContract("DemoToken", deployer, ["Demo", "DEMO"]);
    await send(token, deployer, "mint", [await payer.getAddress(), 10n ** 30n]);
    return new World(chain, registry, factory, token, payer);
  }

  /** The first `count` keepers; those that are missing are registered. */
  async keepers(count: number): Promise<Keeper[]> {
    for (let i = this.#keepers.length; i < count; i += 1) {
      this.#keepers.push(await this.registerKeeper(`keeper ${i}`));
    }
    return this.#keepers.slice(0, count);
  }

  async registerKeeper(label: string): Promise<Keeper> {
    const operator = await this.chain.account(label);
    const secret = secretOf(label);
    const proof = prove(secret, this.chain.chainId, await this.registry.getAddress(), operator.address);
    const args = [publicKey(secret), proof, operator.address, peerId(label), ["/ip4/127.0.0.1/tcp/1"]];
    await send(this.registry, operator, "registerKeeper", args);
    return { secret, operator };
  }

  async provider(label: string): Promise<Wallet> {
    const operator = await this.chain.account(label);
    if (!(await this.registry.getFunction("isProvider")(operator.address))) {
      const args = [operator.address, peerId(label), ["/ip4/127.0.0.1/tcp/2"]];
      await send(this.registry, operator, "registerProvider", args);
    }
    return operator;
  }

  async config(change: Partial<Config> = {}): Promise<Config> {
    return {
      token: await this.token.getAddress(),
      price: 10n ** 12n,
      interval: 40,
      turn: 30,
      slot: 5,
      answer: 2,
      confirmations: 1,
      lockup: 40 + 30 * 42,
      keeperShareBps: 1000,
      toleranceBps: 100,
      merkle: false,
      ...change,
    };
  }

  /** A group of the first n keepers, funded by the payer. */
  async group(n: number, options: { config?: Partial<Config>; deposit?: bigint } = {}): Promise<Group> {
    const keepers = await this.keepers(n);
    const config = await this.config(options.config);
    const operators = keepers.map(({ operator }) => operator.address);
    const receipt = await send(this.factory, this.payer, "createGroup", [config, operators]);
    const created = receipt.logs
      .map((log) => this.factory.interface.parseLog(log))
      .find((log) => log?.name === "GroupCreated");
    const contract = new Contract(created?.args["group"], artifact("IUpkeeping").abi, this.payer);
    const group = new Group(this, contract, config, keepers, receipt);
    const deposit = options.deposit ?? 10n ** 24n;
    if (deposit > 0n) await group.deposit(deposit);
    return group;
  }
}

/** Token units that R32 reserves for the lockup of this many bytes. */
export function lockupOf({ lockup, price }: Config, bytes: bigint): bigint {
  return (BigInt(lockup) * bytes * price + gibibyte - 1n) / gibibyte;
}

/** One group, with the calls of its committee and payer. */
export class Group {
  readonly world: World;
  readonly contract: Contract;
  readonly config: Config;
  readonly keepers: Keeper[];
  readonly created: TransactionReceipt;
  readonly providers: Wallet[] = [];

  constructor(
    world: World,
    contract: Contract,
    config: Config,
    keepers: Keeper[],
    created: TransactionReceipt,
  ) {
    this.world = world;
    this.contract = contract;
    this.config = config;
    this.keepers = keepers;
    this.created = created;
  }

  get n(): number {
    return this.keepers.length;
  }

  get f(): number {
    return (this.n - 1) / 3;
  }

  async address(): Promise<string> {
    return this.contract.getAddress();
  }

  // The caller knows the type of the view's result.
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

  /** Money in the escrow that is not credited to anyone. */
  async free(): Promise<bigint> {
    return (await this.read("escrow")).unallocated;
  }

  /**
   * Adds providers, and leaves `free` units in the escrow. R32 refuses a provider that the escrow cannot pay, so a group becomes poor
   * only with time: here another provider is paid nearly all the money, and removed. Keepers earn their part of that pay.
   */
  async addPoor(labels: Readonly<Record<string, bigint>>, free: bigint): Promise<void> {
    const sizes = Object.values(labels);
    const sink = sizes.reduce((a, b) => a + b, gibibyte);
    await this.deposit(3n * lockupOf(this.config, 2n * sink) + free);
    for (const [label, size] of Object.entries(labels)) await this.add(label, size);
    const last = await this.add("gone before", sink);
    const zeros = sizes.map((_, provider) => ({ provider, spaceTime: 0n }));
    const { price, lockup, turn } = this.config;
    await this.world.chain.before((await this.world.chain.block()) + 7 * lockup + 2 * turn);
    const pay = async (spaceTime: bigint): Promise<void> => {
      const items = [...zeros, { provider: last, spaceTime }];
      const { items: listed, ...terms } = await this.proposal(items, { turn: await this.turnNow() });
      // In a Merkle group the root has no known leaf, so nobody can claim the money.
      await (this.config.merkle
        ? this.settleRoot({ ...terms, root, totalSpaceTime: spaceTime })
        : this.settle({ ...terms, items: listed }));
    };
    await pay((((await this.free()) - free) * gibibyte) / price);
    await this.send(this.world.payer, "removeProvider", [last]);
    await pay(0n);
    this.providers.pop();
    const lacking = free - (await this.free());
    if (lacking < 0n) throw new Error(`addPoor: expected at most ${free} free, actual ${free - lacking}`);
    if (lacking > 0n) await this.deposit(lacking);
  }

  async consent(operator: Wallet, size: bigint, sequence: number, listRoot = root): Promise<string> {
    const domain = {
      name: "WhitePay",
      version: "1",
      chainId: this.world.chain.chainId,
      verifyingContract: await this.address(),
    };
    const types = {
      ProviderData: [
        { name: "root", type: "bytes32" },
        { name: "size", type: "uint64" },
        { name: "receiptKey", type: "address" },
        { name: "sequence", type: "uint64" },
      ],
    };
    return operator.signTypedData(domain, types, {
      root: listRoot,
      size,
      receiptKey: operator.address,
      sequence,
    });
  }

  /** Adds a provider and returns its index. */
  async add(label: string, size: bigint): Promise<number> {
    const operator = await this.world.provider(label);
    const sequence = Number(await this.read("consentSequence", operator.address)) + 1;
    const signature = await this.consent(operator, size, sequence);
    await this.send(this.world.payer, "addProvider", [
      operator.address,
      root,
      size,
      operator.address,
      sequence,
      signature,
    ]);
    this.providers.push(operator);
    return this.providers.length - 1;
  }

  async change(provider: number, size: bigint): Promise<TransactionReceipt> {
    const operator = this.providers[provider] as Wallet;
    const sequence = Number(await this.read("consentSequence", operator.address)) + 1;
    const signature = await this.consent(operator, size, sequence);
    return this.send(this.world.payer, "changeData", [
      provider,
      root,
      size,
      operator.address,
      sequence,
      signature,
    ]);
  }

  async settledThrough(): Promise<number> {
    return Number((await this.read("state")).settledThrough);
  }

  /** A settlement of the open interval in turn i; the leader and the failed keepers are the first indices, not R5's. */
  async proposal(items: Item[], change: Partial<Settlement> & { turn?: number } = {}): Promise<Settlement> {
    const { turn = 1, ...fields } = change;
    const ts = await this.settledThrough();
    const failed = fields.failed ?? bitmap(range(Math.min(turn - 1, this.f), 1));
    const payees = ((1n << BigInt(this.n)) - 1n) & ~failed;
    const te = ts + this.config.interval + (turn - 1) * this.config.turn;
    const committee = Number((await this.read("state")).committee);
    return { ts, te, committee, leader: 0, failed, payees, items, ...fields };
  }

  async digest(settlement: Settlement): Promise<string> {
    return this.read("settlementDigest", settlement);
  }

  /** Signs and sends at `block`, by default the first block of the turn. */
  async settle(
    settlement: Settlement,
    options: { signers?: number[]; sender?: Signer; block?: number; signature?: string } = {},
  ): Promise<TransactionReceipt> {
    const signers = options.signers ?? range(this.n);
    const secrets = signers.map((index) => (this.keepers[index] as Keeper).secret);
    const signature = options.signature ?? certify(secrets, await this.digest(settlement));
    const sender = options.sender ?? (this.keepers[settlement.leader] as Keeper).operator;
    await this.world.chain.before(
      Math.max(options.block ?? settlement.te, (await this.world.chain.block()) + 1),
    );
    return this.send(sender, "settle", [settlement, bitmap(signers), signature]);
  }

  async settleRoot(settlement: RootSettlement, signers = range(this.n)): Promise<TransactionReceipt> {
    const secrets = signers.map((index) => (this.keepers[index] as Keeper).secret);
    const signature = certify(secrets, await this.read("settlementRootDigest", settlement));
    await this.world.chain.before(Math.max(settlement.te, (await this.world.chain.block()) + 1));
    const sender = (this.keepers[settlement.leader] as Keeper).operator;
    return this.send(sender, "settleRoot", [settlement, bitmap(signers), signature]);
  }

  /** The turn in whose window the next block lies, at least 1. */
  async turnNow(): Promise<number> {
    const past = (await this.world.chain.block()) + 1 - (await this.settledThrough()) - this.config.interval;
    return past < 0 ? 1 : Math.floor(past / this.config.turn) + 1;
  }
}
