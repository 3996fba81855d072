/** Withdrawals over many groups in one call of the factory; one that fails harms only itself (R31). */
import * as funds from "./model/funds.ts";
import { versionOf } from "./model/committee.ts";
import { committeeOf, found, groupOf, type World } from "./model/world.ts";
import type { Player } from "./sequence-player.ts";

/** What a claim pays in the model; nothing, if it has to fail. */
type Claim = { words: unknown; pay: (next: World) => bigint };

export class WithdrawalPlayer {
  readonly #player: Player;

  constructor(player: Player) {
    this.#player = player;
  }

  async ofProvider(who: number): Promise<void> {
    const { stage, groups, model } = this.#player;
    const operator = who % stage.operators.length;
    const claims = groups.flatMap((contract, group): Claim[] => {
      const { providers } = groupOf(model, group);
      const provider = providers.findLastIndex((one) => one.operator === operator);
      if (provider < 0) return [];
      const pay = (next: World): bigint => {
        const { credit } = found(groupOf(next, group).providers[provider], "provider");
        return credit > 0n ? funds.withdrawProvider(groupOf(next, group), provider) : 0n;
      };
      return [{ words: { group: contract.target, provider }, pay }];
    });
    await this.#send(stage.operators[operator], "withdrawProviders", claims);
  }

  /** All accounts of a keeper, and the one of the next seat, which is not its own unless it has that, too. */
  async ofKeeper(who: number): Promise<void> {
    const { stage, groups, model } = this.#player;
    const keeper = who % stage.keepers.length;
    const claims = groups.flatMap((contract, group) =>
      [...groupOf(model, group).accounts.keys()].flatMap((key): Claim[] => {
        const [committee, version] = key.split("/").map(Number) as [number, number];
        const { operators } = versionOf(committeeOf(model, committee), version);
        const seat = operators.indexOf(keeper);
        if (seat < 0) return [];
        const address = stage.committees[committee]?.address;
        const claimed = (index: number, own: boolean): Claim => ({
          words: { group: contract.target, committee: address, version, index },
          pay: (next) => {
            const { earned, withdrawn } = found(groupOf(next, group).accounts.get(key), "account");
            if (!own || (earned[index] ?? 0n) === (withdrawn[index] ?? 0n)) return 0n;
            return funds.withdrawKeeper(next, groupOf(next, group), { committee, version, seat: index });
          },
        });
        return [claimed(seat, true), claimed((seat + 1) % operators.length, false)];
      }),
    );
    await this.#send(stage.keepers[keeper]?.operator, "withdrawKeepers", claims);
  }

  async #send(
    from: Player["convener"] | undefined,
    method: "withdrawProviders" | "withdrawKeepers",
    claims: readonly Claim[],
  ): Promise<void> {
    const { factory } = this.#player.stage.world;
    const words = claims.map((claim) => claim.words);
    const agreed = await this.#player.both(
      found(from, "account"),
      factory,
      method,
      [words],
      (next) => claims.filter(({ pay }) => pay(next) === 0n).length,
    );
    if (agreed === undefined) return;
    const failed = agreed.receipt.logs.filter(
      (log) =>
        log.address.toLowerCase() === (factory.target as string).toLowerCase() &&
        factory.interface.parseLog(log)?.name === "WithdrawalFailed",
    ).length;
    if (failed !== agreed.result)
      throw new Error(`${method}: the model has ${agreed.result} claims fail, the contract ${failed}`);
  }
}
