/** Runs of calls that single steps rarely come to in a row; each call is made on the contract and on the model. */
import { availableOf, providerArrears, requiredOf } from "./model/funds.ts";
import { abandonableFrom } from "./model/service.ts";
import { committeeOf, groupOf, never, type Certificate, type Group } from "./model/world.ts";
import type { CertificatePlayer } from "./sequence-certificates.ts";
import type { Player } from "./sequence-player.ts";
import { calm, type Scene } from "./sequence-steps.ts";

export class ScenePlayer {
  readonly #player: Player;
  readonly #certificates: CertificatePlayer;

  constructor(player: Player, certificates: CertificatePlayer) {
    this.#player = player;
    this.#certificates = certificates;
  }

  async play(scene: Scene, index: number): Promise<void> {
    const group = this.#group(index);
    // After a release or in a move the calls of a scene would be refused; single steps try them.
    if (group.service === undefined || group.left !== never || group.endBlock !== never) return;
    if (scene.kind === "starve") return this.#starve(index, BigInt(scene.permille));
    if (scene.kind === "settleLate") return this.#settleLate(index, scene);
    return scene.move ? this.#moveAndReturn(index) : this.#abandonAndReturn(index);
  }

  #group(index: number): Group {
    return groupOf(this.#player.model, index);
  }

  #serving(index: number): number | undefined {
    return this.#group(index).service?.committee;
  }

  /** A certificate in time; a late one if blocks were let pass. */
  async #certify(committee: number | undefined, hand: "all" | "none" = "all"): Promise<void> {
    if (committee !== undefined) await this.#certificates.certify(committee, { ...calm, hand });
  }

  async #enter(index: number, committee: number): Promise<void> {
    const place = this.#player.committees.indexOf(committee);
    await this.#player.play({ kind: "fund", group: index, permille: 2_000 });
    await this.#player.play({ kind: "enter", group: index, committee: place, ceiling: 6 });
  }

  /** R34: a group that left a committee comes back to the same members, who find their account as it was. */
  async #abandonAndReturn(index: number): Promise<void> {
    const committee = this.#serving(index);
    if (committee === undefined) return;
    await this.#certify(committee);
    await this.#player.play({ kind: "abandon", group: index, by: -1, wait: true, offset: 0, named: 0 });
    if (this.#serving(index) !== undefined) return;
    await this.#enter(index, committee);
    await this.#certify(committee);
    await this.#certify(committee);
  }

  /** R38: a move to the other committee, and back under a new number. */
  async #moveAndReturn(index: number): Promise<void> {
    const first = this.#serving(index);
    const second = this.#player.committees.find((committee) => committee !== first);
    if (first === undefined || second === undefined) return;
    await this.#certify(first);
    for (const [from, to] of [
      [first, second],
      [second, first],
    ] as const) {
      await this.#enter(index, to);
      if (this.#group(index).next === undefined) return;
      await this.#settleThrough(index, from, this.#group(index).left);
      await this.#certify(to);
      await this.#certify(to);
    }
  }

  /** Certifies until a group is settled through a block, or its settlement is refused. */
  async #settleThrough(index: number, committee: number, block: number): Promise<void> {
    for (let i = 0; i < 8 && this.#group(index).settledThrough < block; i += 1) {
      // One late certificate covers what several in time would.
      await this.#player.reach(block);
      await this.#certify(committee);
    }
  }

  /** R32: arrears are not collected with money that is required for others. */
  async #starve(index: number, permille: bigint): Promise<void> {
    const player = this.#player;
    await player.play({ kind: "withdraw", group: index, permille: 1000 });
    await this.#settleThrough(index, this.#serving(index) ?? 0, (await player.block()) + 200);
    const group = this.#group(index);
    if (providerArrears(group) === 0n) return;
    const owed = requiredOf(group, (await player.block()) + 2);
    const [arrears, available] = [providerArrears(group), availableOf(group)];
    const wanted = arrears + ((owed - arrears) * permille) / 1000n;
    if (wanted > available) await player.deposit(index, wanted - available);
    const who = group.providers.findIndex((provider) => provider.arrears > 0n);
    await player.play({ kind: "collect", group: index, who });
    for (const [account, { arrears: due }] of [...group.accounts.values()].entries()) {
      if (due > 0n) await player.play({ kind: "collectKeepers", group: index, account, seat: 0 });
    }
  }

  /** R34 (b): who settles a group late has `lockup` blocks for the next interval from then on, not from its certificate. */
  async #settleLate(index: number, scene: { delay: number; offset: number }): Promise<void> {
    const player = this.#player;
    const committee = this.#serving(index);
    if (committee === undefined) return;
    const behind = (): Certificate[] =>
      [...committeeOf(player.model, committee).remembered.values()]
        .map(({ certificate }) => certificate)
        .filter(({ te, entries }) => {
          const { settledThrough } = this.#group(index);
          return te > settledThrough && entries.some((entry) => entry.group === index);
        });
    await this.#certify(committee, "none");
    await this.#certify(committee, "none");
    const [earlier, later] = behind();
    if (earlier === undefined || later === undefined) return;
    await player.reach((await player.block()) + 1 + scene.delay);
    await this.#certificates.settleGroup(committee, earlier, index);
    const accepted = committeeOf(player.model, committee).remembered.get(later.ts)?.acceptedAt ?? never;
    const from = accepted + this.#group(index).lockup;
    if (from === never) return;
    // After its acceptance and lockup blocks, but before lockup blocks from the late settlement.
    const until = abandonableFrom(player.model, this.#group(index), later.ts);
    const block = Math.min(from + scene.offset, until === never ? from : until - 1);
    await player.reach(block);
    await player.play({ kind: "abandon", group: index, by: -1, wait: false, offset: 0, named: 0 });
    if (scene.offset % 2 === 0) await this.#certificates.settleGroup(committee, later, index);
    else await player.play({ kind: "abandon", group: index, by: -1, wait: true, offset: 0, named: 0 });
  }
}
