/** Calls about a committee's members and memberships, each on the contract and on the model. */
import { prove, publicKey } from "./keys.ts";
import { range } from "./basics.ts";
import * as committees from "./model/committee.ts";
import * as service from "./model/service.ts";
import { committeeOf, found } from "./model/world.ts";
import type { Player } from "./sequence-player.ts";
import { secretOfKeeper } from "./sequence-stage.ts";

export class MemberPlayer {
  readonly #player: Player;

  constructor(player: Player) {
    this.#player = player;
  }

  async membership(kind: "release" | "reclaim", committee: number, pick: number): Promise<void> {
    const { memberships } = committeeOf(this.#player.model, committee);
    const number = 1 + (pick % (memberships.size + 1));
    const { contract } = found(this.#player.stage.committees[committee], "committee");
    if (kind === "release") {
      const member = committees.versionOf(
        committeeOf(this.#player.model, committee),
        committeeOf(this.#player.model, committee).version,
      ).operators[pick % 4];
      const { operator } = found(this.#player.stage.keepers[member ?? 0], "keeper");
      await this.#player.both(operator, contract, "releaseGroup", [number], (next, at) =>
        service.release(next, committee, number, at),
      );
    } else {
      await this.#player.both(this.#player.stage.stranger, contract, "reclaim", [[number]], (next, at) =>
        committees.reclaim(committeeOf(next, committee), at, number),
      );
    }
  }

  /** Other members, of whom all that must consent do; the present ones first. */
  async propose(committee: number, offset: number, withdraw: boolean): Promise<void> {
    const { n, version } = committeeOf(this.#player.model, committee);
    const named = range(n, offset);
    const addresses = named.map((keeper) => this.#player.stage.keepers[keeper]?.operator.address);
    const { contract } = found(this.#player.stage.committees[committee], "committee");
    await this.#player.both(this.#player.convener, contract, "propose", [addresses], (next) =>
      committees.propose(committeeOf(next, committee), named),
    );
    const proposal = committeeOf(this.#player.model, committee).versions.length - 1;
    if (withdraw) {
      await this.#player.both(this.#player.convener, contract, "withdrawProposal", [proposal], (next) =>
        committees.withdrawProposal(committeeOf(next, committee), proposal),
      );
      return;
    }
    const inForce = committees.versionOf(committeeOf(this.#player.model, committee), version);
    const present = inForce.operators;
    const first = present.slice(0, (2 * (n - 1)) / 3 + 1);
    const isNew = (keeper: number): boolean => !present.includes(keeper) || inForce.resigned.has(keeper);
    const needed = [...first, ...named.filter((keeper) => isNew(keeper) && !first.includes(keeper))];
    for (const keeper of needed) {
      const { operator } = found(this.#player.stage.keepers[keeper], "keeper");
      await this.#player.both(operator, contract, "consent", [proposal], (next, at) =>
        committees.consent(next, committee, proposal, keeper, at),
      );
    }
  }

  async resign(committee: number, pick: number): Promise<void> {
    const keeper = pick % this.#player.stage.keepers.length;
    const { operator } = found(this.#player.stage.keepers[keeper], "keeper");
    const { contract } = found(this.#player.stage.committees[committee], "committee");
    await this.#player.both(operator, contract, "resign", [], (next) =>
      committees.resign(committeeOf(next, committee), keeper),
    );
  }

  /** By the convener, for a group of whatever payer. */
  async invite(committee: number, group: number, invited: boolean): Promise<void> {
    const { contract } = found(this.#player.stage.committees[committee], "committee");
    const args = [this.#player.addressOf(group), invited];
    await this.#player.both(this.#player.convener, contract, "invite", args, (next) =>
      committees.invite(committeeOf(next, committee), group, invited),
    );
  }

  async rotate(committee: number, pick: number): Promise<void> {
    const keeper = pick % this.#player.stage.keepers.length;
    const { chain, registry } = this.#player.stage.world;
    const { operator } = found(this.#player.stage.keepers[keeper], "keeper");
    const { contract } = found(this.#player.stage.committees[committee], "committee");
    if (pick % 3 !== 0) {
      const rotations = (this.#player.model.keys[keeper] ?? 0) + 1;
      const secret = secretOfKeeper(keeper, rotations);
      const proof = prove(secret, chain.chainId, await registry.getAddress(), operator.address);
      await this.#player.both(operator, registry, "rotateKeeperKey", [publicKey(secret), proof], (next) => {
        next.keys[keeper] = rotations;
      });
    }
    await this.#player.both(operator, contract, "rotateSeat", [], (next, at) =>
      committees.rotateSeat(next, committee, keeper, at),
    );
  }
}
