/** Providers of a group, their data and their leaving (R33, R38). */
import { closeSettled, effectiveFrom, listed, nextBeginning, noticeEnds } from "./commitments.ts";
import { expectFunded, largestProduct, providerOf } from "./funds.ts";
import { passIdle } from "./course.ts";
import { Checks, found, never, type Group, type Provider, type World } from "./world.ts";

/** R33: most unsettled changes of a provider. */
const mostChanges = 16;

/** How an operator's consent is given. */
export type Consent = {
  operator: number;
  size: bigint;
  price: bigint;
  flaw: "none" | "sequence" | "deadline" | "signer";
};

function consentChecks(group: Group, { operator, flaw }: Consent): Checks {
  if (flaw === "none") group.sequences.set(operator, (group.sequences.get(operator) ?? 0) + 1);
  return new Checks()
    .refuse(flaw === "sequence", "Upkeeping_WrongSequence")
    .refuse(flaw === "deadline", "Upkeeping_ConsentExpired")
    .refuse(flaw === "signer", "Upkeeping_BadConsent");
}

/** Fewest providers that any service of the group has room for. */
function room({ service, next }: Group): number {
  return Math.min(256, service?.ceiling ?? 256, next?.ceiling ?? 256);
}

export function addProvider(world: World, group: Group, block: number, consent: Consent): void {
  const { operator, size, price } = consent;
  passIdle(group, block);
  consentChecks(group, consent)
    .refuse(group.endBlock !== never, "Upkeeping_Terminated")
    .refuse(
      listed(group).some((provider) => provider.operator === operator),
      "Upkeeping_ProviderExists",
    )
    .refuse(listed(group).length >= room(group), "Upkeeping_TooManyProviders")
    .end();
  const from = effectiveFrom(world, group, block);
  group.latestChange = from;
  group.providers.push({
    operator,
    data: [{ from, size, price }],
    leavesAt: never,
    byPayer: false,
    byProvider: false,
    closed: false,
    settledChanges: 0,
    credit: 0n,
    withdrawn: 0n,
    arrears: 0n,
    paid: 1n,
    committed: 1n,
  });
  expectFunded(group, block);
}

/** Changes of a provider that are not settled: no block under them is. */
export function unsettledChanges({ data, settledChanges }: Provider): number {
  return data.length - settledChanges;
}

export function changeData(world: World, group: Group, block: number, index: number, consent: Consent): void {
  const provider = openProvider(group, index);
  const { size, price } = consent;
  const last = found(provider.data.at(-1), "data");
  // A change never takes effect before one that was made earlier.
  const from = Math.max(effectiveFrom(world, group, block), last.from);
  group.latestChange = from;
  const kept = provider.data.filter((data) => data.from !== from);
  const largest = largestProduct(group, provider);
  const leaves = provider.closed || provider.byPayer || provider.byProvider;
  const checks = consentChecks(group, consent).refuse(leaves, "Upkeeping_ProviderLeaves");
  provider.data = [...kept, { from, size, price }];
  checks.refuse(unsettledChanges(provider) > mostChanges, "Upkeeping_TooManyChanges").end();
  if (size * price > largest) expectFunded(group, block);
}

/** A provider that the payer names; after a terminate nothing changes any more. */
function openProvider(group: Group, index: number): Provider {
  const { endBlock, providers } = group;
  const provider = providers[index];
  new Checks()
    .refuse(endBlock !== never, "Upkeeping_Terminated")
    .refuse(provider === undefined, "Upkeeping_NoSuchProvider")
    .end();
  return providerOf(group, index);
}

function noticing(group: Group, index: number): Provider {
  const provider = group.providers[index];
  new Checks()
    .refuse(group.endBlock !== never, "Upkeeping_Terminated")
    .refuse(provider === undefined, "Upkeeping_NoSuchProvider")
    .refuse(provider === undefined, "Upkeeping_NotThatProvider")
    .end();
  return providerOf(group, index);
}

/** The payer, or the provider, gives notice; if the other side did before, the provider leaves with the next slot. */
export function leave(
  world: World,
  group: Group,
  block: number,
  index: number,
  by: "payer" | "provider",
): void {
  const provider = by === "payer" ? openProvider(group, index) : noticing(group, index);
  const [mine, other] =
    by === "payer" ? (["byPayer", "byProvider"] as const) : (["byProvider", "byPayer"] as const);
  const ends = provider[other] ? effectiveFrom(world, group, block) : noticeEnds(world, group, block);
  const latest = by === "provider" ? nextBeginning(group, block) : never;
  const leavesAt = Math.min(provider.leavesAt, ends, latest);
  const begins = found(provider.data[0], "data").from;
  new Checks()
    .refuse(provider.closed, "Upkeeping_ProviderLeaves")
    .refuse(provider[mine], "Upkeeping_NoticeGiven")
    .refuse(leavesAt <= begins, "Upkeeping_NotActiveYet")
    .end();
  provider[mine] = true;
  provider.leavesAt = leavesAt;
  closeSettled(group);
}
