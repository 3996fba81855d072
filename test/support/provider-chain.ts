/** Committees, groups and keepers with libp2p nodes on a chain with the real contracts, for tests of a provider. */
import { Contract, toBeHex } from "ethers";
import type { Signer } from "ethers";
import { startCallingNode } from "../../keeper/adapters/libp2p/node.ts";
import type { CallingNode } from "../../keeper/adapters/libp2p/node.ts";
import { fromHex, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { DataConsent } from "../../provider/consent.ts";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { startChainEndpoint } from "./chain-endpoint.ts";
import type { ChainEndpoint } from "./chain-endpoint.ts";
import { deployContract, send } from "./contracts/chain.ts";
import { CommitteeWorld } from "./contracts/committee-world.ts";
import type { Committee } from "./contracts/committee-contract.ts";
import type { Keeper as Member } from "./contracts/basics.ts";
import { secretOf } from "./secrets.ts";

/** A keeper in the registry, with the node from which it calls providers. */
export type Keeper = {
  readonly operator: Hex;
  /** 32 bytes. */
  readonly blsSecret: Uint8Array;
  readonly calling: CallingNode;
  readonly member: Member;
};

export const lower = (address: string): Hex => address.toLowerCase() as Hex;

const lockup = 100;
const deposit = 10n ** 24n;
/** A GiB for one block costs 1,000 units. */
export const price = 1_000n << 34n;

export class ProviderChain {
  readonly world: CommitteeWorld;
  readonly endpoint: ChainEndpoint;
  /** The Lens contract. */
  readonly lens: Hex;
  readonly #keepers: Keeper[] = [];

  private constructor(world: CommitteeWorld, endpoint: ChainEndpoint, lens: Hex) {
    this.world = world;
    this.endpoint = endpoint;
    this.lens = lens;
  }

  static async open(): Promise<ProviderChain> {
    const world = await CommitteeWorld.whole();
    await send(world.token, world.convener, "mint", [world.convener.address, 10n ** 30n]);
    const lens = await deployContract("Lens", world.chain.signers[0] as Signer, [world.registry]);
    const endpoint = await startChainEndpoint(world.chain.rpc);
    return new ProviderChain(world, endpoint, lower(lens.target as string));
  }

  async close(): Promise<void> {
    for (const { calling } of this.#keepers) await calling.libp2p.stop();
    await this.endpoint.close();
    await this.world.chain.close();
  }

  get chainId(): number {
    return Number(this.world.chain.chainId);
  }

  async registry(): Promise<Hex> {
    return lower(await this.world.registry.getAddress());
  }

  /** The keepers [from, from + count), registered with the peer ids of their nodes. */
  async keepers(from: number, count: number): Promise<Keeper[]> {
    for (let i = this.#keepers.length; i < from + count; i++) {
      const member = (await this.world.keepers(i + 1))[i] as Member;
      const calling = await startCallingNode(toHex(secretOf(100 + i)));
      await this.register(member, calling);
      const blsSecret = fromHex(toBeHex(member.secret, 32));
      this.#keepers.push({ operator: lower(member.operator.address), blsSecret, calling, member });
    }
    return this.#keepers.slice(from, from + count);
  }

  /** Writes the peer id of a node into a keeper's registration. */
  async register({ operator }: Member, calling: CallingNode): Promise<void> {
    const id = toHex(calling.libp2p.peerId.toMultihash().bytes);
    await send(this.world.registry, operator, "updateKeeperEndpoint", [id, ["/ip4/127.0.0.1/tcp/1"]]);
  }

  committee(keepers: readonly Keeper[]): Promise<Committee> {
    return this.world.committee(keepers.map(({ member }) => member));
  }

  /** A funded group of the convener in a committee, without a provider. */
  async group(committee: Committee): Promise<Group> {
    const { world } = this;
    const config = { token: await world.token.getAddress(), lockup, keeperShareBps: 1_000, keeperFee: 0n };
    const receipt = await send(world.factory, world.convener, "createGroup", [config, committee.address, 0]);
    const created = receipt.logs
      .map((log) => world.factory.interface.parseLog(log))
      .find((log) => log?.name === "GroupCreated");
    const address = String(created?.args["group"]);
    const contract = new Contract(address, artifact("interfaces/IUpkeeping").abi, world.convener);
    const group = new Group(contract, world);
    await send(world.token, world.convener, "approve", [address, deposit]);
    await group.send("deposit", [deposit]);
    await group.send("enter", [committee.address, 8]);
    return group;
  }

  /** The committee certifies its next interval, in which provider 0 of each group proved everything, and settles the groups. */
  async certify(committee: Committee, groups: readonly Group[]): Promise<void> {
    const items = [{ provider: 0, spaceTime: (1n << 128n) - 1n }];
    const scope = groups.map(({ address }, i) => ({ number: i + 1, group: address, items }));
    await committee.certify(await committee.certificate(scope), scope);
  }

  async blockHash(block: number): Promise<Hex> {
    const found = (await this.world.chain.rpc("eth_getBlockByNumber", [toBeHex(block), false])) as {
      hash: Hex;
    };
    return found.hash;
  }

  /** Mines until the head is `block`. */
  async mineTo(block: number): Promise<void> {
    await this.world.chain.before(block + 1);
  }
}

export class Group {
  readonly contract: Contract;
  readonly #world: CommitteeWorld;

  constructor(contract: Contract, world: CommitteeWorld) {
    this.contract = contract;
    this.#world = world;
  }

  get address(): Hex {
    return lower(this.contract.target as string);
  }

  async send(method: string, args: readonly unknown[], from: Signer = this.#world.convener): Promise<void> {
    await send(this.contract, from, method, args);
  }

  /** The payer uses a provider's consent. */
  async use(consent: DataConsent, provider?: number): Promise<void> {
    const { operator, listRoot, bytes, receiptKey, sequence, deadline, signature } = consent;
    const terms = [listRoot, bytes, consent.price, receiptKey, sequence, deadline];
    if (provider === undefined) await this.send("addProvider", [operator, terms, signature]);
    else await this.send("changeData", [provider, terms, signature]);
  }

  /** First block of the last change of a provider's data. */
  async changesAt(provider: number): Promise<number> {
    const changes = (await this.contract.getFunction("dataOf").staticCall(provider)) as { from: bigint }[];
    return Number([...changes].at(-1)?.from);
  }
}
