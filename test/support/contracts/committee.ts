/** A contract that stands for a committee: what it certified is what a test says. */
import { type Contract } from "ethers";
import { send } from "./chain.ts";
import { type GroupWorld } from "./group-world.ts";

export type Rhythm = {
  interval: number;
  turn: number;
  slot: number;
  answer: number;
  confirmations: number;
  toleranceBps: number;
};
export class Committee {
  readonly world: GroupWorld;
  readonly contract: Contract;
  readonly rhythm: Rhythm;
  version = 1;
  versionFrom = 0;

  constructor(world: GroupWorld, contract: Contract, all: Rhythm) {
    this.world = world;
    this.contract = contract;
    this.rhythm = all;
  }

  async address(): Promise<string> {
    return this.contract.getAddress();
  }

  async certifiedThrough(): Promise<number> {
    return Number(await this.contract.getFunction("certifiedThrough")());
  }

  /** Certifies the next interval of `turn` in its window, and returns it. */
  async certify(turn = 1): Promise<{ ts: number; te: number }> {
    const ts = await this.certifiedThrough();
    const te = ts + this.rhythm.interval + (turn - 1) * this.rhythm.turn;
    if ((await this.world.chain.block()) < te) await this.world.chain.before(te + 1);
    await send(this.contract, this.world.payer, "certify", [te]);
    return { ts, te };
  }

  /** Certifies whole intervals up to the present block. */
  async catchUp(): Promise<void> {
    while ((await this.certifiedThrough()) + this.rhythm.interval <= (await this.world.chain.block())) {
      await this.certify();
    }
  }
}
