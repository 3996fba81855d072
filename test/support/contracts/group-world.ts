/** Groups on a chain in this process, with a contract that stands for any committee. */
import {
  Contract,
  getCreateAddress,
  ZeroAddress,
  type Interface,
  type Signer,
  type TransactionReceipt,
  type Wallet,
} from "ethers";
import { artifact } from "../../../scripts/contracts/artifacts.ts";
import { compileContracts } from "../../../scripts/contracts/compile.ts";
import { Committee, type Rhythm } from "./committee.ts";
import { bitmap } from "../../../protocol/bitmap.ts";
import { deployContract, openChain, refusal, send, type Chain, type Refusal } from "./chain.ts";
import { peerId, prove, publicKey, secretOf } from "./keys.ts";
import { GroupContract, type GroupConfig, type Seats } from "./group-contract.ts";
import { itemWord, noSender, payoutWord, periodWord, type Item, type SettledEvent } from "./words.ts";

export type { Committee };
export { gibibyte, perGibibyteBlock, type DataTerms } from "./group-contract.ts";

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
      ...(artifact("Upkeeping").abi as object[]),
      ...(artifact("interfaces/IUpkeeping").abi as object[]),
      ...(artifact("interfaces/IUpkeepingFactory").abi as object[]),
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
    const abi = artifact("interfaces/IUpkeeping").abi;
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
  const desk = await deployContract("UpkeepingDesk", deployer, [registry, factory]);
  const code = await deployContract("Upkeeping", deployer, [registry, factory, desk]);
  return deployContract("GroupFactoryStandIn", deployer, [code, registry]);
}

export type Payout = { unpaid?: number[]; failed?: number; sender?: number };

/** One group, and what its payer, providers and committee can do in a test. */
export class Group extends GroupContract {
  override readonly world: GroupWorld;
  committee: Committee;

  constructor(world: GroupWorld, contract: Contract, config: GroupConfig, committee: Committee) {
    super(world, contract, config);
    this.world = world;
    this.committee = committee;
  }

  async keeper(index: number, version = this.committee.version): Promise<bigint> {
    return this.read("keeperBalance", await this.committee.address(), version, index);
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

  /** S2; keepers of `versions` have the rest. */
  async checkBooks(
    versions: readonly (readonly [Committee, number])[] = [[this.committee, 1]],
  ): Promise<void> {
    const accounts = versions.map(async ([committee, version]): Promise<Seats> => {
      return { committee: await committee.address(), version, n };
    });
    await this.checkBooksOf(await Promise.all(accounts));
  }
}
