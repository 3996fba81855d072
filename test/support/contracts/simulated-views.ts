/** Reads the contracts and compares them with the simulated chain. */
import type { Contract } from "ethers";
import { bitmap } from "../../../protocol/bitmap.ts";
import type { CertifiedGroup } from "../../../protocol/certificate.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { GroupModel } from "../../../sim/chain/group-model.ts";
import { found, range } from "./basics.ts";
import { n, type SimulatedSides } from "./simulated-sides.ts";

type View = readonly [Contract, string, ...unknown[]];
type Fields = Readonly<Record<string, unknown>>;
type See = (view: View, check: (value: never) => void) => void;
/** A view's call data, and its last answer. */
type Known = { readonly call: string; readonly result?: string; readonly value?: unknown };
type Membership = { group: string; entered: bigint; left: bigint };
type ProviderState = { activeFrom: bigint; closed: boolean; leavesAt: bigint };

export class SimulatedViews {
  readonly #sides: SimulatedSides;
  readonly #reader: Contract;
  readonly #lens: Contract;
  readonly #known = new Map<string, Known>();

  constructor(sides: SimulatedSides, reader: Contract, lens: Contract) {
    this.#sides = sides;
    this.#reader = reader;
    this.#lens = lens;
  }

  /** Many views in one call. Most answers are the same as after the step before, so they are not decoded again. */
  async #read(views: readonly View[]): Promise<unknown[]> {
    const known = views.map(([contract, name, ...args]) => this.#knownOf(contract, name, args));
    const targets = views.map(([contract]) => contract.target);
    const calls = known.map(({ call }) => call);
    const results: string[] = await this.#reader.getFunction("read").staticCall(targets, calls);
    return views.map(([{ interface: abi }, name], i) => {
      const one = found(known[i], "view");
      const result = found(results[i], "result");
      if (one.result !== result) {
        const [value] = abi.decodeFunctionResult(name, result);
        Object.assign(one, { result, value });
      }
      return one.value;
    });
  }

  #knownOf(contract: Contract, name: string, args: readonly unknown[]): Known {
    const key = [contract.target, name, ...args].join();
    const known = this.#known.get(key) ?? { call: contract.interface.encodeFunctionData(name, args) };
    this.#known.set(key, known);
    return known;
  }

  /** R38: the groups and providers with a committed slot in [ts, te), as both see them after block te. */
  async scopeOf(
    index: number,
    ts: number,
    te: number,
    signed: (group: number, provider: number) => bigint,
  ): Promise<CertifiedGroup[]> {
    const { groups } = this.#sides;
    const { contract } = this.#sides.committee(index);
    const [memberships, ...pages] = await this.#read([
      [this.#lens, "memberships", contract.target, 1, 99],
      ...groups.map(({ contract: { target } }): View => [this.#lens, "providers", target, 0, 99]),
    ]);
    // Copies, because flatMap of a decoded result is not an array's.
    const scope = [...(memberships as { number: bigint; membership: Membership }[])].flatMap(
      ({ number, membership: { group, entered, left } }) => {
        const at = groups.findIndex(({ contract: { target } }) => target === group);
        const from = Math.max(ts, Number(entered));
        const to = left === 0n ? te : Math.min(te, Number(left));
        const items = [...(pages[at] as { provider: ProviderState }[])].flatMap(({ provider }, i) => {
          const { activeFrom, closed, leavesAt } = provider;
          const inside = !closed && activeFrom < to && (leavesAt === 0n || leavesAt > from);
          return inside ? [{ provider: i, spaceTime: signed(at, i) }] : [];
        });
        if (from >= to || this.#sides.model(at).settledThrough >= to || items.length === 0) return [];
        return [{ number: Number(number), group: group.toLowerCase() as Hex, items }];
      },
    );
    const expected = this.#simulatedScope(index, ts, te);
    const actual = scope.map(
      ({ number, items }) => `${number}: ${items.map((one) => one.provider).join(" ")}`,
    );
    same(
      `scope of [${ts}, ${te}) in committee ${index}`,
      { groups: actual.join() },
      { groups: expected.join() },
    );
    return scope;
  }

  #simulatedScope(index: number, ts: number, te: number): string[] {
    const { chain } = this.#sides;
    const scope = chain.snapshot(index, chain.head).scope?.groups ?? [];
    return scope.flatMap(({ number, entered, left = te, settledThrough, providers }) => {
      const [from, to] = [Math.max(ts, entered), Math.min(te, left)];
      if (from >= to || settledThrough >= to) return [];
      const inside = providers.filter(({ history }) =>
        history.some(({ fromBlock, bytes }, i) => {
          const next = history[i + 1]?.fromBlock ?? to;
          return bytes > 0n && Math.max(fromBlock, from) < Math.min(next, to);
        }),
      );
      return inside.length === 0 ? [] : [`${number}: ${inside.map((one) => one.index).join(" ")}`];
    });
  }

  /** Everything that both chains know of. @throws at the first difference */
  async compare(step: string): Promise<void> {
    const views: View[] = [];
    const checks: ((value: never) => void)[] = [];
    const see: See = (view, check) => {
      views.push(view);
      checks.push(check);
    };
    for (const index of this.#sides.chain.next.groups.keys())
      this.#seeGroup(index, `${step}: group ${index}`, see);
    for (const index of this.#sides.committees.keys())
      this.#seeCommittee(index, `${step}: committee ${index}`, see);
    const values = await this.#read(views);
    values.forEach((value, i) => checks[i]?.(value as never));
  }

  #seeGroup(index: number, name: string, see: See): void {
    const { contract } = this.#sides.group(index);
    const group = this.#sides.model(index);
    const providerArrears = group.providers.reduce((sum, { arrears }) => sum + arrears, 0n);
    see([this.#lens, "group", contract.target], ({ escrow, state }: { escrow: Fields; state: Fields }) => {
      same(`${name} state`, state, {
        settledThrough: BigInt(group.settledThrough),
        endBlock: BigInt(group.endBlock),
        ended: group.endedAt(this.#sides.chain.head),
        arrearsSince: BigInt(group.arrearsSince),
      });
      same(`${name} escrow`, escrow, {
        deposited: group.deposited,
        paidOut: group.paidOut,
        available: group.free,
        providerArrears,
        keeperArrears: group.arrears - providerArrears,
        required: group.required(this.#sides.chain.head),
      });
    });
    const [from, to] = [group.settledThrough, group.settledThrough + 37];
    see([this.#lens, "providers", contract.target, 0, 99], (pages: { provider: Fields }[]) => {
      same(name, { providers: pages.length }, { providers: group.providers.length });
      for (const [i, provider] of group.providers.entries())
        same(`${name} provider ${i}`, pages[i]?.provider ?? {}, {
          credit: provider.credit,
          arrears: provider.arrears,
          leavesAt: BigInt(provider.leavesAt),
        });
    });
    for (const [i, provider] of group.providers.entries())
      see([this.#lens, "committed", contract.target, i, from, to], (spaceTime: bigint) =>
        same(`${name} provider ${i}`, { spaceTime }, { spaceTime: group.committed(provider, from, to) }),
      );
    for (const [place, committee] of this.#sides.committees.entries())
      for (const { version } of this.#sides.chain.committeeAt(place).versions)
        this.#seeKeepers(contract, group, [place, committee.address, version], name, see);
    see([this.#sides.world.token, "balanceOf", contract.target], (held: bigint) =>
      same(name, { held }, { held: group.deposited - group.paidOut }),
    );
  }

  #seeKeepers(
    contract: Contract,
    group: GroupModel,
    [committee, address, version]: readonly [number, string, number],
    name: string,
    see: See,
  ): void {
    const account = group.keepers.get(`${committee}/${version}`);
    const whose = `${name} committee ${committee} version ${version}`;
    see([contract, "keeperArrears", address, version], (arrears: bigint) =>
      same(whose, { arrears }, { arrears: account?.arrears ?? 0n }),
    );
    for (const seat of range(n))
      see([contract, "keeperBalance", address, version, seat], (balance: bigint) =>
        same(`${whose} seat ${seat}`, { balance }, { balance: account?.earned[seat] ?? 0n }),
      );
  }

  #seeCommittee(index: number, name: string, see: See): void {
    const { contract } = this.#sides.committee(index);
    const committee = this.#sides.chain.committeeAt(index);
    see([this.#lens, "committee", contract.target], (page: Fields) =>
      same(name, page, {
        certifiedThrough: BigInt(committee.ts),
        currentVersion: BigInt(committee.active),
        complete: BigInt(committee.next),
        lastNumber: BigInt(committee.memberships.length),
        resigned: bitmap(committee.versionOf(committee.active)?.resigned ?? []),
      }),
    );
    see([this.#lens, "memberships", contract.target, 1, 99], (pages: { membership: Fields }[]) => {
      for (const [i, { group, entered, left, ceiling }] of committee.memberships.entries())
        same(`${name} membership ${i + 1}`, pages[i]?.membership ?? {}, {
          group: this.#sides.group(group).contract.target,
          entered: BigInt(entered),
          left: BigInt(left),
          ceiling: BigInt(ceiling),
        });
    });
    for (const { certificate } of this.#sides.chain.certifiedOf(index)) {
      const { ts } = certificate;
      const known = committee.remembered.find((one) => one.ts === ts);
      const expected = BigInt(known?.hash ?? 0);
      see([contract, "rememberedAt", ts], (word: string) =>
        same(`${name} remembered ${ts}`, { hash: BigInt(word.slice(0, 2 + 50)) }, { hash: expected }),
      );
    }
  }
}

/** @throws at the first difference */
export function same(what: string, actual: Fields, expected: Fields): void {
  for (const [name, value] of Object.entries(expected)) {
    if (actual[name] !== value)
      throw new Error(
        `${what}.${name}: the simulated chain has ${String(value)}, the contract ${String(actual[name])}`,
      );
  }
}
