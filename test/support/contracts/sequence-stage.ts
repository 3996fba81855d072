/** The contracts that random sequences play on: real committees and groups, and a quick way to call them. */
import { Contract, ZeroAddress, type Interface, type TransactionReceipt, type Wallet } from "ethers";
import { artifact } from "../../../scripts/contracts/artifacts.ts";
import { deployContract, gasCap, refusal, type Refusal } from "./chain.ts";
import { secretOf } from "./keys.ts";
import { range, type Keeper } from "./basics.ts";
import type { Committee } from "./committee-contract.ts";
import { CommitteeWorld } from "./committee-world.ts";
import type { Rhythm } from "./committee.ts";
import { newGroup, never, type Committee as CommitteeModel, type World } from "./model/world.ts";
import type { Beginning, Cast } from "./sequence-steps.ts";

/** Short periods within R4, so that a sequence sees many intervals; two grids that do not match. */
const rhythms: readonly Rhythm[] = [
  { interval: 24, turn: 24, slot: 3, answer: 1, confirmations: 0, toleranceBps: 100 },
  { interval: 36, turn: 32, slot: 4, answer: 1, confirmations: 1, toleranceBps: 100 },
];
const leastKeeperFees = [0n, 1n] as const;
const mostProviders = 20;
const keeperCount = 10;
const stageCasts: readonly Cast[] = [
  { n: 4, coin: false },
  { n: 7, coin: false },
  { n: 4, coin: true },
];

/** Secret key of a keeper after so many rotations. */
export function secretOfKeeper(keeper: number, rotations: number): bigint {
  return secretOf(rotations === 0 ? `keeper ${keeper}` : `keeper ${keeper} key ${rotations}`);
}

/** What a sequence needs of a receipt. */
export type Receipt = Pick<TransactionReceipt, "blockNumber" | "logs">;

export type Played = { receipt: Receipt } | { refused: Refusal };

export class Stage {
  readonly world: CommitteeWorld;
  readonly keepers: Keeper[];
  readonly operators: Wallet[];
  readonly stranger: Wallet;
  /** A payer that is not the convener. */
  readonly other: Wallet;
  /** Two for each cast of `casts`. */
  readonly committees: Committee[];
  readonly reader: Contract;
  readonly lens: Contract;
  /** Errors and events of all contracts. */
  readonly abi: Interface;
  readonly groupAbi: Interface;
  readonly #kept: World;
  readonly #views = new Map<Interface, Map<string, View>>();
  #snapshot: unknown;

  private constructor(
    world: CommitteeWorld,
    parts: Pick<Stage, "keepers" | "operators" | "stranger" | "other" | "committees" | "reader" | "lens">,
    kept: World,
  ) {
    this.world = world;
    this.keepers = parts.keepers;
    this.operators = parts.operators;
    this.stranger = parts.stranger;
    this.other = parts.other;
    this.committees = parts.committees;
    this.reader = parts.reader;
    this.lens = parts.lens;
    this.abi = world.errors;
    this.groupAbi = new Contract(world.convener.address, artifact("interfaces/IUpkeeping").abi).interface;
    this.#kept = kept;
  }

  static async open(): Promise<Stage> {
    const world = await CommitteeWorld.whole();
    const { chain, token, convener } = world;
    const deployer = chain.signers[0];
    if (deployer === undefined) throw new Error("expected a signer");
    const keepers = await world.keepers(keeperCount);
    const operators = await Promise.all(range(6).map((i) => chain.account(`sequence provider ${i}`)));
    const stranger = await chain.account("stranger");
    const reader = await deployContract("BatchReader", deployer);
    const lens = await deployContract("Lens", deployer, [world.registry]);
    const other = await chain.account("other payer");
    for (const { address } of [convener, other]) {
      await (await token.getFunction("mint")(address, 10n ** 40n)).wait();
      await chain.rpc("hardhat_setBalance", [address, `0x${(10n ** 40n).toString(16)}`]);
    }
    const committees: Committee[] = [];
    const models: CommitteeModel[] = [];
    for (const { n, coin } of stageCasts) {
      for (const [i, rhythm] of rhythms.entries()) {
        const leastKeeperFee = leastKeeperFees[i] ?? 0n;
        const paidIn = coin ? { token: ZeroAddress } : {};
        const terms = { ...paidIn, leastKeeperFee, leastKeeperShareBps: 0, mostProviders };
        const committee = await world.committee(keepers.slice(0, n), { rhythm, terms });
        committees.push(committee);
        const origin = committee.created?.blockNumber ?? never;
        models.push(modelOf(n, rhythm, origin, leastKeeperFee));
      }
    }
    const parts = { keepers, operators, stranger, other, committees, reader, lens };
    const stage = new Stage(world, parts, { committees: models, groups: [], keys: keepers.map(() => 0) });
    const senders = [convener, stranger, other, ...operators, ...keepers.map(({ operator }) => operator)];
    for (const { address } of senders) await chain.rpc("hardhat_impersonateAccount", [address]);
    for (const [i, operator] of operators.entries()) {
      const peer = `0x002408011220${i.toString(16).padStart(64, "7")}`;
      await stage.sent(operator, world.registry, "registerProvider", [
        operator.address,
        peer,
        ["/ip4/127.0.0.1/tcp/2"],
      ]);
    }
    stage.#snapshot = await chain.rpc("evm_snapshot");
    return stage;
  }

  /** Puts the chain back to where every sequence begins. @returns the model of it */
  async begin(): Promise<World> {
    await this.world.chain.rpc("evm_revert", [this.#snapshot]);
    this.#snapshot = await this.world.chain.rpc("evm_snapshot");
    return structuredClone(this.#kept);
  }

  /** The two committees of a cast. */
  committeesOf({ n, coin }: Cast): readonly [number, number] {
    const place = stageCasts.findIndex((cast) => cast.n === n && cast.coin === coin);
    return [2 * place, 2 * place + 1];
  }

  /** What an address holds of a cast's money. */
  async heldBy(address: string, coin: boolean): Promise<bigint> {
    const { token, chain } = this.world;
    return coin ? chain.provider.getBalance(address) : token.getFunction("balanceOf")(address);
  }

  /** A group in no committee that may take its payer's tokens. */
  async group(model: World, beginning: Beginning, coin: boolean): Promise<Contract> {
    const { lockup, keeperShareBps, keeperFee, foreign } = beginning;
    const { factory, token, convener, chain } = this.world;
    const payer = foreign ? this.other : convener;
    const paidIn = coin ? ZeroAddress : await token.getAddress();
    const config = { token: paidIn, lockup, keeperShareBps, keeperFee };
    const receipt = await this.sent(payer, factory, "createGroup", [config, ZeroAddress, 0]);
    const created = receipt.logs
      .map((log) => factory.interface.parseLog(log))
      .find((log) => log?.name === "GroupCreated");
    const group = new Contract(created?.args["group"], this.groupAbi, chain.provider);
    await this.sent(payer, token, "approve", [group.target, (1n << 256n) - 1n]);
    model.groups.push(
      newGroup({ lockup, keeperShareBps: BigInt(keeperShareBps), keeperFee, foreign }, receipt.blockNumber),
    );
    return group;
  }

  /** Sends a call in a block of its own. @returns its receipt, or the custom error */
  async call(
    from: Wallet,
    contract: Contract,
    method: string,
    args: readonly unknown[],
    value = 0n,
  ): Promise<Played> {
    const { rpc } = this.world.chain;
    const data = contract.interface.encodeFunctionData(method, args);
    const [gas, sent] = [`0x${gasCap.toString(16)}`, `0x${value.toString(16)}`];
    const sending = rpc("eth_sendTransaction", [
      { from: from.address, to: contract.target, data, gas, value: sent },
    ]);
    const failed = await sending.then(
      () => false,
      () => true,
    );
    if (failed) return { refused: await refusal(sending, this.abi) };
    const receipt = (await rpc("eth_getTransactionReceipt", [await sending])) as {
      blockNumber: string;
      logs: Receipt["logs"];
    };
    return { receipt: { logs: receipt.logs, blockNumber: Number(receipt.blockNumber) } };
  }

  async sent(from: Wallet, contract: Contract, method: string, args: readonly unknown[]): Promise<Receipt> {
    const played = await this.call(from, contract, method, args);
    if ("refused" in played) throw new Error(`${method}: refused with ${played.refused.error}`);
    return played.receipt;
  }

  /** Many views in one call, each decoded. */
  // A view's shape is known to who asks.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async read(views: readonly (readonly [Contract, string, ...unknown[]])[]): Promise<any[]> {
    const targets = views.map(([contract]) => contract.target);
    const fragments = views.map(([contract, name]) => this.#view(contract, name));
    const calls = views.map(([, , ...args], i) => `${fragments[i]?.selector}${args.map(wordOf).join("")}`);
    const results = (await this.reader.getFunction("read").staticCall(targets, calls)) as string[];
    return results.map((result, i) => {
      if (fragments[i]?.oneWord) return BigInt(result);
      const [contract, name] = views[i] as readonly [Contract, string];
      const decoded = contract.interface.decodeFunctionResult(name, result);
      return decoded.length === 1 ? decoded[0] : decoded;
    });
  }

  /** Selectors are hashed once: a comparison asks hundreds of views. */
  #view({ interface: abi }: Contract, name: string): View {
    const views = this.#views.get(abi) ?? new Map<string, View>();
    this.#views.set(abi, views);
    const known = views.get(name);
    if (known !== undefined) return known;
    const fragment = abi.getFunction(name);
    if (fragment === null) throw new Error(`${name}: expected a view`);
    const oneWord = fragment.outputs.length === 1 && fragment.outputs[0]?.type.startsWith("uint") === true;
    const view = { selector: fragment.selector, oneWord };
    views.set(name, view);
    return view;
  }
}

type View = { selector: string; oneWord: boolean };

/** An argument of one word. */
function wordOf(argument: unknown): string {
  return BigInt(argument as string | number | bigint)
    .toString(16)
    .padStart(64, "0");
}

function modelOf(n: number, rhythm: Rhythm, origin: number, leastKeeperFee: bigint): CommitteeModel {
  const first = {
    operators: range(n),
    keys: range(n).map(() => 0),
    base: 0,
    consents: new Set<number>(),
    rotation: false,
    withdrawn: false,
    resigned: new Set<number>(),
    completedAt: origin,
    from: origin,
  };
  return {
    rhythm,
    n,
    origin,
    leastKeeperFee,
    leastKeeperShareBps: 0n,
    mostProviders,
    certifiedThrough: origin,
    version: 1,
    // There is no version 0.
    versions: [{ ...first, operators: [] }, first],
    memberships: new Map(),
    invited: new Set(),
    remembered: new Map(),
  };
}
