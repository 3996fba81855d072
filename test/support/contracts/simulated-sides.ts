/** The simulated chain beside the real contracts: two committees of the same keepers, and groups of two payers. */
import type { Wallet } from "ethers";
import type { ChainModel } from "../../../sim/chain/chain-model.ts";
import type { GroupModel } from "../../../sim/chain/group-model.ts";
import type { Payer } from "../../../sim/chain/payer.ts";
import { found, type Keeper } from "./basics.ts";
import type { Committee } from "./committee-contract.ts";
import type { ServedGroup, ServiceWorld } from "./service-world.ts";

/** Members of a committee. */
export const n = 4;

/** What both sides know by the same indices. */
export type SidesSetup = Pick<SimulatedSides, "world" | "chain" | "keepers" | "committees" | "payers">;

export class SimulatedSides {
  readonly world: ServiceWorld;
  readonly chain: ChainModel;
  readonly keepers: readonly Keeper[];
  readonly committees: readonly Committee[];
  readonly payers: readonly Wallet[];
  readonly groups: ServedGroup[] = [];
  readonly simulated: Payer[] = [];

  constructor({ world, chain, keepers, committees, payers }: SidesSetup) {
    this.world = world;
    this.chain = chain;
    this.keepers = keepers;
    this.committees = committees;
    this.payers = payers;
  }

  get head(): Promise<number> {
    return this.world.chain.block();
  }

  committee(index: number): Committee {
    return found(this.committees[index], `committee ${index}`);
  }

  group(index: number): ServedGroup {
    return found(this.groups[index], `group ${index}`);
  }

  model(index: number): GroupModel {
    return this.chain.groupAt(index);
  }

  payer(index: number): Payer {
    return found(this.simulated[index], `payer of group ${index}`);
  }

  /** Mines until the next call is in `block`, if that lies ahead. */
  async reach(block: number): Promise<void> {
    if ((await this.head) + 1 < block) await this.world.chain.before(block);
  }

  /** Brings the simulated chain to the head of the real one. */
  async catchUp(): Promise<void> {
    const head = await this.head;
    while (this.chain.head < head) this.chain.mine();
  }
}
