/** Ends a group after a sequence: whatever happened, everybody gets its money, and nothing stays locked (S2, L3). */
import { keeperArrears, providerArrears, availableOf, hasEnded } from "./model/funds.ts";
import * as funds from "./model/funds.ts";
import * as service from "./model/service.ts";
import { committeeOf, groupOf, never } from "./model/world.ts";
import type { Player } from "./sequence-player.ts";

/** Intervals and moves that may be open when a sequence ends, and one more. */
const mostAbandons = 4;

/** Ends the group without any committee, and withdraws all credits: the group must then be empty. */
export async function windUp(player: Player, index: number): Promise<void> {
  if (groupOf(player.model, index).endBlock === never) await player.play({ kind: "terminate", group: index });
  await abandonThroughEnd(player, index);
  const group = groupOf(player.model, index);
  const owed = providerArrears(group) + keeperArrears(group);
  if (owed > 0n) {
    const lacking = owed - availableOf(group);
    if (lacking > 0n) await player.deposit(index, lacking);
    await player.play({ kind: "collectAll", group: index });
  }
  await pullAll(player, index);
  await player.compare();
  const held = await player.stage.heldBy(player.addressOf(index), player.coin);
  if (held !== 0n) throw new Error(`group ${index}: expected to be empty, actual ${held} units left`);
}

/** R34: the payer alone ends it, whatever committees do; each step after the wait that the rules ask for. */
async function abandonThroughEnd(player: Player, index: number): Promise<void> {
  const ended = async (): Promise<boolean> =>
    hasEnded(groupOf(player.model, index), (await player.block()) + 1);
  for (let i = 0; !(await ended()); i += 1) {
    if (i > mostAbandons) throw new Error(`L3: group ${index} has not ended after ${i} abandons`);
    const group = groupOf(player.model, index);
    const named =
      group.service === undefined ? 0 : beyond(player, group.service.committee, group.settledThrough);
    const from = service.abandonableFrom(player.model, group, named);
    if (from === never)
      throw new Error(`L3: group ${index} cannot be abandoned from ${group.settledThrough} on`);
    await player.reach(Math.max(from, group.endBlock + 4));
    if (await ended()) return;
    await player.play({ kind: "abandon", group: index, by: -1, wait: false, offset: 0, named: 0 });
  }
}

/** Start of the first remembered certificate beyond a block. */
function beyond(player: Player, committee: number, block: number): number {
  const { remembered } = committeeOf(player.model, committee);
  return [...remembered.values()].find(({ certificate }) => certificate.te > block)?.certificate.ts ?? 0;
}

async function pullAll(player: Player, index: number): Promise<void> {
  const { providers, accounts } = groupOf(player.model, index);
  for (const [who, { credit }] of providers.entries()) {
    if (credit > 0n) await player.play({ kind: "pull", group: index, who });
  }
  for (const [account, { earned, withdrawn }] of [...accounts.values()].entries()) {
    for (const [seat, amount] of earned.entries()) {
      if (amount > (withdrawn[seat] ?? 0n))
        await player.play({ kind: "pullKeeper", group: index, account, seat });
    }
  }
  const amount = availableOf(groupOf(player.model, index));
  if (amount === 0n) return;
  const payer = player.payerOf(index);
  const args = [amount, payer.address];
  await player.both(payer, player.group(index), "withdrawPayer", args, (next, at) =>
    funds.withdrawPayer(groupOf(next, index), at, amount),
  );
}
