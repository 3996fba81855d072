/** Committees on a chain in this process, with contracts that stand for any group. */
import {
  Contract,
  getCreateAddress,
  type Interface,
  type Signer,
  type TransactionReceipt,
  type Wallet,
} from "ethers";
import { artifact, deploySystem } from "../../../scripts/contracts/artifacts.ts";
import { compileContracts } from "../../../scripts/contracts/compile.ts";
import { range, type Keeper } from "./basics.ts";
import { deployContract, openChain, refusal, send, type Chain, type Refusal } from "./chain.ts";
import type { Rhythm } from "./committee.ts";
import { Committee, type Consent, type Terms } from "./committee-contract.ts";
import { errorsOf, eventsOf } from "./interfaces.ts";
import { peerId, prove, publicKey, secretOf } from "./keys.ts";

/** Short enough for tests, and within R4. */
export const rhythm: Rhythm = {
  interval: 40,
  turn: 30,
  slot: 5,
  answer: 2,
  confirmations: 1,
  toleranceBps: 100,
};
const noConsent: Consent = { deadline: 0, signature: "0x" };

export class CommitteeWorld {
  readonly chain: Chain;
  readonly registry: Contract;
  readonly factory: Contract;
  readonly token: Contract;
  readonly convener: Wallet;
  readonly errors: Interface;
  readonly #keepers: Keeper[] = [];

  constructor(
    chain: Chain,
    contracts: { registry: Contract; factory: Contract; token: Contract },
    convener: Wallet,
  ) {
    this.chain = chain;
    this.registry = contracts.registry;
    this.factory = contracts.factory;
    this.token = contracts.token;
    this.convener = convener;
    this.errors = errorsOf();
  }

  /** With a factory for which any address that a test names is a group. */
  static async open(): Promise<CommitteeWorld> {
    await compileContracts();
    const chain = await openChain();
    const deployer = chain.signers[0] as Signer;
    const registry = await deployContract("Registry", deployer);
    const token = await deployContract("DemoToken", deployer, ["Demo", "DEMO"]);
    const nonce = await deployer.getNonce();
    const at = getCreateAddress({ from: await deployer.getAddress(), nonce: nonce + 1 });
    const code = await deployContract("Committee", deployer, [registry, at]);
    const factory = await deployContract("CommitteeFactoryStandIn", deployer, [code, registry]);
    return new CommitteeWorld(chain, { registry, factory, token }, await chain.account("convener"));
  }

  /** With the real factory and real groups. */
  static async whole(): Promise<CommitteeWorld> {
    const chain = await openChain();
    const deployer = chain.signers[0] as Signer;
    const { registry, factory } = await deploySystem(deployer);
    const token = await deployContract("DemoToken", deployer, ["Demo", "DEMO"]);
    return new CommitteeWorld(chain, { registry, factory, token }, await chain.account("convener"));
  }

  /** The first `count` keepers, registered when first asked for. */
  async keepers(count: number): Promise<Keeper[]> {
    for (let i = this.#keepers.length; i < count; i += 1) {
      this.#keepers.push(await this.register(`keeper ${i}`));
    }
    return this.#keepers.slice(0, count);
  }

  async register(label: string): Promise<Keeper> {
    const operator = await this.chain.account(label);
    const secret = secretOf(label);
    const proof = prove(secret, this.chain.chainId, await this.registry.getAddress(), operator.address);
    const args = [publicKey(secret), proof, operator.address, peerId(label), ["/ip4/127.0.0.1/tcp/1"]];
    await send(this.registry, operator, "registerKeeper", args);
    return { secret, operator };
  }

  /** A new key in the registry; the keeper's seats keep the old one until they are rotated. */
  async rotate(keeper: Keeper, label: string): Promise<Keeper> {
    const secret = secretOf(label);
    const { address } = keeper.operator;
    const proof = prove(secret, this.chain.chainId, await this.registry.getAddress(), address);
    await send(this.registry, keeper.operator, "rotateKeeperKey", [publicKey(secret), proof]);
    return { ...keeper, secret };
  }

  async terms(change: Partial<Terms> = {}): Promise<Terms> {
    return {
      token: await this.token.getAddress(),
      leastKeeperFee: 0n,
      leastKeeperShareBps: 1000,
      mostProviders: 1_000,
      open: false,
      ...change,
    };
  }

  /** A committee of these keepers, of which those at `consenting` (all, unless said otherwise) sign beforehand. */
  async committee(
    members: readonly Keeper[],
    options: { rhythm?: Partial<Rhythm>; terms?: Partial<Terms>; consenting?: readonly number[] } = {},
  ): Promise<Committee> {
    const all = { ...rhythm, ...options.rhythm };
    const terms = await this.terms(options.terms);
    const operators = members.map(({ operator }) => operator.address);
    const args = [this.convener.address, all, terms, operators];
    const address = String(await this.factory.getFunction("predictCommittee")(...args));
    const contract = new Contract(address, artifact("interfaces/ICommittee").abi, this.convener);
    const committee = new Committee(this, contract, all, terms, members);
    const consenting = new Set(options.consenting ?? range(members.length));
    const consents = members.map((keeper, i) =>
      consenting.has(i) ? committee.consentOf(keeper, 1, 0, operators) : noConsent,
    );
    committee.created = await send(this.factory, this.convener, "createCommittee", [
      all,
      terms,
      operators,
      consents,
    ]);
    return committee;
  }

  async failing(call: Promise<unknown>): Promise<Refusal> {
    return refusal(call, this.errors);
  }

  factoryEvents(receipt: TransactionReceipt): { name: string; args: unknown[] }[] {
    return eventsOf(receipt, this.factory);
  }
}
