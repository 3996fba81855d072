/** What providers commit, block by block (R14, R16, R33), and the slots of a committee (R8). */
import { committeeOf, type Committee, type Data, type Group, type Provider, type World } from "./world.ts";

/** The first slot boundary at or after a block. */
export function slotFrom({ origin, rhythm }: Committee, block: number): number {
  let boundary = origin;
  while (boundary < block) boundary += rhythm.slot;
  return boundary;
}

/** The last slot boundary at or before a block, the origin if there is none. */
export function slotAt({ origin, rhythm }: Committee, block: number): number {
  let boundary = origin;
  while (boundary + rhythm.slot <= block) boundary += rhythm.slot;
  return boundary;
}

/** The first block in which nothing of this provider is committed any more. */
export function endOf(group: Group, provider: Provider): number {
  return Math.min(provider.leavesAt, group.endBlock);
}

/** What a provider has committed in one block; undefined before it begins and after it has left. */
export function dataAt(group: Group, provider: Provider, block: number): Data | undefined {
  if (block >= endOf(group, provider)) return undefined;
  return provider.data.findLast(({ from }) => from <= block);
}

export type Sum = { spaceTime: bigint; value: bigint };

/** Σ bytes and Σ bytes × price over the blocks [from, to). */
export function committedIn(group: Group, provider: Provider, from: number, to: number): Sum {
  const sum = { spaceTime: 0n, value: 0n };
  for (let block = from; block < to; block += 1) {
    const data = dataAt(group, provider, block);
    if (data === undefined) continue;
    sum.spaceTime += data.size;
    sum.value += data.size * data.price;
  }
  return sum;
}

/** Whether a provider of the group has committed bytes in [from, to). */
export function anythingIn(group: Group, from: number, to: number): boolean {
  return providersIn(group, from, to).length > 0;
}

/** Indices of the providers with committed bytes in [from, to). */
export function providersIn(group: Group, from: number, to: number): number[] {
  return group.providers.flatMap((provider, index) =>
    !provider.closed && committedIn(group, provider, from, to).spaceTime > 0n ? [index] : [],
  );
}

export function listed(group: Group): Provider[] {
  return group.providers.filter(({ closed }) => !closed);
}

/** Providers that have left, and are settled through their last block, are closed (R33). The end of the group closes none. */
export function closeSettled(group: Group): void {
  for (const provider of listed(group)) {
    if (provider.leavesAt <= group.settledThrough) provider.closed = true;
  }
}

/** R33, R38: where the group's calls of this block take effect, `ahead` blocks later at the earliest. */
function boundary(
  world: World,
  group: Group,
  block: number,
  ahead: (committee: Committee) => number,
): number {
  const { service, next, left } = group;
  if (service === undefined) return block + 1;
  const present = committeeOf(world, service.committee);
  // Nothing changes in blocks that are settled or credited: after an abandon in a move these lie ahead.
  const within = Math.max(slotFrom(present, block + ahead(present)), group.settledThrough);
  // After a release the boundaries of the committee count until its service is settled.
  if (within < left || next === undefined) return within;
  const later = committeeOf(world, next.committee);
  return Math.max(left, slotFrom(later, block + ahead(later)));
}

/** The block from which a change of this block is in force. */
export function effectiveFrom(world: World, group: Group, block: number): number {
  const from = boundary(world, group, block, ({ rhythm }) => rhythm.confirmations + 1);
  return Math.max(from, group.latestChange);
}

/** The block at which a notice of this block ends (R33). */
export function noticeEnds(world: World, group: Group, block: number): number {
  return boundary(world, group, block, () => group.lockup);
}

/** R38: a provider that asks to leave before a service begins leaves when it begins, at the latest. */
export function nextBeginning({ service, next }: Group, block: number): number {
  const begins = [service?.from, next?.from].filter((from) => from !== undefined && from > block) as number[];
  return Math.min(...begins);
}

/** The committee that serves a block, undefined if none is known to. */
export function servedBy(group: Group, block: number): number | undefined {
  if (group.service === undefined) return undefined;
  if (block < group.left) return group.service.committee;
  return group.next?.committee;
}
