/** A keeper's seats: the committees in which it consented, from the chain alone, and the groups that they serve (R37–R39). */
import { Contract, getAddress, zeroPadValue, type Provider } from "ethers";
import { committeeAbi, factoryAbi } from "./abi.ts";
import { CommitteeReader, type CommitteeVersion, type Membership } from "./committee-view.ts";
import { expectContract } from "./missing-contract.ts";
import { registeredKeeper, registryAt } from "./registry.ts";
import { groupEvents } from "./watch.ts";

export type SeatSearch = {
  readonly registry: string;
  /** Committees of other factories are not the protocol's. */
  readonly factories: readonly string[];
  readonly operator: string;
};

/** A committee in which an operator consented, now or earlier. */
export type Seat = {
  readonly committee: string;
  /** Block of its first consent there. */
  readonly since: number;
  /** Whether every first member has consented (R37). */
  readonly formed: boolean;
  /** The version in force; before the committee is formed the first one. */
  readonly version: CommitteeVersion;
  /** The operator's place in it; undefined if it has none. */
  readonly index: number | undefined;
};

const consentTopic = (committeeAbi.getEvent("MemberConsented") as { topicHash: string }).topicHash;
/** Calls that are sent at once. */
const callsAtOnce = 100;

/**
 * Oldest consent first.
 * @throws WhitePayError `input` if there is no registry or factory at an address
 */
export async function seatsOf(
  provider: Provider,
  { registry, factories, operator }: SeatSearch,
): Promise<Seat[]> {
  const [{ registeredAt }, to] = await Promise.all([
    registeredKeeper(registryAt(registry, provider), operator),
    provider.getBlockNumber(),
  ]);
  // An operator is no committee, but this asks every factory, although there may be no consent.
  await factoryOf(provider, factories, operator);
  // Nobody consents before it is registered (R3).
  if (registeredAt === 0) return [];
  const topics = [consentTopic, null, null, zeroPadValue(operator, 32)];
  const range = { from: registeredAt, to, abi: committeeAbi, topics };
  const since = new Map<string, number>();
  for (const { contract, block } of await groupEvents(provider, undefined, range)) {
    if (!since.has(contract)) since.set(contract, block);
  }
  const seats: Seat[] = [];
  for (const [committee, block] of since) {
    if ((await factoryOf(provider, factories, committee)) === undefined) continue;
    seats.push(await seatIn(provider, { committee, since: block, operator }));
  }
  return seats;
}

/**
 * Which of the factories made the committee; undefined: none. Any contract may emit a consent's event.
 * @throws WhitePayError `input` if there is no factory at an address
 */
export async function factoryOf(
  provider: Provider,
  factories: readonly string[],
  committee: string,
): Promise<string | undefined> {
  for (const factory of factories) {
    const contract = new Contract(factory, factoryAbi, provider);
    const made: unknown = await expectContract("factory", factory, () =>
      contract.getFunction("isCommittee")(committee),
    );
    if (made === true) return factory;
  }
  return undefined;
}

async function seatIn(
  provider: Provider,
  { committee, since, operator }: Pick<Seat, "committee" | "since"> & { readonly operator: string },
): Promise<Seat> {
  const view = new CommitteeReader(provider, committee);
  const [version, [origin]] = await Promise.all([view.present(), view.read("originBlock")]);
  const place = version.operators.findIndex((member) => getAddress(member) === getAddress(operator));
  const index = place < 0 ? undefined : place;
  return { committee, since, formed: (origin as bigint) > 0n, version, index };
}

/** Memberships of a committee that have a block at or after `block`, in the order of their numbers. */
export async function membershipsFrom(
  provider: Provider,
  committee: string,
  block: number,
): Promise<Membership[]> {
  const view = new CommitteeReader(provider, committee);
  const last = Number((await view.read("lastNumber"))[0]);
  const found: Membership[] = [];
  for (let first = 1; first <= last; first += callsAtOnce) {
    const count = Math.min(callsAtOnce, last + 1 - first);
    const page = await Promise.all(Array.from({ length: count }, (_, i) => view.membership(first + i)));
    found.push(...page.filter(({ left }) => left === undefined || left > block));
  }
  return found;
}
