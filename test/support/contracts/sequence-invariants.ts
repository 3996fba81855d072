/** S1, S3 and S8 of random sequences, checked apart from the comparison with the model. */
import { dataAt } from "./model/commitments.ts";
import { availableOf, requiredOf } from "./model/funds.ts";
import type { Handed } from "./model/settlement.ts";
import { committeeOf, found, groupOf, type Certificate, type World } from "./model/world.ts";
import type { Player } from "./sequence-player.ts";
import type { Receipt } from "./sequence-stage.ts";

type Settled = Exclude<Handed, { refused: unknown }>;

export class Invariants {
  readonly #player: Player;
  /** S8: whether each group was solvent in the block in which an interval may begin. */
  readonly #solvent = new Map<string, boolean>();
  /** Block of the last withdrawal by the payer. */
  readonly #withdrawn = new Map<number, number>();
  /** S1: the block up to which the events of each group say that it is settled or credited. */
  readonly #covered = new Map<number, number>();
  #before: World;
  #block = 0;
  /** Settlements of groups that S8 speaks of. */
  funded = 0;

  constructor(player: Player) {
    this.#player = player;
    this.#before = player.model;
  }

  /** Notes which groups are solvent in the blocks [from, to], before any call in `to`. */
  noteBlocks(from: number, to: number): void {
    const { model, committees } = this.#player;
    for (let block = from; block <= to; block += 1) {
      const begins = committees.some((index) => {
        const { certifiedThrough, rhythm } = committeeOf(model, index);
        const past = block - certifiedThrough - rhythm.interval;
        return past >= 0 && past % rhythm.turn === 0;
      });
      for (const [index, group] of model.groups.entries()) {
        if (begins || group.service?.from === block || group.next?.from === block)
          this.#solvent.set(`${index}/${block}`, availableOf(group) >= requiredOf(group, block));
      }
    }
  }

  afterCall(before: World, receipt: Receipt, block: number): void {
    this.#before = before;
    this.#block = block;
    for (const log of receipt.logs) {
      const index = this.#player.groups.findIndex(
        ({ target }) => (target as string).toLowerCase() === log.address.toLowerCase(),
      );
      const event = index < 0 ? null : this.#player.stage.groupAbi.parseLog(log);
      if (event === null) continue;
      if (event.name === "PayerWithdrawn") this.#withdrawn.set(index, block);
      if (event.name === "Settled") {
        const word = BigInt(event.args["interval"]);
        const at = (shift: bigint): number => Number((word >> shift) & ((1n << 40n) - 1n));
        this.#cover(index, at(172n), at(132n));
      }
      if (event.name === "Credited")
        this.#cover(index, Number(event.args["from"]), Number(event.args["through"]));
    }
  }

  /** S1: no block is paid for twice, and none with a committed byte is left out. */
  #cover(index: number, from: number, through: number): void {
    const group = groupOf(this.#player.model, index);
    const covered = this.#covered.get(index) ?? 0;
    if (from < covered || through < from)
      throw new Error(
        `S1: group ${index} is covered up to ${covered}, and settled again in [${from}, ${through})`,
      );
    for (let block = covered; block < from; block += 1) {
      if (group.providers.some((provider) => dataAt(group, provider, block) !== undefined))
        throw new Error(`S1: block ${block} of group ${index} is neither settled nor credited`);
    }
    this.#covered.set(index, through);
  }

  afterSettlement(
    committee: number,
    certificate: Certificate,
    settled: Settled,
    seat: number | undefined,
  ): void {
    this.#checkPayees(committee, certificate, settled, seat);
    this.#checkFunded(settled);
  }

  /** S3: only payees of the certificate take a share, or the late sender in the leader's place; a failed keeper takes none. */
  #checkPayees(
    committee: number,
    certificate: Certificate,
    settled: Settled,
    seat: number | undefined,
  ): void {
    const key = `${committee}/${certificate.version}`;
    const earned = (world: World, i: number): bigint =>
      groupOf(world, settled.group).accounts.get(key)?.earned[i] ?? 0n;
    for (let i = 0; i < committeeOf(this.#player.model, committee).n; i += 1) {
      const more = earned(this.#player.model, i) - earned(this.#before, i) - settled.arrearsShare;
      if (more === 0n) continue;
      const inPlace = i === seat && certificate.payees.includes(certificate.leader);
      if ((!certificate.payees.includes(i) && !inPlace) || certificate.failed.includes(i))
        throw new Error(
          `S3: seat ${i} took ${more} of [${certificate.ts}, ${certificate.te}) in group ${settled.group}`,
        );
    }
  }

  /** S8: a group that was solvent when the interval began, and is settled in time, pays each provider in full. */
  #checkFunded({ group: index, from, full }: Settled): void {
    const { lockup, providers } = groupOf(this.#player.model, index);
    const withdrawn = this.#withdrawn.get(index) ?? 0;
    if (this.#solvent.get(`${index}/${from}`) !== true || withdrawn >= from || this.#block > from + lockup)
      return;
    this.funded += 1;
    for (const { provider, net } of full) {
      const before = found(groupOf(this.#before, index).providers[provider], "provider");
      const after = found(providers[provider], "provider");
      const credited = after.credit - before.credit;
      if (credited < net || after.arrears > before.arrears)
        throw new Error(
          `S8: provider ${provider} of group ${index} proved ${net}, and got ${credited} for [${from}, …)`,
        );
    }
  }
}
