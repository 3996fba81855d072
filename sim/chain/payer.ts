/** The payer of a simulated group: it keeps the amount of R32 in the escrow, unless it has no money, and changes the group. */
import type { ChainModel } from "./chain-model.ts";
import type { Draft } from "./chain-model.ts";
import type { GroupModel } from "./group-model.ts";
import { boundaryFrom, refuse } from "./rules.ts";

export class Payer {
  readonly #chain: ChainModel;
  readonly #group: number;
  #short = false;
  #seen: GroupModel | undefined;
  /** The last block through which the escrow holds the required amount (R32), if there is no further call. */
  #coveredThrough = -1;

  constructor(chain: ChainModel, group: number) {
    this.#chain = chain;
    this.#group = group;
  }

  /** From now on the payer deposits nothing; the escrow lasts at least for the lockup. */
  runShort(): void {
    this.#short = true;
  }

  /** Takes out what is not required, and deposits nothing from now on. */
  drain(): string | undefined {
    this.#short = true;
    return this.#chain.call((draft, block) => draft.group(this.#group).withdrawPayer(block));
  }

  hasMoney(): void {
    this.#short = false;
    this.#seen = undefined;
  }

  /** In every block: deposits the amount that R32 requires until two turns after the end of the open interval. */
  act(): void {
    const { head, setup } = this.#chain;
    const now = this.#chain.next.groups[this.#group];
    if (now === undefined || this.#short || (now === this.#seen && head < this.#coveredThrough)) return;
    const { interval, turn } = setup.params;
    this.#coveredThrough = Math.max(now.settledThrough + interval, head) + 2 * turn;
    const lacking = now.required(this.#coveredThrough) - now.free;
    if (lacking > 0n) this.#chain.call((draft) => draft.group(this.#group).deposit(lacking));
    this.#seen = this.#chain.next.groups[this.#group];
  }

  /** The first block of a change (R33): on the slots of the committee that serves it. */
  #effective(draft: Draft, block: number): number {
    const { services, serving, settledThrough } = draft.group(this.#group);
    if (serving === undefined) return block + 1;
    const at = Math.max(draft.committee(serving.committee).firstSlotFrom(block), settledThrough);
    const next = services[services.indexOf(serving) + 1];
    if (next === undefined || at < next.from) return at;
    return Math.max(next.from, draft.committee(next.committee).firstSlotFrom(block));
  }

  /** Changes the size of a provider's data; deposits the money for it first, unless the payer has none. */
  changeData(provider: number, bytes: bigint): string | undefined {
    const { params, price } = this.#chain.setup;
    const now = this.#chain.groupAt(this.#group);
    const blocks = BigInt(params.interval + 2 * params.turn + now.terms.lockup);
    const cost = (bytes * blocks * price) / 2n ** 64n + 2n;
    if (!this.#short) this.#chain.call((draft) => draft.group(this.#group).deposit(cost));
    return this.#chain.call((draft, block) => {
      const from = this.#effective(draft, block);
      draft.group(this.#group).changeData(block, provider, from, bytes);
    });
  }

  /** Payer and provider agree that it leaves with the next slot (R33). */
  removeProvider(provider: number): string | undefined {
    return this.#chain.call((draft, block) => {
      draft.group(this.#group).leave(provider, this.#effective(draft, block));
    });
  }

  /** R33: all commitments end at the first slot boundary at or after block + lockup. */
  terminate(): string | undefined {
    return this.#chain.call((draft, block) => {
      const group = draft.group(this.#group);
      group.passIdle(block);
      if (group.endBlock !== 0) refuse("Upkeeping_Terminated");
      const [service, next] = group.services.slice(-2);
      const last = next ?? service;
      if (last === undefined) return;
      const at = block + group.terms.lockup;
      const pending = last.from > block && next !== undefined && service !== undefined ? service : undefined;
      const serving = pending !== undefined && at <= last.from ? pending : last;
      const end = boundaryFrom(draft.committee(serving.committee).rhythm, at);
      group.endBlock = end;
      serving.left = end;
      draft.committee(serving.committee).endMembership(serving.number, end);
      if (serving !== last) draft.committee(last.committee).endMembership(last.number, last.from);
    });
  }

  /** R38: moves to another committee at its first slot boundary at least lockup blocks later. */
  move(to: number): string | undefined {
    return this.#chain.call((draft, block) => {
      const group = draft.group(this.#group);
      group.passIdle(block);
      const { service } = group;
      if (group.endBlock !== 0) refuse("Upkeeping_Terminated");
      if (service === undefined) refuse("Upkeeping_NoCommittee");
      // The next move is possible once this service has begun.
      if (service.left !== 0 || service.from > group.settledThrough) refuse("Upkeeping_ServiceEnds");
      if (service.committee === to) refuse("Upkeeping_SameCommittee");
      const target = draft.committee(to);
      const at = boundaryFrom(target.rhythm, block + group.terms.lockup);
      service.left = at;
      draft.committee(service.committee).endMembership(service.number, at);
      const number = target.enter(this.#group, group.terms.ceiling, at);
      group.services.push({ committee: to, number, from: at, left: 0 });
      group.leaveBy(at);
      group.checkFunds(block);
    });
  }

  /** R38: a member releases a group without a provider, or in arrears for longer than its lockup. */
  release(): string | undefined {
    return this.#chain.call((draft, block) => {
      const group = draft.group(this.#group);
      group.passIdle(block);
      const { service, arrearsSince } = group;
      const { lockup } = group.terms;
      const empty = group.providers.every((one) => group.bytesAt(one, block) === 0n);
      const owes = arrearsSince !== 0 && block > arrearsSince + lockup;
      if (service === undefined) refuse("Upkeeping_NoCommittee");
      if (service.left !== 0) refuse("Upkeeping_ServiceEnds");
      if (!empty && !owes) refuse("Upkeeping_NotReleasable");
      const at = boundaryFrom(draft.committee(service.committee).rhythm, block + lockup);
      service.left = at;
      draft.committee(service.committee).endMembership(service.number, at);
    });
  }
}
