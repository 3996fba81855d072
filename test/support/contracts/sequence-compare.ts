/** Compares everything that can be read from the contracts with the model, and checks S2. */
import { ZeroAddress, type Contract } from "ethers";
import { committedIn, effectiveFrom, endOf, listed, servedBy } from "./model/commitments.ts";
import { reservedBy, versionOf } from "./model/committee.ts";
import { availableOf, hasEnded, keeperArrears, providerArrears, requiredOf } from "./model/funds.ts";
import { unsettledChanges } from "./model/providers.ts";
import { committeeOf, groupOf, never, type Group, type World } from "./model/world.ts";
import type { Stage } from "./sequence-stage.ts";

export type Sides = {
  stage: Stage;
  model: World;
  groups: readonly Contract[];
  committees: readonly number[];
  /** The groups' money is the chain's coin. */
  coin: boolean;
};

/** @throws at the first difference */
export async function compare(sides: Sides): Promise<void> {
  const { stage, groups, committees } = sides;
  const block = await stage.world.chain.block();
  const views: (readonly [Contract, string, ...unknown[]])[] = [];
  const checks: ((value: never) => void)[] = [];
  const note: See = (view, check) => {
    views.push(view);
    checks.push(check);
  };
  for (const index of groups.keys()) seeGroup(sides, index, block, note);
  for (const index of committees) seeCommittee(sides, index, note);
  const values = await stage.read(views);
  values.forEach((value, i) => checks[i]?.(value as never));
  for (const [index, contract] of groups.entries()) {
    // S2: what came in is what went out and what is there.
    const group = groupOf(sides.model, index);
    const held = await stage.heldBy(contract.target as string, sides.coin);
    same(`group ${index} S2`, { held }, { held: group.deposited - group.paidOut });
  }
}

type See = (view: readonly [Contract, string, ...unknown[]], check: (value: never) => void) => void;

// Views are named tuples, compared field by field.
type Fields = Readonly<Record<string, unknown>>;
type Page = { payer: string; state: Fields & { service: Fields; next: Fields }; escrow: Fields };
type ProviderPage = {
  index: bigint;
  provider: Fields & { paidSpaceTime: bigint; committedSpaceTime: bigint };
};

function blockOr0(block: number): bigint {
  return block === never ? 0n : BigInt(block);
}

function seeGroup(sides: Sides, index: number, block: number, see: See): void {
  const { stage, model, groups } = sides;
  const contract = groups[index] as Contract;
  const group = groupOf(model, index);
  const { lens } = stage;
  const name = `group ${index}`;
  const available = availableOf(group);
  const required = requiredOf(group, block);
  see([lens, "group", contract.target], ({ state, escrow }: Page) => {
    same(`${name} escrow`, escrow, {
      deposited: group.deposited,
      paidOut: group.paidOut,
      available,
      providerArrears: providerArrears(group),
      keeperArrears: keeperArrears(group),
      required,
    });
    const service = group.service ?? { committee: -1, number: 0, ceiling: 0, from: 0 };
    const next = group.next ?? { committee: -1, number: 0, ceiling: 0, from: 0 };
    const shown = (s: typeof service): Fields => ({
      committee: stage.committees[s.committee]?.address ?? ZeroAddress,
      number: BigInt(s.number),
      ceiling: BigInt(s.ceiling),
    });
    same(`${name} state`, state, {
      settledThrough: BigInt(group.settledThrough),
      endBlock: blockOr0(group.endBlock),
      left: blockOr0(group.left),
      ended: hasEnded(group, block),
      listed: BigInt(listed(group).length),
      providerCount: BigInt(group.providers.length),
      arrearsSince: BigInt(group.arrearsSince),
    });
    same(`${name} service`, state.service, shown(service));
    same(`${name} next service`, state.next, { ...shown(next), from: BigInt(next.from) });
  });
  see([lens, "withdrawable", contract.target], (withdrawable: bigint) =>
    same(name, { withdrawable }, { withdrawable: available > required ? available - required : 0n }),
  );
  if (group.endBlock === never)
    see([contract, "effectiveFrom"], ([committee, from]: [string, bigint]) => {
      const expected = effectiveFrom(model, group, block);
      const serving = servedBy(group, expected);
      const address = serving === undefined ? ZeroAddress : stage.committees[serving]?.address;
      same(`${name} effectiveFrom`, { committee, from }, { committee: address, from: BigInt(expected) });
    });
  seeProviders(sides, index, see);
  seeKeepers(sides, index, see);
}

function seeProviders({ stage, model, groups }: Sides, index: number, see: See): void {
  const { lens } = stage;
  const target = (groups[index] as Contract).target;
  const group = groupOf(model, index);
  see([lens, "providers", target, 0, 99], (pages: ProviderPage[]) => {
    for (const [i, { provider }] of pages.entries()) compareProvider(group, index, i, provider);
  });
  // R16: the contract's own integral of committed bytes, in a part of the unsettled blocks that moves with the state.
  const from = group.settledThrough + (group.providers.length % 3);
  const to = from + 1 + (group.settledThrough % 31);
  group.providers.forEach((provider, i) => {
    if (provider.closed) return;
    see([lens, "committed", target, i, from, to], ([spaceTime, value]: [bigint, bigint]) =>
      same(
        `group ${index} provider ${i} in [${from}, ${to})`,
        { spaceTime, value },
        committedIn(group, provider, from, to),
      ),
    );
  });
}

function compareProvider(group: Group, index: number, i: number, page: ProviderPage["provider"]): void {
  const provider = group.providers[i];
  if (provider === undefined) throw new Error(`provider ${i}: expected none, actual one in the contract`);
  same(`group ${index} provider ${i}`, page, {
    closed: provider.closed,
    activeFrom: BigInt(provider.data[0]?.from ?? 0),
    leavesAt: blockOr0(provider.leavesAt),
    noticeByPayer: provider.byPayer,
    noticeByProvider: provider.byProvider,
    credit: provider.credit,
    arrears: provider.arrears,
  });
  if (provider.closed) return;
  const { paidSpaceTime: paid, committedSpaceTime: committed } = page;
  same(
    `group ${index} provider ${i}`,
    { rate: paid * provider.committed },
    { rate: provider.paid * committed },
  );
  if (endOf(group, provider) === never)
    same(
      `group ${index} provider ${i}`,
      { changes: page["unsettledChanges"] },
      { changes: BigInt(unsettledChanges(provider)) },
    );
}

function seeKeepers({ stage, model, groups, committees }: Sides, index: number, see: See): void {
  const contract = groups[index] as Contract;
  const { accounts } = groupOf(model, index);
  for (const committee of committees) {
    const { versions, n } = committeeOf(model, committee);
    const address = stage.committees[committee]?.address;
    for (let version = 1; version < versions.length; version += 1) {
      const account = accounts.get(`${committee}/${version}`);
      const name = `group ${index} version ${version} of committee ${committee}`;
      if (account === undefined && version < versions.length - 1) continue;
      see([contract, "keeperArrears", address, version], (arrears: bigint) =>
        same(name, { arrears }, { arrears: account?.arrears ?? 0n }),
      );
      for (let seat = 0; seat < n; seat += 1) {
        const expected = (account?.earned[seat] ?? 0n) - (account?.withdrawn[seat] ?? 0n);
        see([contract, "keeperBalance", address, version, seat], (balance: bigint) =>
          same(`${name} seat ${seat}`, { balance }, { balance: expected }),
        );
      }
    }
  }
}

function seeCommittee({ stage, model }: Sides, index: number, see: See): void {
  const committee = committeeOf(model, index);
  const { contract } = stage.committees[index] ?? {};
  if (contract === undefined) throw new Error(`committee ${index}: expected one`);
  const name = `committee ${index}`;
  const is = (view: string, expected: number): void =>
    see([contract, view], (value: bigint) => same(name, { [view]: value }, { [view]: BigInt(expected) }));
  is("certifiedThrough", committee.certifiedThrough);
  is("currentVersion", committee.version);
  is("lastVersion", committee.versions.length - 1);
  is("lastNumber", committee.memberships.size);
  is("reserved", reservedBy(committee));
  const { operators, resigned } = versionOf(committee, committee.version);
  const seats = operators.reduce((bits, keeper, seat) => bits + (resigned.has(keeper) ? 2 ** seat : 0), 0);
  is("resigned", seats);
  for (const [number, { ceiling, entered, left, freed }] of committee.memberships)
    see([contract, "membership", number], (membership: Fields) =>
      same(`${name} membership ${number}`, membership, {
        ceiling: freed ? 0n : BigInt(ceiling),
        entered: BigInt(entered),
        left: blockOr0(left),
      }),
    );
}

function same(what: string, actual: Fields, expected: Fields): void {
  for (const [name, value] of Object.entries(expected)) {
    if (actual[name] !== value)
      throw new Error(
        `${what}.${name}: the model has ${String(value)}, the contract ${String(actual[name])}`,
      );
  }
}
